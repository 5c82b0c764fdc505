"""Directories in KerasHub's layout: what they say, and what is refused."""

import keras
import numpy as np
import pytest

from hub_tasks import presets
from hub_tasks.errors import PresetFormatError, PresetNotFoundError, UnsafePresetError
from tests.checks.broken_presets import drop, edit_hdf5, edit_json, put, read_weights

LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {"name": "x", "function": {"class_name": "__lambda__", "config": {"code": "4wE="}}},
    "registered_name": None,
}


HOSTILE = {
    "bare layer": {**LAMBDA, "registered_name": "evil>Lambda"},
    "package of another": {**LAMBDA, "registered_name": "evil>BertBackbone"},
    "class of another": {
        "class_name": "BertBackbone",
        "config": {},
        "registered_name": "keras_hub>BertTokenizer",
    },
}
JSON = {  # file, pointer, value, what the message says
    "A14 tokenizer of another": (
        "tokenizer",
        "/registered_name",
        "keras_hub>XLMRobertaTokenizer",
        "BertTokenizer.*keras_hub>XLMRobertaTokenizer",
    ),
    "activation": ("task", "/config/activation", "exec", "/config/activation"),
    "activation an object": ("task", "/config/activation", LAMBDA, "/config/activation"),
    "activation false": ("task", "/config/activation", False, "/config/activation"),
    "backbone null": ("task", "/config/backbone", None, "/config/backbone"),
    "length": ("preprocessor", "/config/sequence_length", 2, "/config/sequence_length"),
    "truncate": ("preprocessor", "/config/truncate", "x", "/config/truncate"),
    "lowercase": ("tokenizer", "/config/lowercase", 1, "/config/lowercase"),
    "suffix": ("tokenizer", "/config/suffix_indicator", "#" * 65, "/config/suffix_indicator"),
    "no splitting": ("tokenizer", "/config/split", False, "/config/split"),
}
UNSAFE = {
    "A10 PARSeq": ("tokenizer", "/registered_name", "keras_hub>PARSeqTokenizer"),
    "A10 package": ("tokenizer", "/registered_name", "evil>XLMRobertaTokenizer"),
    "A10 no tokenizer": ("tokenizer", "/registered_name", "keras_hub>BertBackbone"),
    "preprocessor": ("preprocessor", "/registered_name", "keras_hub>Lambda"),
    "task": ("task", "/registered_name", "keras>Lambda"),
    "backbone in the task": ("task", "/config/backbone/registered_name", "keras>Lambda"),
}


@pytest.fixture
def read(tiny, keras_preset):
    return lambda: read_weights(presets.load(keras_preset), tiny.backbone, tiny.head)


def test_what_is_saved_is_read(tiny, read, keras_preset):
    data = presets.load(keras_preset)
    assert data.family is tiny.data.family
    assert data.backbone == tiny.data.backbone
    assert data.tokenizer.vocabulary == tiny.data.tokenizer.vocabulary
    assert data.tokenizer.options == tiny.data.tokenizer.options
    assert data.preprocessor == tiny.data.preprocessor
    assert (data.head.num_classes, data.head.activation) == (2, "linear")
    assert data.source.handle == str(keras_preset)
    values = read()
    assert set(values) == set(tiny.values)
    for name, value in tiny.values.items():
        np.testing.assert_array_equal(values[name], value)


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE)
def test_classes_outside_the_closed_table_are_refused(document, keras_preset, read):
    edit_json(keras_preset / "config.json", lambda d: (d.clear(), d.update(document)))
    state = keras.config.image_data_format(), keras.config.floatx()
    with pytest.raises(UnsafePresetError, match=r"config\.json.*registered_name"):
        read()
    assert state == (keras.config.image_data_format(), keras.config.floatx())


@pytest.mark.parametrize(("name", "pointer", "value", "message"), JSON.values(), ids=JSON)
def test_values_off_the_schema_are_refused(name, pointer, value, message, keras_preset, read):
    put(keras_preset / f"{name}.json", pointer, value)
    with pytest.raises(PresetFormatError, match=message) as caught:
        read()
    assert f"{name}.json" in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(("name", "pointer", "value"), UNSAFE.values(), ids=UNSAFE)
def test_what_no_preset_contains_is_refused(name, pointer, value, keras_preset, read):
    put(keras_preset / f"{name}.json", pointer, value)
    with pytest.raises(UnsafePresetError, match=rf"{name}\.json"):
        read()


@pytest.mark.parametrize(
    "pointer", ["/config/vocabulary_size", "/config/num_layers", "/config", "/class_name"]
)
def test_entries_that_must_be_there(pointer, keras_preset, read):
    drop(keras_preset / "config.json", pointer)
    with pytest.raises(PresetFormatError, match=f"{pointer} is missing"):
        read()


def test_a_tokenizer_alone(keras_preset):
    for name in ("config.json", "task.json", "preprocessor.json", "metadata.json"):
        (keras_preset / name).unlink()
    data = presets.load(keras_preset)
    assert (data.backbone, data.weights, data.head, data.preprocessor) == (None,) * 4
    assert data.tokenizer.vocabulary[0] == "[CLS]"


def test_a_backbone_alone(tiny, keras_preset):
    for name in ("tokenizer.json", "task.json", "preprocessor.json", "task.weights.h5"):
        (keras_preset / name).unlink()
    data = presets.load(keras_preset)
    assert (data.tokenizer, data.preprocessor, data.head) == (None,) * 3
    assert set(dict(data.weights.read(tiny.backbone))) == set(tiny.backbone)


@pytest.mark.parametrize("kind", ["TextEmbedder", "MaskedLM"])
def test_a_preset_for_another_task_of_keras_hub_is_an_encoder(kind, tiny, keras_preset):
    for name, suffix in (("task.json", ""), ("preprocessor.json", "Preprocessor")):
        put(keras_preset / name, "/registered_name", f"keras_hub>Bert{kind}{suffix}")
    data = presets.load(keras_preset)
    assert (data.head, data.preprocessor) == (None, None)
    assert set(dict(data.weights.read(tiny.backbone))) == set(tiny.backbone)


def test_what_is_missing_is_named(keras_preset):
    (keras_preset / "assets/tokenizer/vocabulary.txt").unlink()
    with pytest.raises(PresetNotFoundError, match=r"vocabulary\.txt is missing"):
        presets.load(keras_preset)


def test_an_optimizer_beside_the_head_is_left_over_by_keras_and_ignored(tiny, keras_preset, read):
    edit_hdf5(
        keras_preset / "task.weights.h5",
        lambda f: f.create_dataset("optimizer/vars/0", data=np.int64(3)),
    )
    assert set(read()) == set(tiny.values)


def test_a_directory_without_any_configuration(tmp_path):
    (tmp_path / "notes.txt").write_text("a note")
    with pytest.raises(PresetNotFoundError, match=r"is no preset: it has no config\.json"):
        presets.load(tmp_path)


def test_a_configuration_of_neither_format(tmp_path):
    (tmp_path / "config.json").write_text('{"name": "x"}')
    with pytest.raises(PresetFormatError, match=r"neither `registered_name`.*nor `model_type`"):
        presets.load(tmp_path)
