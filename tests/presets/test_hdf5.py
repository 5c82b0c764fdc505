"""HDF5 weights: nothing but tensors, nothing outside the file."""

import io
import os

import h5py
import numpy as np
import pytest

from hub_tasks import presets
from hub_tasks.errors import (
    PresetIntegrityError,
    PresetNotFoundError,
    PresetWeightsError,
    UnsafePresetError,
)
from hub_tasks.presets.formats.hdf5 import HDF5Tensors, write_hdf5
from tests.checks.broken_presets import edit_hdf5, read_weights

HEAD = "layers/dense/vars/0"
TABLE = "layers/reversible_embedding/vars/0"


def replace(name, change=lambda value: value, **arguments):
    def rewrite(file):
        value = change(file[name][()])
        del file[name]
        file.create_dataset(name, **{"data": value, **arguments})

    return rewrite


def link(name, target):
    def change(file):
        del file[name]
        file[name] = target

    return change


def link_twice(file):
    file["layers/again"] = file[HEAD]


def link_cycle(file):
    file["layers/dense/cycle"] = file["layers"]


def link_to_root(file):
    file["layers/root"] = file["/"]


def external_storage(file):
    del file[HEAD]
    file.create_dataset(HEAD, (8, 2), "f4", external=[("fifo", 0, 64)])


def virtual(file):
    del file[HEAD]
    layout = h5py.VirtualLayout((8, 2), "f4")
    layout[:] = h5py.VirtualSource("fifo", "x", (8, 2))
    file.create_virtual_dataset(HEAD, layout)


def unlimited_virtual(file):
    del file[HEAD]
    layout = h5py.VirtualLayout((8, 2), "f4", maxshape=(None, 2))
    source = h5py.VirtualSource("fifo", "x", (8, 2), maxshape=(None, 2))
    layout[: h5py.h5s.UNLIMITED, :] = source[: h5py.h5s.UNLIMITED, :]
    file.create_virtual_dataset(HEAD, layout)


def filtered(file):
    del file[HEAD]
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((8, 2))
    properties.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
    space = h5py.h5s.create_simple((8, 2))
    h5py.h5d.create(file["layers/dense/vars"].id, b"0", h5py.h5t.IEEE_F32LE, space, properties)


def named_type(file):
    file["layers/type"] = np.dtype("f4")


def no_values(file):
    file["layers/none"] = h5py.Empty("f4")


UNSAFE = {
    "B01 external link": link(HEAD, h5py.ExternalLink("fifo", "/x")),
    "B02 external group": link("layers", h5py.ExternalLink("fifo", "/")),
    "B03 soft link": link(HEAD, h5py.SoftLink("/layers/dense/vars/1")),
    "B03 dangling soft link": link(HEAD, h5py.SoftLink("/nowhere")),
    "B03 linked twice": link_twice,
    "B03 cycle": link_cycle,
    "B03 root within": link_to_root,
    "B04 external storage": external_storage,
    "B05 virtual": virtual,
    "B05 virtual without limit": unlimited_virtual,
    "B23 filter of a plugin": filtered,
    "named type": named_type,
}
BAD = {
    "B06 four tebibytes": (
        replace(HEAD, data=None, shape=(2**30, 2**10), dtype="f4", compression="gzip"),
        r"expected shape \(8, 2\), got \(1073741824, 1024\)",
    ),
    "B11 NaN": (replace(HEAD, change=lambda v: v * np.nan), f"{HEAD} holds NaN"),
    "B11 infinity": (replace(HEAD, change=lambda v: v / 0), f"{HEAD} holds NaN or infinity"),
    "B12 a row more": (
        replace(HEAD, change=lambda v: np.vstack([v, v[:1]])),
        r"expected shape \(8, 2\), got \(9, 2\)",
    ),
    "B12 transposed": (
        replace(HEAD, change=lambda v: v.T),
        r"expected shape \(8, 2\), got \(2, 8\)",
    ),
    "B12 flat": (replace(HEAD, change=np.ravel), r"expected shape \(8, 2\), got \(16,\)"),
    "B13 missing": (lambda f: f.pop("layers/dense"), f"missing {HEAD}"),
    "B13 left over": (
        lambda f: f.create_dataset("layers/evil/vars/0", data=np.zeros(3, "f4")),
        r"left over layers/evil/vars/0 \(3,\)",
    ),
    "B14 int64": (replace(HEAD, dtype="i8"), "expected a little-endian float, got int64"),
    "B14 complex64": (replace(HEAD, lambda v: v.astype("c8")), "got complex64"),
    "B14 big-endian": (replace(HEAD, dtype=">f4"), "got >f4"),
    "B14 strings": (
        replace(HEAD, change=lambda v: v.astype("S4").astype(object), dtype=h5py.string_dtype()),
        "got object",
    ),
    "B14 references": (
        replace(HEAD, data=None, shape=(8, 2), dtype=h5py.ref_dtype),
        "got object",
    ),
    "B14 records": (
        replace(HEAD, data=None, shape=(8, 2), dtype=np.dtype([("a", "f4"), ("b", "i4")])),
        "expected a little-endian float",
    ),
    "no values": (no_values, "layers/none"),
}


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


@pytest.mark.timeout(20)
@pytest.mark.parametrize("change", UNSAFE.values(), ids=UNSAFE)
def test_what_leads_out_is_refused(change, keras_preset, read, monkeypatch):
    monkeypatch.chdir(keras_preset)
    os.mkfifo(keras_preset / "fifo")  # opening it would wait until the time limit
    edit_hdf5(keras_preset / "task.weights.h5", change)
    with pytest.raises(UnsafePresetError, match=r"task\.weights\.h5"):
        read()


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_what_does_not_fit_is_refused(change, message, keras_preset, read):
    with np.errstate(divide="ignore"):
        edit_hdf5(keras_preset / "task.weights.h5", change)
    with pytest.raises(PresetWeightsError, match=message) as caught:
        read()
    assert "task.weights.h5" in str(caught.value)


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


CONTENTS = {
    "empty": (b"", "it is empty"),
    "text": (b"weights\n", "another format"),
    "zip": (b"PK\x03\x04" + bytes(60), "another format"),
    "HTML": (b"<!DOCTYPE html><html>Not found</html>", "HTML"),
    "git-LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "git lfs pull",
    ),
    "signature alone": (b"\x89HDF\r\n\x1a\n", "truncated"),
}


@pytest.mark.parametrize(("content", "message"), CONTENTS.values(), ids=CONTENTS)
def test_what_is_not_hdf5_is_named(content, message, keras_preset, read):
    (keras_preset / "model.weights.h5").write_bytes(content)
    with pytest.raises(PresetWeightsError, match=message):
        read()


def test_a_user_block_before_the_tensors_is_refused(keras_preset, read):
    path = keras_preset / "task.weights.h5"
    path.unlink()
    with h5py.File(path, "w", userblock_size=512) as file:
        file["layers/dense/vars/0"] = np.zeros((8, 2), "f4")
        file["layers/dense/vars/1"] = np.zeros(2, "f4")
    data = path.read_bytes()
    path.write_bytes(b"#!/bin/sh\nexit 1\n".ljust(512) + data[512:])
    with pytest.raises(UnsafePresetError, match="512 bytes of something else"):
        read()


def test_every_cut_is_found(keras_preset, read):
    path = keras_preset / "task.weights.h5"
    data = path.read_bytes()
    for length in [1, 7, 8, len(data) // 2, len(data) - 1, *range(9, len(data), 173)]:
        path.write_bytes(data[:length])
        with pytest.raises(PresetWeightsError, match=r"task\.weights\.h5.*truncated"):
            read()


def test_missing_files(keras_preset, read):
    (keras_preset / "task.weights.h5").unlink()
    with pytest.raises(PresetWeightsError, match=r"task\.weights\.h5 is missing"):
        read()
    (keras_preset / "model.weights.h5").unlink()
    with pytest.raises(PresetNotFoundError, match=r"model\.weights\.h5 is missing"):
        read()


@pytest.mark.parametrize(
    ("manifest", "error"), [(False, PresetWeightsError), (True, PresetIntegrityError)]
)
def test_swapped_files(manifest, error, tiny, keras_preset):
    if manifest:
        (keras_preset / "hub_tasks.json").write_bytes((tiny.keras / "hub_tasks.json").read_bytes())
    model, task = keras_preset / "model.weights.h5", keras_preset / "task.weights.h5"
    content = model.read_bytes()
    model.write_bytes(task.read_bytes())
    task.write_bytes(content)
    with pytest.raises(error):
        read_weights(presets.load(keras_preset), tiny.backbone, tiny.head)
