"""HDF5 weights: nothing but tensors, nothing outside the file."""

import io

import h5py
import numpy as np
import pytest

from hub_tasks import presets
from hub_tasks.errors import PresetWeightsError
from hub_tasks.presets.formats.hdf5 import HDF5Tensors, write_hdf5
from tests.checks.broken_presets import edit_hdf5, read_weights

HEAD = "layers/dense/vars/0"


def replace(name, change=lambda value: value, **arguments):
    def rewrite(file):
        value = change(file[name][()])
        del file[name]
        file.create_dataset(name, **{"data": value, **arguments})

    return rewrite


@pytest.fixture
def read(tiny, keras_preset):
    def read():
        return read_weights(presets.load(keras_preset), tiny.backbone, tiny.head)

    return read


def test_what_is_written_is_read_and_depends_on_nothing_else():
    tensors = {"layers/a/vars/0": np.arange(6, dtype="f4").reshape(2, 3), "vars/0": np.ones(2)}
    data = write_hdf5(tensors, {"layers/a": "dense_1", "": "model"})
    assert data == write_hdf5(tensors, {"layers/a": "dense_1", "": "model"})
    with h5py.File(io.BytesIO(data)) as file:
        assert file["layers/a/vars"].attrs["name"] == "dense_1"
        assert file["vars"].attrs["name"] == "model"
    with HDF5Tensors(io.BytesIO(data), "x") as file:
        assert file.shapes == {"layers/a/vars/0": (2, 3), "vars/0": (2,)}
        for name, value in tensors.items():
            assert file.dtype(name) == value.dtype
            np.testing.assert_array_equal(file.read(name), value)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_of_any_width_are_read(dtype, keras_preset, tiny, read):
    edit_hdf5(keras_preset / "task.weights.h5", replace(HEAD, dtype=dtype))
    expected = tiny.values["logits/kernel"].astype(dtype)
    np.testing.assert_array_equal(read()["logits/kernel"], expected)


@pytest.mark.parametrize(
    "filters", [{"compression": "gzip"}, {"shuffle": True, "fletcher32": True}]
)
def test_filters_that_are_part_of_hdf5_are_read(filters, keras_preset, tiny, read):
    edit_hdf5(keras_preset / "task.weights.h5", replace(HEAD, **filters))
    np.testing.assert_array_equal(read()["logits/kernel"], tiny.values["logits/kernel"])


def test_every_cut_is_found(keras_preset, read):
    path = keras_preset / "task.weights.h5"
    data = path.read_bytes()
    for length in [1, 7, 8, len(data) // 2, len(data) - 1, *range(9, len(data), 173)]:
        path.write_bytes(data[:length])
        with pytest.raises(PresetWeightsError, match=r"task\.weights\.h5.*truncated"):
            read()
