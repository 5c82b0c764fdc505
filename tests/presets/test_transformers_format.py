"""Directories of `transformers`: what they say, and what is refused."""

import json

import numpy as np
import pytest

from hub_tasks import presets
from hub_tasks.errors import PresetFormatError
from hub_tasks.families import FAMILIES
from tests.checks.broken_presets import drop, edit_safetensors, put, read_weights
from tests.checks.tiny import tiny_vocabulary

BAD = {  # pointer, value, what the message says
    "model_type a list": ("/model_type", ["bert"], "/model_type"),
    "problem type": ("/problem_type", "guess", "/problem_type"),
    "hidden size": ("/hidden_size", "8", "/hidden_size"),
    "heads": ("/num_attention_heads", 3, "num_heads=3"),
    "activation": ("/hidden_act", "os.system", "/hidden_act"),
    "epsilon": ("/layer_norm_eps", 1, "/layer_norm_eps"),
    "relative positions": ("/position_embedding_type", "relative_key", "/position_embedding_type"),
    "classifier dropout": ("/classifier_dropout", 2, "/classifier_dropout"),
}


@pytest.fixture
def read(tiny, transformers_preset):
    return lambda: read_weights(presets.load(transformers_preset), tiny.backbone, tiny.head)


def test_a_classifier_is_read_whole(tiny, read, transformers_preset):
    data = presets.load(transformers_preset)
    assert data.backbone["hidden_dim"] == 8
    assert data.backbone["activation"] == "gelu"
    settings = {"sequence_length": 24, "truncate": "longest_first", "pairs": "numbered"}
    assert data.preprocessor == settings
    assert data.head.labels == ("no", "yes")
    assert data.head.problem_type == "single_label_classification"
    assert data.tokenizer.options["lowercase"] is True
    values = read()
    assert set(values) == set(tiny.values)
    for name, value in tiny.values.items():
        np.testing.assert_array_equal(values[name], value)


@pytest.mark.parametrize(
    "rename",
    [
        pytest.param(lambda name: name.removeprefix("bert."), id="encoder without a prefix"),
        pytest.param(
            lambda name: name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ),
            id="old names of layer norms",
        ),
    ],
)
def test_names_of_older_checkpoints(rename, tiny, transformers_preset, read):
    def change(tensors):
        for name in list(tensors):
            tensors[rename(name)] = tensors.pop(name)

    edit_safetensors(transformers_preset / "model.safetensors", change)
    for name, value in read().items():
        np.testing.assert_array_equal(value, tiny.values[name])


def test_an_encoder_without_pooler_and_head(tiny, transformers_preset, read):
    drop(transformers_preset / "config.json", "/architectures")
    edit_safetensors(
        transformers_preset / "model.safetensors",
        lambda t: [t.pop(n) for n in list(t) if "pooler" in n or "classifier" in n],
    )
    assert presets.load(transformers_preset).head is None
    missing = set(tiny.backbone) - set(read())
    assert missing == {"pooled_dense/kernel", "pooled_dense/bias"}


def test_what_pretraining_leaves_is_ignored(tiny, transformers_preset, read):
    edit_safetensors(
        transformers_preset / "model.safetensors",
        lambda t: t.update(
            {
                "cls.predictions.bias": np.zeros(40, "f4"),
                "bert.embeddings.position_ids": np.arange(24)[None],
            }
        ),
    )
    assert set(read()) == set(tiny.values)


def test_labels_where_the_file_names_none(transformers_preset):
    drop(transformers_preset / "config.json", "/id2label")
    put(transformers_preset / "config.json", "/num_labels", 3)
    assert presets.load(transformers_preset).head.labels == ("LABEL_0", "LABEL_1", "LABEL_2")


@pytest.mark.parametrize("count", [0, -1, 1.0, "2", True, 10**9])
def test_a_number_of_labels_that_is_none(count, transformers_preset):
    drop(transformers_preset / "config.json", "/id2label")
    put(transformers_preset / "config.json", "/num_labels", count)
    with pytest.raises(PresetFormatError, match="/num_labels"):
        presets.load(transformers_preset)


def test_labels_are_in_the_order_of_their_ids(transformers_preset):
    names = {str(i): f"label {i}" for i in reversed(range(12))}
    put(transformers_preset / "config.json", "/id2label", names)
    labels = presets.load(transformers_preset).head.labels
    assert labels == tuple(f"label {i}" for i in range(12))


@pytest.mark.parametrize(("pointer", "value", "message"), BAD.values(), ids=BAD)
def test_values_off_the_schema_are_refused(pointer, value, message, transformers_preset, read):
    put(transformers_preset / "config.json", pointer, value)
    with pytest.raises(PresetFormatError, match=message) as caught:
        read()
    assert "config.json" in str(caught.value)


def test_single_label_with_one_label_is_refused(transformers_preset):
    put(transformers_preset / "config.json", "/id2label", {"0": "score"})
    assert presets.load(transformers_preset).head.problem_type == "regression"
    put(transformers_preset / "config.json", "/problem_type", "single_label_classification")
    with pytest.raises(PresetFormatError, match="/problem_type"):
        presets.load(transformers_preset)


@pytest.mark.parametrize("name", ["os.system", "BertJapaneseTokenizer", "WhisperTokenizer", 3])
def test_vocabulary_files_of_a_class_of_no_family_are_refused(name, transformers_preset):
    settings = {"tokenizer_class": name}
    (transformers_preset / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(PresetFormatError, match=r"tokenizer_config\.json.*/tokenizer_class"):
        presets.load(transformers_preset)


SETTINGS = {
    "length": ({"model_max_length": 12}, "sequence_length", 12),
    "length as a float": ({"model_max_length": 12.0}, "sequence_length", 12),
    "length not known": ({"model_max_length": 1e30}, "sequence_length", 24),
    "length a string": ({"model_max_length": "12"}, "sequence_length", 24),
    "cased": ({"do_lower_case": False}, "lowercase", False),
    "cased keeps accents": ({"do_lower_case": False}, "strip_accents", False),
    "uncased drops accents": ({}, "strip_accents", True),
    "uncased with accents": ({"strip_accents": False}, "strip_accents", False),
}


@pytest.mark.parametrize(("settings", "key", "expected"), SETTINGS.values(), ids=SETTINGS)
def test_the_tokenizer_configuration(settings, key, expected, transformers_preset):
    (transformers_preset / "tokenizer_config.json").write_text(json.dumps(settings))
    data = presets.load(transformers_preset)
    assert {**data.preprocessor, **data.tokenizer.options}[key] == expected


@pytest.mark.parametrize(
    "settings",
    [{"do_lower_case": "yes"}, {"strip_accents": 1}, {"tokenize_chinese_chars": False}],
    ids=str,
)
def test_settings_of_the_tokenizer_that_are_refused(settings, transformers_preset):
    (transformers_preset / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(PresetFormatError, match=f"/{next(iter(settings))}"):
        presets.load(transformers_preset)


TOKENS = tiny_vocabulary(FAMILIES["bert"])


def fast_tokenizer(**model):
    vocab = {token: i for i, token in enumerate(TOKENS)}
    return {
        "version": "1.0",
        "normalizer": {"type": "BertNormalizer", "lowercase": False, "strip_accents": None},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": vocab, **model},
    }


@pytest.fixture
def fast_preset(transformers_preset):
    def write(document, **settings):
        (transformers_preset / "vocab.txt").unlink()
        (transformers_preset / "tokenizer.json").write_text(json.dumps(document))
        (transformers_preset / "tokenizer_config.json").write_text(json.dumps(settings))
        return transformers_preset

    return write


@pytest.mark.parametrize(
    ("settings", "lowercase"),
    [
        ({"tokenizer_class": "PreTrainedTokenizerFast"}, False),
        ({"tokenizer_class": "BertTokenizerFast", "do_lower_case": False}, False),
        ({"tokenizer_class": "BertTokenizer"}, True),
        ({}, True),
    ],
    ids=["the file", "the settings", "the class", "the class of the encoder"],
)
def test_a_fast_tokenizer_of_the_known_shape(settings, lowercase, fast_preset):
    tokenizer = presets.load(fast_preset(fast_tokenizer(), **settings)).tokenizer
    assert tokenizer.vocabulary == tuple(TOKENS)
    assert tokenizer.options["lowercase"] is lowercase
    assert tokenizer.options["strip_accents"] is lowercase


FAST = {
    "another model": fast_tokenizer(type="BPE"),
    "no normalizer": {**fast_tokenizer(), "normalizer": None},
    "vocabulary a list": fast_tokenizer(vocab=[["a", 0]]),
    "id a string": fast_tokenizer(vocab={"a": "0"}),
    "ids with a gap": fast_tokenizer(vocab={"a": 0, "b": 2}),
    "id twice": fast_tokenizer(vocab={"a": 0, "b": 0}),
    "a token of two lines": fast_tokenizer(vocab={"a\nb": 0}),
    "an empty token": fast_tokenizer(vocab={"": 0}),
    "another prefix": fast_tokenizer(continuing_subword_prefix="@@"),
    "nothing": {},
}


@pytest.mark.parametrize("document", FAST.values(), ids=FAST)
def test_fast_tokenizers_of_other_shapes_are_refused(document, fast_preset):
    with pytest.raises(PresetFormatError, match=r"tokenizer\.json"):
        presets.load(fast_preset(document))
