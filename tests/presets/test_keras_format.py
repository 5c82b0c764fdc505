"""Directories in KerasHub's layout: what they say, and what is refused."""

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks import presets
from hub_tasks.errors import (
    PresetFormatError,
    PresetNotFoundError,
    PresetWeightsError,
    UnsafePresetError,
)
from tests.checks.broken_presets import drop, edit_hdf5, edit_json, put, read_weights

LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {"name": "x", "function": {"class_name": "__lambda__", "config": {"code": "4wE="}}},
    "registered_name": None,
}


def functional(layer):
    layers = [{**layer, "name": "x", "inbound_nodes": []}]
    return {
        "module": "keras",
        "class_name": "Functional",
        "config": {"name": "m", "layers": layers, "input_layers": [], "output_layers": []},
        "registered_name": "Functional",
    }


def symbol(module, name):
    function = {"module": module, "class_name": "function", "config": name}
    return functional({**LAMBDA, "config": {"name": "x", "function": function}})


def layer(name, **config):
    return functional({**LAMBDA, "class_name": name, "config": {"name": "x", **config}})


HOSTILE = {
    "A01 lambda": functional(LAMBDA),
    "A03 os.system": {"module": "os", "class_name": "function", "config": "system"},
    "A03 with a registered name": {
        "module": "os",
        "class_name": "function",
        "config": "system",
        "registered_name": "function",
    },
    "A04 symbol": symbol("keras.saving", "KerasFileEditor"),
    "A05 global state": symbol("keras.config", "set_image_data_format"),
    "A06 get_file": symbol("keras.utils", "get_file"),
    "A07 TFSMLayer": layer("TFSMLayer", filepath="/outside"),
    "A07 TorchModuleWrapper": layer("TorchModuleWrapper", module="gASV"),
    "A08 StringLookup": layer("StringLookup", vocabulary="/outside/secret"),
    "A08 remote": layer("TextVectorization", vocabulary="http://169.254.169.254/"),
    "bare layer": {**LAMBDA, "registered_name": "evil>Lambda"},
    "package of another": {**LAMBDA, "registered_name": "evil>BertBackbone"},
    "class of another": {
        "class_name": "BertBackbone",
        "config": {},
        "registered_name": "keras_hub>BertTokenizer",
    },
}
JSON = {  # file, pointer, value, what the message says
    "A13 dots": ("config", "/config/name", "../../x", "/config/name"),
    "A13 slash": ("config", "/config/name", "a/b", "/config/name"),
    "A13 backslash": ("config", "/config/name", "C:\\x", "/config/name"),
    "A13 NUL": ("config", "/config/name", "a\0", "/config/name"),
    "A13 newline": ("config", "/config/name", "a\n", "/config/name"),
    "A13 10 kB": ("config", "/config/name", "a" * 10_000, "/config/name"),
    "A13 no ASCII": ("config", "/config/name", "é", "/config/name"),
    "A13 a number": ("task", "/config/name", 3, "/config/name"),
    "A14 class of another": (
        "config",
        "/class_name",
        "RobertaBackbone",
        "RobertaBackbone.*keras_hub>BertBackbone",
    ),
    "A15 compile_config": ("task", "/compile_config", {"optimizer": "sgd"}, "compile_config"),
    "A15 build_config": ("config", "/build_config", {}, "build_config"),
    "A18 negative": ("config", "/config/hidden_dim", -16, "/config/hidden_dim"),
    "A18 zero": ("config", "/config/hidden_dim", 0, "/config/hidden_dim"),
    "A18 string": ("config", "/config/hidden_dim", "16", "/config/hidden_dim"),
    "A18 fraction": ("config", "/config/hidden_dim", 16.5, "/config/hidden_dim"),
    "A18 16.0": ("config", "/config/hidden_dim", 16.0, "/config/hidden_dim"),
    "A18 true": ("config", "/config/hidden_dim", True, "/config/hidden_dim"),
    "A18 null": ("config", "/config/hidden_dim", None, "/config/hidden_dim"),
    "A18 huge": ("config", "/config/hidden_dim", 10**400, "/config/hidden_dim"),
    "A18 NaN": ("config", "/config/hidden_dim", float("nan"), "config.json.*NaN"),
    "A18 infinite": ("config", "/config/dropout", float("inf"), "config.json.*Infinity"),
    "A18 dropout": ("config", "/config/dropout", 1.0, "/config/dropout"),
    "A19 heads": ("config", "/config/num_heads", 3, "hidden_dim=8, num_heads=3"),
    "A24 name a list": ("config", "/registered_name", ["x"], "/registered_name"),
    "A24 name a dict": ("config", "/registered_name", {}, "/registered_name"),
    "A24 name a number": ("tokenizer", "/registered_name", 3, "/registered_name"),
    "A24 config a list": ("config", "/config", [], "/config must be an object"),
    "A24 task null": ("task", "/config", None, "/config must be an object"),
    "A24 dtype a list": ("config", "/config/dtype", [], "/config/dtype"),
    "A24 dtype of dtype": ("config", "/config/dtype", {"config": []}, "/config/dtype"),
    "A24 trainable": ("config", "/config/trainable", "no", "/config/trainable"),
    "A26 unknown key": ("config", "/config/evil", 1, "unknown key /config/'evil'"),
    "A26 in the tokenizer": ("tokenizer", "/config/evil", 1, "unknown key /config/'evil'"),
    "A26 in the preprocessor": ("preprocessor", "/config/evil", 1, "unknown key /config/'evil'"),
    "A26 in the task": ("task", "/config/evil", 1, "unknown key /config/'evil'"),
    "A30 no class": ("task", "/config/num_classes", 0, "/config/num_classes"),
    "A30 negative": ("task", "/config/num_classes", -2, "/config/num_classes"),
    "A30 a billion": ("task", "/config/num_classes", 10**9, "/config/num_classes"),
    "A30 float": ("task", "/config/num_classes", 1e9, "/config/num_classes"),
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
    "A09 vocabulary": ("tokenizer", "/config/vocabulary", "/outside/secret"),
    "A09 vocabulary a list": ("tokenizer", "/config/vocabulary", ["a"]),
    "A10 tokenizer": ("tokenizer", "/registered_name", "keras_hub>WhisperTokenizer"),
    "A11 config_file": ("tokenizer", "/config/config_file", "/outside/tokenizer.json"),
    "A12 config_file": ("preprocessor", "/config/config_file", "../../x.json"),
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


def test_a02_the_unsafe_mode_of_keras_changes_nothing(keras_preset, read):
    edit_json(keras_preset / "config.json", lambda d: (d.clear(), d.update(functional(LAMBDA))))
    keras.config.enable_unsafe_deserialization()
    try:
        with pytest.raises(UnsafePresetError):
            read()
    finally:
        keras.src.saving.serialization_lib.SAFE_MODE = None


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


def test_a30_one_class_under_a_softmax(keras_preset, read):
    put(keras_preset / "task.json", "/config/num_classes", 1)
    put(keras_preset / "task.json", "/config/activation", "softmax")
    with pytest.raises(PresetFormatError, match="num_classes is 1 under a softmax"):
        read()


def test_a29_more_classes_than_the_head_has_weights_for(tiny, keras_preset):
    put(keras_preset / "task.json", "/config/num_classes", 5)
    head = {"logits/kernel": (8, 5), "logits/bias": (5,)}
    with pytest.raises(PresetWeightsError, match=r"expected shape \(8, 5\), got \(8, 2\)"):
        read_weights(presets.load(keras_preset), tiny.backbone, head)


def test_a20_a_configuration_of_five_megabytes(keras_preset, read):
    path = keras_preset / "config.json"
    path.write_bytes(path.read_bytes() + b" " * 5 * 2**20)
    with pytest.raises(PresetFormatError, match=r"config\.json.*larger than 4194304 bytes"):
        read()


def test_a34_a_vocabulary_without_special_tokens(keras_preset):
    path = keras_preset / "assets/tokenizer/vocabulary.txt"
    path.write_bytes(path.read_bytes().replace(b"[SEP]", b"sep"))
    with pytest.raises(PresetFormatError, match=r"lacks the special tokens \[SEP\]"):
        hub_tasks.BertTokenizer.from_preset(keras_preset)


def test_a35_a_vocabulary_larger_than_the_embedding(keras_preset):
    path = keras_preset / "assets/tokenizer/vocabulary.txt"
    path.write_bytes(path.read_bytes() + b"one\ntwo\n")
    with pytest.raises(PresetFormatError, match="42 tokens, its embedding only 40 rows"):
        hub_tasks.TextClassifier.from_preset(keras_preset)


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
