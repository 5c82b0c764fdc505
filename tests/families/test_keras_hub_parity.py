"""Every family that KerasHub has against KerasHub: presets of either in the other.

A preset means the same on every backend, which other tests hold; here one is enough.
"""

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.backbones import BACKBONES
from hub_tasks.families import FAMILIES
from tests.checks.tiny import LABELS, TEXTS, tiny_classifier, tiny_tokenizer

keras_hub = pytest.importorskip("keras_hub", reason="keras-nlp is not installed")

CLASSIFIERS = [n for n, family in FAMILIES.items() if "TextClassifier" in family.keras_hub]
BACKBONES_ALONE = [n for n, f in FAMILIES.items() if f.keras_hub and n not in CLASSIFIERS]
PAIRS = (TEXTS, TEXTS[::-1])


@pytest.fixture(scope="module", params=CLASSIFIERS)
def classifier(request, tmp_path_factory):
    """Our classifier, after a little training, and the directory of its preset."""
    clf = tiny_classifier(request.param, dropout=0.0, labels=["negative", "positive"])
    clf.fit(TEXTS, LABELS, verbose=0)
    directory = tmp_path_factory.mktemp(request.param) / "ours"
    clf.save_to_preset(directory)
    return clf, directory


def theirs_on(model, texts):
    """KerasHub's outputs for texts or pairs."""
    inputs = model.preprocessor(texts, y=None) if isinstance(texts, tuple) else texts
    if isinstance(texts, tuple):
        return keras.ops.convert_to_numpy(model({k: np.asarray(v) for k, v in inputs.items()}))
    return np.asarray(model.predict(texts, verbose=0))


def test_keras_hub_reads_what_we_write(classifier):
    ours, directory = classifier
    theirs = keras_hub.models.TextClassifier.from_preset(str(directory))
    assert type(theirs).__name__ == type(ours).__name__
    for texts in (TEXTS, PAIRS):
        expected = ours.predict(texts, verbose=0)
        assert np.ptp(expected) > 0.01
        np.testing.assert_allclose(theirs_on(theirs, texts), expected, atol=1e-4)


def test_we_read_what_keras_hub_writes(classifier, tmp_path):
    ours, directory = classifier
    theirs = keras_hub.models.TextClassifier.from_preset(str(directory))
    theirs.save_to_preset(str(tmp_path / "theirs"))
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "theirs")
    for texts in (TEXTS, PAIRS):
        expected = ours.predict(texts, verbose=0)
        np.testing.assert_allclose(again.predict(texts, verbose=0), expected, atol=1e-5)
    assert again.preprocessor.tokenizer.vocabulary == ours.preprocessor.tokenizer.vocabulary


@pytest.mark.parametrize("name", BACKBONES_ALONE)
def test_backbones_without_a_classifier(name, tmp_path):
    ours = tiny_classifier(name).backbone
    ours.save_to_preset(tmp_path / "ours")
    theirs = keras_hub.models.Backbone.from_preset(str(tmp_path / "ours"))
    inputs = {key: np.array([[3, 7, 9, 1, 0]], "int32") for key in ours.input}
    inputs["padding_mask"] = np.array([[1, 1, 1, 1, 0]], "int32")
    if "segment_ids" in inputs:
        inputs["segment_ids"] = np.array([[0, 0, 1, 1, 0]], "int32")
    expected, got = ours(inputs)["sequence_output"], theirs(inputs)["sequence_output"]
    expected, got = (keras.ops.convert_to_numpy(x)[:, :4] for x in (expected, got))
    np.testing.assert_allclose(got, expected, atol=1e-5)
    theirs.save_to_preset(str(tmp_path / "theirs"))
    again = BACKBONES[name].from_preset(tmp_path / "theirs")
    for a, b in zip(ours.weights, again.weights, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory):
    """A BERT of KerasHub under its XLM-RoBERTa tokenizer, like its multilingual E5; its preset."""
    directory = tmp_path_factory.mktemp("multilingual")
    tiny_tokenizer("xlm_roberta").save_to_preset(directory / "tokenizer")
    models = keras_hub.models
    model = (directory / "tokenizer" / "assets" / "tokenizer" / "vocabulary.spm").read_bytes()
    preprocessor = models.BertTextClassifierPreprocessor(
        models.XLMRobertaTokenizer(proto=model), sequence_length=16
    )
    backbone = models.BertBackbone(**FAMILIES["bert"].tiny)
    theirs = models.BertTextClassifier(backbone, num_classes=2, preprocessor=preprocessor)
    for variable in theirs.weights:
        variable.assign(variable * 8)
    theirs.save_to_preset(str(directory / "theirs"))
    return theirs, directory / "theirs"


def test_a_tokenizer_of_another_family_passes_between_the_libraries(multilingual, tmp_path):
    theirs, directory = multilingual
    ours = hub_tasks.TextClassifier.from_preset(directory)
    assert type(ours) is hub_tasks.BertTextClassifier
    assert type(ours.preprocessor.tokenizer) is hub_tasks.XLMRobertaTokenizer
    ours.save_to_preset(tmp_path / "ours")
    again = keras_hub.models.TextClassifier.from_preset(str(tmp_path / "ours"))
    for texts in (TEXTS, PAIRS):  # pairs as KerasHub's BERT joins them, and not as transformers
        expected = theirs_on(theirs, texts)
        assert np.ptp(expected) > 0.01
        np.testing.assert_allclose(ours.predict(texts, verbose=0), expected, atol=1e-4)
        np.testing.assert_allclose(theirs_on(again, texts), expected, atol=1e-5)
