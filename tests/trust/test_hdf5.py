"""Weights that no preset should have, in HDF5 and beside it (TRUST, section B)."""

import json
import os
import socket
from pathlib import Path

import h5py
import numpy as np
import pytest

from hub_tasks.errors import (
    PresetIntegrityError,
    PresetNotFoundError,
    PresetWeightsError,
    UnsafePresetError,
)
from tests.checks.broken_presets import edit_hdf5
from tests.trust.harness import Case

HEAD = "layers/dense/vars/0"
MODEL, TASK = "model.weights.h5", "task.weights.h5"
SHAPE = r"task\.weights\.h5.*expected shape \(8, 2\), got "


def inside(change, name=TASK):
    """Changes the contents of an HDF5 file; `change` gets the file and the folder outside."""

    def edit(preset, outside):
        with np.errstate(divide="ignore", invalid="ignore"):
            edit_hdf5(preset / name, lambda file: change(file, outside))

    return edit


def replaced(change=lambda value: value, **arguments):
    def rewrite(file, outside):
        value = change(file[HEAD][()])
        del file[HEAD]
        file.create_dataset(HEAD, **{"data": value, **arguments})

    return inside(rewrite)


def linked(name, target):
    def rewrite(file, outside):
        del file[name]
        file[name] = target(outside)

    return inside(rewrite)


def external_storage(file, outside):
    del file[HEAD]
    file.create_dataset(HEAD, (8, 2), "f4", external=[(str(outside / "fifo"), 0, 64)])


def virtual(file, outside):
    del file[HEAD]
    layout = h5py.VirtualLayout((8, 2), "f4")
    layout[:] = h5py.VirtualSource(str(outside / "fifo"), "x", (8, 2))
    file.create_virtual_dataset(HEAD, layout)


def unlimited_virtual(file, outside):
    del file[HEAD]
    layout = h5py.VirtualLayout((8, 2), "f4", maxshape=(None, 2))
    source = h5py.VirtualSource(str(outside / "fifo"), "x", (8, 2), maxshape=(None, 2))
    layout[: h5py.h5s.UNLIMITED, :] = source[: h5py.h5s.UNLIMITED, :]
    file.create_virtual_dataset(HEAD, layout)


def filtered(file, outside):
    del file[HEAD]
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((8, 2))
    properties.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
    space = h5py.h5s.create_simple((8, 2))
    h5py.h5d.create(file["layers/dense/vars"].id, b"0", h5py.h5t.IEEE_F32LE, space, properties)


def declared(shape, **options):
    """A data set of a shape that nothing is stored of."""
    return replaced(**{"data": None, "shape": shape, "dtype": "f4", "compression": "gzip"})


def zeros(file, outside):
    del file[HEAD]
    made = file.create_dataset(HEAD, (2**19, 2**10), "f4", chunks=(2**10, 2**10), compression=9)
    for row in range(0, 2**16, 2**10):  # the rest is left to the fill value
        made[row : row + 2**10] = 0


def many_groups(file, outside):
    for i in range(25_000):
        file.create_group(f"layers/{i}")


def many_attributes(file, outside):
    for i in range(800):
        file.create_group(f"layers/{i}").attrs["x"] = np.zeros(15_000, "f4")


def deep(file, outside):
    file.create_group("layers/" + "/".join("d" * 500))


def left_over(file, outside):
    file.create_dataset("layers/evil/vars/0", data=np.zeros(3, "f4"))


def cut(length):
    def change(preset, outside):
        data = (preset / TASK).read_bytes()
        (preset / TASK).write_bytes(data[: length(len(data))])

    return change


def put_at(name, make):
    """Something of another kind in a file's place; `make` gets the path and a file outside."""

    def change(preset, outside):
        moved = outside / "weights"
        (preset / name).rename(moved)
        make(preset / name, moved)

    return change


def contents(data):
    return put_at(MODEL, lambda path, moved: path.write_bytes(data))


def remove(name):
    return lambda preset, outside: (preset / name).unlink()


def swap(preset, outside):
    content = (preset / MODEL).read_bytes()
    (preset / MODEL).write_bytes((preset / TASK).read_bytes())
    (preset / TASK).write_bytes(content)


def flip(preset, outside):
    data = bytearray((preset / MODEL).read_bytes())
    data[len(data) // 2] ^= 0x40
    (preset / MODEL).write_bytes(data)


def socket_at(path: Path, moved: Path) -> None:
    """Binds a socket; its name may be no longer than a hundred bytes, hence the folder."""
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def user_block(preset, outside):
    path = preset / TASK
    path.unlink()
    with h5py.File(path, "w", userblock_size=512) as file:
        file["layers/dense/vars/0"] = np.zeros((8, 2), "f4")
        file["layers/dense/vars/1"] = np.zeros(2, "f4")
    data = path.read_bytes()
    path.write_bytes(b"#!/bin/sh\nexit 1\n".ljust(512) + data[512:])


def sharded(weights):
    def change(preset, outside):
        (preset / MODEL).unlink()
        index = {"metadata": {"total_size": 1}, "weight_map": weights(outside)}
        (preset / "model.weights.json").write_text(json.dumps(index))

    return change


def cache_link(preset, outside):
    """The layout of a hub's cache: the preset's files link to blobs beside it."""
    root = preset.parent / "models--org--model"
    (root / "blobs").mkdir(parents=True)
    (root / "snapshots").mkdir()
    commit = root / "snapshots" / ("0" * 40)
    preset.rename(commit)
    for i, path in enumerate(sorted(p for p in commit.rglob("*") if p.is_file())):
        blob = root / "blobs" / f"{i:040x}"
        path.rename(blob)
        up = "../" * (len(path.relative_to(root).parts) - 1)
        path.symlink_to(f"{up}blobs/{blob.name}")
    return commit


def unsafe(change, message=r"task\.weights\.h5", **options):
    return Case(change, UnsafePresetError, message, **options)


def wrong(change, message, **options):
    return Case(change, PresetWeightsError, message, **options)


def dtype(message, change=lambda value: value, **arguments):
    return wrong(
        replaced(change, **arguments),
        rf"task\.weights\.h5.*expected a little-endian float, got {message}",
    )


TRUNCATED = r"task\.weights\.h5.*truncated"
IN_HEAD = rf"task\.weights\.h5.*{HEAD} holds NaN or infinity"
MODEL_FILE = r"model\.weights\.h5.*"
CASES = {
    "B01 external_link": unsafe(
        linked(HEAD, lambda outside: h5py.ExternalLink(str(outside / "fifo"), "/x"))
    ),
    "B02 external_group_fifo": unsafe(
        linked("layers", lambda outside: h5py.ExternalLink(str(outside / "fifo"), "/"))
    ),
    "B03 soft_link": unsafe(linked(HEAD, lambda outside: h5py.SoftLink("/layers/dense/vars/1"))),
    "B03 dangling": unsafe(linked(HEAD, lambda outside: h5py.SoftLink("/nowhere"))),
    "B03 hard-link cycle": unsafe(
        inside(lambda file, outside: file.__setitem__("layers/dense/cycle", file["layers"]))
    ),
    "B03 linked twice": unsafe(
        inside(lambda file, outside: file.__setitem__("layers/again", file[HEAD]))
    ),
    "B03 root within": unsafe(
        inside(lambda file, outside: file.__setitem__("layers/root", file["/"]))
    ),
    "B04 external_storage": unsafe(inside(external_storage)),
    "B05 virtual_dataset": unsafe(inside(virtual)),
    "B05 without limit": unsafe(inside(unlimited_virtual)),
    "B06 shape_bomb_big": wrong(declared((2**30, 2**10)), SHAPE + r"\(1073741824, 1024\)"),
    "B07 shape_bomb_small": wrong(declared((2**20, 1000)), SHAPE + r"\(1048576, 1000\)"),
    "B08 gzip_1000x": wrong(inside(zeros), SHAPE + r"\(524288, 1024\)"),
    "B09 truncated": wrong(cut(lambda size: size // 2), TRUNCATED),
    "B09 to nothing": wrong(cut(lambda size: 0), r"task\.weights\.h5.*empty"),
    "B09 to one byte": wrong(cut(lambda size: 1), TRUNCATED),
    "B09 by one byte": wrong(cut(lambda size: size - 1), TRUNCATED),
    "B10 not_hdf5": wrong(contents(b"weights\n"), MODEL_FILE + "another format"),
    "B10 zip": wrong(contents(b"PK\x03\x04" + bytes(60)), MODEL_FILE + "another format"),
    "B10 HTML": wrong(contents(b"<!DOCTYPE html><html>Not found</html>"), MODEL_FILE + "HTML"),
    "B10 git-LFS": wrong(
        contents(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        MODEL_FILE + "git lfs pull",
    ),
    "B10 signature alone": wrong(contents(b"\x89HDF\r\n\x1a\n"), MODEL_FILE + "truncated"),
    "B11 nan_inf": wrong(replaced(lambda value: value * np.nan), IN_HEAD),
    "B11 infinity": wrong(replaced(lambda value: value / 0), IN_HEAD),
    "B11 allow_nonfinite": Case(
        replaced(lambda value: value * np.nan),
        message="LABEL_0",
        options={"allow_nonfinite": True},
    ),
    "B12 wrong_shape": wrong(
        replaced(lambda value: np.vstack([value, value[:1]])), SHAPE + r"\(9, 2\)"
    ),
    "B12 transposed": wrong(replaced(lambda value: value.T), SHAPE + r"\(2, 8\)"),
    "B12 flat": wrong(replaced(np.ravel), SHAPE + r"\(16,\)"),
    "B13 missing": wrong(
        inside(lambda file, outside: file.pop("layers/dense")), rf"task\.weights.*missing {HEAD}"
    ),
    "B13 extra": wrong(
        inside(left_over), r"task\.weights\.h5.*left over layers/evil/vars/0 \(3,\)"
    ),
    "B14 dtype_swap": dtype("int64", dtype="i8"),
    "B14 complex64": dtype("complex64", lambda value: value.astype("c8")),
    "B14 big-endian": dtype(">f4", dtype=">f4"),
    "B14 strings": dtype(
        "object", lambda value: value.astype("S4").astype(object), dtype=h5py.string_dtype()
    ),
    "B14 references": dtype("object", data=None, shape=(8, 2), dtype=h5py.ref_dtype),
    "B14 records": dtype("", data=None, shape=(8, 2), dtype=np.dtype([("a", "f4"), ("b", "i4")])),
    "B14 float16": Case(replaced(dtype="float16"), message="LABEL_0"),
    "B14 float64": Case(replaced(dtype="float64"), message="LABEL_0"),
    "B15 task_weights_missing": wrong(remove(TASK), r"task\.json.*task\.weights\.h5 is missing"),
    "B16 model_weights_missing": Case(
        remove(MODEL), PresetNotFoundError, r"model\.weights\.h5 is missing"
    ),
    "B17 swapped_files": wrong(swap, r"(task|model)\.weights\.h5"),
    "B17 with a manifest": Case(swap, PresetIntegrityError, r"weights\.h5.*sha256", base="signed"),
    "B18 bitflip": Case(flip, PresetIntegrityError, MODEL_FILE + "sha256", base="signed"),
    "B19 symlink_out": unsafe(
        put_at(MODEL, lambda path, moved: path.symlink_to(moved)), MODEL_FILE + "symbolic link"
    ),
    "B19 to a device": unsafe(
        put_at(MODEL, lambda path, moved: path.symlink_to("/dev/zero")), MODEL_FILE
    ),
    "B19 to a neighbour": unsafe(
        put_at(MODEL, lambda path, moved: path.symlink_to(TASK)), MODEL_FILE
    ),
    "B19 dangling": unsafe(
        put_at(MODEL, lambda path, moved: path.symlink_to("nowhere")), MODEL_FILE
    ),
    "B19 a folder": unsafe(
        put_at("assets", lambda path, moved: path.symlink_to(moved)), r"assets/.*symbolic link"
    ),
    "B20 fifo": unsafe(put_at(MODEL, lambda path, moved: os.mkfifo(path)), MODEL_FILE),
    "B20 socket": unsafe(put_at(MODEL, socket_at), MODEL_FILE),
    "B20 directory": unsafe(put_at(MODEL, lambda path, moved: path.mkdir()), MODEL_FILE),
    "B21 shard_traversal": wrong(
        sharded(lambda outside: {"/layers/x": ["../../outside/secret"]}),
        r"model\.weights\.json.*several files",
    ),
    "B21 absolute": wrong(
        sharded(lambda outside: {"/layers/x": [str(outside / "fifo")]}), r"model\.weights\.json"
    ),
    "B21 many entries": wrong(
        sharded(lambda outside: {str(i): ["x"] for i in range(200_000)}), r"model\.weights\.json"
    ),
    "B22 polyglot": unsafe(user_block, r"task\.weights\.h5.*512 bytes of something else"),
    "B23 filter_plugin": unsafe(inside(filtered), r"task\.weights\.h5.*unknown filter"),
    "B24 many_groups": wrong(inside(many_groups), r"task\.weights\.h5.*more than 20000 groups"),
    "B24 attr_bomb": wrong(inside(many_attributes), r"more than \d+ bytes beside its tensors"),
    "B24 deep groups": wrong(inside(deep), r"task\.weights\.h5.*deeper than 32"),
    "a named type": unsafe(
        inside(lambda file, outside: file.__setitem__("layers/type", np.dtype("f4")))
    ),
    "no values": wrong(
        inside(lambda file, outside: file.__setitem__("layers/none", h5py.Empty("f4"))),
        r"task\.weights\.h5.*layers/none",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_weights(case, holds):
    holds(case)


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "tokenizer.json",
        "preprocessor.json",
        "task.json",
        "assets/tokenizer/vocabulary.txt",
        TASK,
    ],
)
@pytest.mark.parametrize("make", ["link", "FIFO"])
def test_b19_b20_any_other_file(name, make, holds):
    makers = {"link": lambda path, moved: path.symlink_to(moved)}
    makers["FIFO"] = lambda path, moved: os.mkfifo(path)
    holds(unsafe(put_at(name, makers[make]), name))


def test_b19_the_links_of_a_hubs_cache_are_followed(holds):
    holds(Case(cache_link, message="LABEL_0"))
