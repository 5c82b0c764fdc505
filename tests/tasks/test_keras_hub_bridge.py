"""Backbones and preprocessors of KerasHub under our classifier."""

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.errors import DataError, PresetSaveError
from hub_tasks.families import FAMILIES
from hub_tasks.presets.vocabulary import write_sentencepiece
from tests.checks.tiny import LABELS, TEXTS, tiny_tokenizer

models = pytest.importorskip("keras_hub", reason="keras-nlp is not installed").models
pytestmark = pytest.mark.backend

SIZES = {"vocabulary_size": 40, "num_layers": 2, "hidden_dim": 8, "intermediate_dim": 12}
PAIRS = (TEXTS, TEXTS[::-1])
LENGTH = 16


def sentencepiece():
    """A SentencePiece model with the special tokens of FNet."""
    tokenizer = tiny_tokenizer("albert")
    options = {**tokenizer.options, "added_tokens": ()}
    return write_sentencepiece(FAMILIES["albert"], tokenizer.vocabulary, options)


def f_net():
    backbone = models.FNetBackbone(**SIZES, max_sequence_length=LENGTH)
    tokenizer = models.FNetTokenizer(sentencepiece())
    return backbone, models.FNetTextClassifierPreprocessor(tokenizer, sequence_length=LENGTH)


def bert():
    backbone = models.BertBackbone(**SIZES, num_heads=2, max_sequence_length=LENGTH)
    tokenizer = models.BertTokenizer(list(tiny_tokenizer("bert").vocabulary), lowercase=True)
    return backbone, models.BertTextClassifierPreprocessor(tokenizer, sequence_length=LENGTH)


@pytest.fixture(params=[f_net, bert], ids=["without a mask", "with a mask"])
def pair(request):
    """Our classifier over KerasHub's parts, and KerasHub's own with the same weights."""
    backbone, preprocessor = request.param()
    for variable in backbone.weights:
        if "kernel" in variable.path or "embeddings" in variable.path:
            variable.assign(variable * 8)
    ours = hub_tasks.TextClassifier(backbone, preprocessor=preprocessor, labels=["a", "b", "c"])
    name = type(backbone).__name__.replace("Backbone", "TextClassifier")
    theirs = getattr(models, name)(backbone, num_classes=3, preprocessor=preprocessor)
    for mine, their in zip(ours.head_variables(), theirs.layers[-1].weights, strict=True):
        mine.assign(their * 8)
        their.assign(their * 8)
    return ours, theirs


def test_outputs_are_those_of_keras_hub(pair):
    ours, theirs = pair
    expected = np.asarray(theirs.predict(TEXTS, verbose=0))
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(ours.predict(TEXTS, verbose=0), expected, atol=1e-4)
    inputs = theirs.preprocessor(PAIRS, y=None)
    expected = theirs({key: np.asarray(value) for key, value in inputs.items()})
    outputs = ours.predict(PAIRS, verbose=0)
    np.testing.assert_allclose(outputs, keras.ops.convert_to_numpy(expected), atol=1e-4)


def test_it_trains_and_knows_its_labels(pair):
    ours, _ = pair
    labels = ["a" if label == "positive" else "c" for label in LABELS]
    ours.compile(optimizer=keras.optimizers.Adam(1e-2))
    history = ours.fit(TEXTS, labels, epochs=15, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert ours.classify("good film").label in ("a", "b", "c")


def test_what_the_bridge_does_not_do_is_said(pair, tmp_path):
    ours, _ = pair
    with pytest.raises(PresetSaveError, match="known family"):
        ours.save_to_preset(tmp_path / "preset")
    with pytest.raises(DataError, match="text classifiers or causal language models"):
        hub_tasks.TextClassifier(
            models.BertBackbone(**SIZES, num_heads=2),
            preprocessor=models.BertTokenizer(list(tiny_tokenizer("bert").vocabulary)),
            num_classes=2,
        )
