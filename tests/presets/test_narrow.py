"""Weights as int8 with scales, or as float16: what is stored, and what is read of it."""

import warnings
from contextlib import nullcontext
from dataclasses import dataclass, replace

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from hub_tasks import presets, write_model_card
from hub_tasks.errors import PresetSaveError, PresetWeightsError
from hub_tasks.families import FAMILIES, KERAS_HUB
from hub_tasks.presets.formats import keras_writing
from hub_tasks.presets.narrow import dequantise, quantise
from hub_tasks.presets.publishing.description import describe
from hub_tasks.presets.shapes import backbone_shapes
from tests.checks.broken_presets import content, edit_safetensors, put, read_weights
from tests.checks.tiny import tiny_classifier

VERSION = "0.0.0"
MODEL, HEAD = "model.weights.safetensors", "task.weights.safetensors"
WIDE = {"hidden_dim": 64, "intermediate_dim": 96, "embedding_dim": 48, "bottleneck_dim": 32}
LARGEST = float(np.finfo("float32").max)
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
matrices = arrays.arrays("float32", arrays.array_shapes(min_dims=2, max_dims=2), elements=floats)


def wide(family, seed=0):
    """A preset of random weights of a family, wide enough for scales to be worth their bytes."""
    config = family.complete(family.tiny)
    config |= {name: size for name, size in WIDE.items() if name in config}
    rng = np.random.default_rng(seed)
    weights = {
        name: rng.normal(size=shape).astype("float32")
        for name, shape in backbone_shapes(family, config).items()
    }
    return presets.PresetData(family, backbone=config, weights=weights)


@pytest.fixture(scope="module")
def clf():
    """Tests leave it as it is."""
    return tiny_classifier(sizes={"hidden_dim": 64, "intermediate_dim": 96}, num_classes=8)


def read(directory, data):
    shapes = {name: value.shape for name, value in data.weights.items()}
    return dict(presets.load(directory).weights.read(shapes))


@settings(deadline=None, max_examples=300)
@given(matrices, st.sampled_from([(0,), (1,)]))
@example(np.zeros((2, 3), "float32"), (1,))
@example(np.array([[LARGEST, -LARGEST, 1.0]], "float32"), (1,))
@example(np.array([[1e-45, 3e-44, 1.2e-38]], "float32"), (1,))
@example(np.array([[1.8e-41, -3e-42]], "float32"), (1,))
@example(np.array([[1.5e-36, -1.4e-36, 1e-38]], "float32"), (1,))
def test_codes_are_the_nearest_and_stay_what_they_are(value, shared):
    codes, scale = quantise(value, shared)
    assert (codes.dtype, scale.dtype) == ("int8", "float32")
    assert scale.shape == tuple(1 if i in shared else n for i, n in enumerate(value.shape))
    assert (np.isfinite(scale) & (scale > 0)).all()
    exact = codes.astype("float64") * scale.astype("float64")
    error = np.abs(exact - value.astype("float64"))
    assert (error <= 0.5000001 * scale).all()
    largest = np.abs(value.astype("float64")).max(axis=shared, keepdims=True)
    assert (scale <= np.maximum(largest / 127 * 1.0000001, np.finfo("float32").tiny)).all()
    loaded = dequantise(codes, scale)
    np.testing.assert_array_equal(loaded, exact)  # no rounding at all
    again = quantise(loaded, shared)
    assert (again[0].tobytes(), again[1].tobytes()) == (codes.tobytes(), scale.tobytes())


def test_codes_worked_by_hand():
    value = np.array([[127.0, -63.4, 0.5, 1.5], [0.0, 0.0, 0.0, 0.0]], "float32")
    codes, scale = quantise(value, (1,))
    assert codes.tolist() == [[127, -63, 0, 2], [0, 0, 0, 0]]  # halves to the even
    assert scale[0, 0] == 1.0
    assert quantise(value * 2, (0,))[0].tolist() == [[127, -127, 127, 127], [0] * 4]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_every_family_is_stored_and_stays_what_it_is(family, tmp_path):
    data = wide(family)
    presets.save(tmp_path / "p", data, VERSION, "int8")
    stored = load_file(tmp_path / "p" / MODEL)
    in_codes = {name for name, value in stored.items() if value.dtype == "int8"}
    assert {name for name in stored if name.endswith(".scale")} == {f"{n}.scale" for n in in_codes}
    rest = [value for name, value in stored.items() if name not in in_codes]
    assert all(value.dtype == "float32" for value in rest)
    parameters = sum(value.size for value in data.weights.values())
    assert parameters < (tmp_path / "p" / MODEL).stat().st_size < 2 * parameters + 20_000
    loaded = read(tmp_path / "p", data)
    assert loaded.keys() == data.weights.keys()
    for name, value in data.weights.items():
        assert loaded[name].dtype == "float32"
        if value.ndim < 2:
            np.testing.assert_array_equal(loaded[name], value)
        else:  # per row of a table, per column of a kernel
            axis = 1 if name.endswith("embeddings") else 0
            step = np.abs(value).max(axis=axis, keepdims=True) / 127
            assert (np.abs(loaded[name] - value) <= 0.50001 * step).all(), name
    presets.save(tmp_path / "again", replace(data, weights=loaded), VERSION, "int8")
    assert content(tmp_path / "again")[MODEL] == content(tmp_path / "p")[MODEL]


def test_the_file_is_what_the_documentation_says(tmp_path):
    data = wide(FAMILIES["bert"])
    presets.save(tmp_path / "p", data, VERSION, "int8")
    stored = load_file(tmp_path / "p" / MODEL)
    attention = "layers/transformer_encoder/_self_attention_layer"
    for name, shape in {
        "layers/reversible_embedding/vars/0": (40, 1),
        f"{attention}/query_dense/vars/0": (1, 2, 32),
        f"{attention}/output_dense/vars/0": (1, 1, 64),
        "layers/transformer_encoder/_feedforward_intermediate_dense/vars/0": (1, 96),
    }.items():
        assert (stored[name].dtype, stored[f"{name}.scale"].shape) == ("int8", shape)
        peaks = np.abs(stored[name]).max(axis=tuple(i for i, n in enumerate(shape) if n == 1))
        assert (peaks == 127).all()
    table = stored["layers/reversible_embedding/vars/0"]
    table = table * stored["layers/reversible_embedding/vars/0.scale"]
    np.testing.assert_array_equal(table, read(tmp_path / "p", data)["token_embedding/embeddings"])
    assert "layers/embedding/vars/0.scale" not in stored  # two rows are not worth it
    assert not any(n.endswith("vars/1.scale") for n in stored)  # biases, with heads or without


def test_float16_rounds_every_number(tiny, tmp_path):
    presets.save(tmp_path / "p", tiny.data, VERSION, "float16")
    assert {v.dtype for v in load_file(tmp_path / "p" / MODEL).values()} == {np.dtype("float16")}
    loaded = read_weights(presets.load(tmp_path / "p"), tiny.backbone, tiny.head)
    for name, value in tiny.values.items():
        np.testing.assert_array_equal(loaded[name], value.astype("float16"))


def one_weight(data, number, dtype="float32"):
    name = "token_embedding/embeddings"
    value = data.weights[name].astype(dtype)
    value[3, 3] = number
    return replace(data, weights={**data.weights, name: value})


UNSAVED = {
    "beyond float16": ("float16", lambda d: one_weight(d, 7e4), "beyond 65504.*Choose 'safetens"),
    "beyond float32": ("int8", lambda d: one_weight(d, 1e39, "f8"), "beyond 3.4.*'int8'"),
    "NaN": ("int8", lambda d: one_weight(d, np.nan), "embeddings holds NaN"),
    "KerasHub writes it": (
        "int8",
        lambda d: presets.PresetData(KERAS_HUB, weights={}),
        "KerasHub writes the weights.*weights_format='int8'",
    ),
}


@pytest.mark.parametrize(("form", "change", "message"), UNSAVED.values(), ids=UNSAVED)
def test_what_a_format_cannot_hold_is_not_written(form, change, message, tiny, tmp_path):
    with pytest.raises(PresetSaveError, match=message):
        presets.save(tmp_path / "p", change(tiny.data), VERSION, form)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("form", "types"), [("int8", ["float32", "int8"]), ("float16", ["float16"])]
)
def test_the_stored_types_are_told(form, types, clf, tmp_path):
    clf.save_to_preset(tmp_path / "p", form)
    found = describe(tmp_path / "p")
    assert found.errors == []
    assert sorted(found.dtypes) == types
    assert sum(found.dtypes.values()) == len(clf.weights)
    assert found.parameters == clf.count_params()
    card = write_model_card(tmp_path / "p").read_text(encoding="utf-8")
    assert f"parameters, stored as {' and '.join(types)}." in card


def test_the_classes_of_a_head_in_codes_are_still_counted(clf, tmp_path):
    clf.save_to_preset(tmp_path / "p", "int8")
    assert load_file(tmp_path / "p" / HEAD)["layers/dense/vars/0"].dtype == "int8"
    (tmp_path / "p" / "hub_tasks.json").unlink()
    put(tmp_path / "p" / "task.json", "/config/num_classes", 3)
    where, shape = presets.load(tmp_path / "p").head.weights.stored_shape("logits/bias")
    assert shape == (8,)
    assert HEAD in where


def test_verifying_compares_every_weight(tmp_path, monkeypatch):
    data = wide(FAMILIES["bert"])
    write = keras_writing.write
    presets.save(tmp_path / "p", data, VERSION, "int8", check=lambda directory: None)

    def other_code(tensors):
        tensors["layers/reversible_embedding/vars/0"][3, 3] ^= 1

    def changed(*arguments):
        files = write(*arguments)
        (tmp_path / "x").write_bytes(files[MODEL])
        edit_safetensors(tmp_path / "x", other_code)
        return {**files, MODEL: (tmp_path / "x").read_bytes()}

    monkeypatch.setattr(keras_writing, "write", changed)
    before = content(tmp_path / "p")
    with pytest.raises(PresetSaveError, match=r"the weight token_embedding/embeddings of what was"):
        presets.save(tmp_path / "p", data, VERSION, "int8", check=lambda directory: None)
    assert content(tmp_path / "p") == before


@pytest.mark.parametrize("form", ["h5", "safetensors", "float16", "int8"])
def test_a_warning_speaks_of_keras_hub_where_it_reads_the_file(form, clf, tmp_path):
    clf = type(clf)(clf.backbone, preprocessor=clf.preprocessor, num_classes=2, pooling="mean")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.save_to_preset(tmp_path / "p", form)
    assert any("KerasHub loads it" in str(one.message) for one in caught) == (form == "h5")


@dataclass
class Toy:
    """A model of one weight, and one thing that is none."""

    weight: float = 1.0
    rest: float = 0.0

    def outputs(self):
        return {"outputs": np.array([self.weight + self.rest, 0.1], "float32")}

    def copy_to(self, other):
        other.weight = self.weight


COMPARED = {
    "h5, equal": ("h5", Toy(1.00001), None),
    "h5, rounded": ("h5", Toy(1.001), "to be saved"),
    "float16, rounded": ("float16", Toy(1.005), None),
    "float16, too coarse": ("float16", Toy(1.05), "by more than 1% of the largest"),
    "float16, not by rounding": ("float16", Toy(1.0, 0.005), r"to be saved\."),
    "int8, rounded": ("int8", Toy(0.95), None),
    "int8, too coarse": ("int8", Toy(1.15), "by more than 10% of the largest"),
    "int8, not by rounding": ("int8", Toy(1.0, 0.05), r"to be saved\."),
}


@pytest.mark.parametrize(("form", "loaded", "message"), COMPARED.values(), ids=COMPARED)
def test_outputs_may_be_moved_by_rounding_alone(form, loaded, message, tmp_path):
    made = presets.comparison(Toy(), lambda _: replace(loaded), Toy.outputs, form, Toy.copy_to)
    with pytest.raises(PresetSaveError, match=message) if message else nullcontext():
        made(tmp_path)


def test_checkpoints_of_transformers_have_no_codes(tiny, transformers_preset):
    name = "bert.embeddings.word_embeddings.weight"

    def in_codes(tensors):
        tensors[name], tensors[f"{name}.scale"] = quantise(tensors[name], (1,))

    edit_safetensors(transformers_preset / "model.safetensors", in_codes)
    with pytest.raises(PresetWeightsError) as caught:
        read_weights(presets.load(transformers_preset), tiny.backbone, tiny.head)
    assert f"left over {name}.scale (40, 1)" in str(caught.value)
    assert f"{name}: expected a little-endian float, got int8" in str(caught.value)
