"""Backbones and preprocessors of KerasHub under our classifier."""

import json
import sys

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.errors import (
    DataError,
    PresetFormatError,
    PresetNotFoundError,
    PresetWeightsError,
    UnsafePresetError,
)
from hub_tasks.families import FAMILIES
from hub_tasks.presets.formats.vocabulary import write_sentencepiece
from tests.checks.broken_presets import edit_hdf5, put
from tests.checks.tiny import LABELS, TEXTS, tiny_tokenizer

models = pytest.importorskip("keras_hub", reason="keras-nlp is not installed").models
pytestmark = pytest.mark.libraries

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


@pytest.mark.backend
def test_outputs_are_those_of_keras_hub(pair):
    ours, theirs = pair
    expected = np.asarray(theirs.predict(TEXTS, verbose=0))
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(ours.predict(TEXTS, verbose=0), expected, atol=1e-4)
    inputs = theirs.preprocessor(PAIRS, y=None)
    expected = theirs({key: np.asarray(value) for key, value in inputs.items()})
    outputs = ours.predict(PAIRS, verbose=0)
    np.testing.assert_allclose(outputs, keras.ops.convert_to_numpy(expected), atol=1e-4)


@pytest.mark.backend
def test_it_trains_and_knows_its_labels(pair):
    ours, _ = pair
    labels = ["a" if label == "positive" else "c" for label in LABELS]
    ours.compile(optimizer=keras.optimizers.Adam(1e-2))
    history = ours.fit(TEXTS, labels, epochs=15, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert ours.classify("good film").label in ("a", "b", "c")


@pytest.mark.backend
def test_a_preset_of_the_bridge_loads_with_equal_outputs(pair, tmp_path):
    ours, _ = pair
    ours.preprocessor.sequence_length = 12
    expected = ours.predict(TEXTS, verbose=0)
    ours.save_to_preset(tmp_path / "preset")
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "preset")
    np.testing.assert_allclose(again.predict(TEXTS, verbose=0), expected, atol=1e-6)
    assert again.labels == ("a", "b", "c")
    assert again.preprocessor.sequence_length == 12
    again.save_to_preset(tmp_path / "preset")
    assert hub_tasks.TextClassifier.from_preset(tmp_path / "preset", labels=["x", "y"]).labels


@pytest.mark.backend
def test_keras_hub_reads_a_preset_of_the_bridge(pair, tmp_path):
    ours, theirs = pair
    ours.save_to_preset(tmp_path)
    backbone = models.Backbone.from_preset(str(tmp_path))
    assert type(backbone) is type(theirs.backbone)
    for mine, their in zip(theirs.backbone.weights, backbone.weights, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (mine, their)))
    tokenizer = models.TextClassifierPreprocessor.from_preset(str(tmp_path)).tokenizer
    assert tokenizer(TEXTS[:1]) == theirs.preprocessor.tokenizer(TEXTS[:1])


@pytest.fixture
def f_net_preset(tmp_path):
    """A classifier of a family that we lack, as KerasHub saves it."""
    backbone, preprocessor = f_net()
    clf = models.FNetTextClassifier(backbone, num_classes=3, preprocessor=preprocessor)
    clf.save_to_preset(str(tmp_path / "f_net"))
    return clf, tmp_path / "f_net"


@pytest.mark.backend
def test_a_classifier_of_keras_hub_loads_with_its_head(f_net_preset):
    theirs, preset = f_net_preset
    ours = hub_tasks.TextClassifier.from_preset(preset)
    expected = theirs.predict(TEXTS, verbose=0)
    np.testing.assert_allclose(ours.predict(TEXTS, verbose=0), expected, atol=1e-4)
    assert ours.labels == ("LABEL_0", "LABEL_1", "LABEL_2")


@pytest.mark.backend
def test_a_decoder_of_keras_hub_loads_under_a_fresh_head(tmp_path):
    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 12}
    backbone = models.GPT2Backbone(vocabulary_size=40, max_sequence_length=64, **sizes)
    vocabulary = {
        token: i for i, token in enumerate(["<|endoftext|>", "ab", *"abcdefghilmnoprstuwyĠ"])
    }
    tokenizer = models.GPT2Tokenizer(vocabulary, merges=["a b"])
    preprocessor = models.GPT2CausalLMPreprocessor(tokenizer, sequence_length=64)
    task = models.GPT2CausalLM(backbone, preprocessor=preprocessor)
    task.save_to_preset(str(tmp_path / "gpt2"))
    clf = hub_tasks.TextClassifier.from_preset(tmp_path / "gpt2", labels=["no", "yes"])
    inputs = preprocessor(TEXTS)[0]
    hidden = keras.ops.convert_to_numpy(backbone({k: np.asarray(v) for k, v in inputs.items()}))
    mask = np.asarray(inputs["padding_mask"])[..., None]
    kernel, bias = (keras.ops.convert_to_numpy(v) for v in clf.head_variables())
    expected = (hidden * mask).sum(1) / mask.sum(1) @ kernel + bias
    np.testing.assert_allclose(clf.predict(TEXTS, verbose=0), expected, atol=1e-4)
    with pytest.raises(PresetFormatError, match="without a classification head"):
        hub_tasks.TextClassifier.from_preset(tmp_path / "gpt2")


LAMBDA = {"module": "keras.layers", "class_name": "Lambda", "config": {}, "registered_name": None}


def rename(preset, name, change):
    """Gives the object of a file another class."""
    document = json.loads((preset / name).read_text(encoding="utf-8"))
    document["class_name"] = change
    document["registered_name"] = f"keras_hub>{change}"
    if name == "config.json":
        (preset / "preprocessor.json").unlink()
    (preset / name).write_text(json.dumps(document), encoding="utf-8")


def cut(preset):
    path = preset / "model.weights.h5"
    path.write_bytes(path.read_bytes()[:-1000])


def not_finite(preset):
    edit_hdf5(
        preset / "model.weights.h5",
        lambda file: file["layers/embedding/vars/0"].write_direct(np.full((4, 8), np.nan, "f4")),
    )


BAD = {
    "an object in the configuration": (
        lambda preset: put(preset / "config.json", "/config/dropout", LAMBDA),
        UnsafePresetError,
        "/config/dropout is an object",
    ),
    "a path in the configuration": (
        lambda preset: put(preset / "config.json", "/config/activation", "/a/b"),
        UnsafePresetError,
        "no path",
    ),
    "an entry that the class does not have": (
        lambda preset: put(preset / "config.json", "/config/evil", 1),
        PresetFormatError,
        "FNetBackbone refuses .*: unknown entries evil",
    ),
    "A25 a class that nobody has": (
        lambda preset: rename(preset, "config.json", "ZzzBackbone"),
        PresetFormatError,
        "Supported: AlbertBackbone, BertBackbone",
    ),
    "a backbone for images": (
        lambda preset: rename(preset, "config.json", "ViTBackbone"),
        UnsafePresetError,
        "must be one of KerasHub's for ViTBackbone",
    ),
    "a larger model than the weights": (
        lambda preset: put(preset / "config.json", "/config/vocabulary_size", 4_000_000),
        PresetWeightsError,
        "less than the configuration asks for",
    ),
    "more layers than the weights": (
        lambda preset: put(preset / "config.json", "/config/num_layers", 1_000_000),
        PresetWeightsError,
        "less than the configuration asks for",
    ),
    "another number of layers": (
        lambda preset: put(preset / "config.json", "/config/num_layers", 1),
        PresetWeightsError,
        "it holds 25 tensors .* the model has 17",
    ),
    "weights cut off": (cut, PresetWeightsError, "truncated"),
    "weights not finite": (not_finite, PresetWeightsError, "finite floats"),
    "a vocabulary by its path": (
        lambda preset: put(preset / "tokenizer.json", "/config/proto", "/etc/passwd"),
        UnsafePresetError,
        "/config/proto must be null",
    ),
    "a tokenizer that evaluates its vocabulary": (
        lambda preset: rename(preset, "tokenizer.json", "RWKVTokenizer"),
        UnsafePresetError,
        "must be one of KerasHub's for FNetBackbone",
    ),
    "another family's tokenizer": (
        lambda preset: rename(preset, "tokenizer.json", "T5Tokenizer"),
        UnsafePresetError,
        "must be one of KerasHub's for FNetBackbone",
    ),
    "another family's preprocessor": (
        lambda preset: rename(preset, "preprocessor.json", "BertTextClassifierPreprocessor"),
        UnsafePresetError,
        "which belongs to this backbone",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_preset_of_keras_hub_is_refused(case, f_net_preset):
    spoil, error, message = BAD[case]
    _, preset = f_net_preset
    spoil(preset)
    with pytest.raises(error, match=message):
        hub_tasks.TextClassifier.from_preset(preset, labels=["a", "b", "c"])


def test_without_keras_nlp_the_extra_is_named(f_net_preset, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub.models", None)
    with pytest.raises(PresetNotFoundError, match=r"hub-tasks\[keras-nlp\]"):
        hub_tasks.TextClassifier.from_preset(f_net_preset[1])


def test_a_preprocessor_of_another_kind_is_refused():
    with pytest.raises(DataError, match="text classifiers or causal language models"):
        hub_tasks.TextClassifier(
            models.BertBackbone(**SIZES, num_heads=2),
            preprocessor=models.BertTokenizer(list(tiny_tokenizer("bert").vocabulary)),
            num_classes=2,
        )
