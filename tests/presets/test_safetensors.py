"""Safetensors: the header is checked whole before a tensor is read."""

import io
import json
import struct

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load, save

from hub_tasks import presets
from hub_tasks.errors import PresetWeightsError
from hub_tasks.presets.formats.safetensors import SafeTensors, write_safetensors
from tests.checks.broken_presets import edit_safetensors, read_weights

KERNEL = "classifier.weight"
WORDS = "bert.embeddings.word_embeddings.weight"


def entry(begin=0, end=8, dtype="F32", shape=(2,)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def build(header, data=bytes(8), length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


BAD = {
    "empty": (b"", "it is empty"),
    "seven bytes": (bytes(7), "truncated"),
    "git-LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "HTML": (b"<html>" + bytes(40), "HTML"),
    "pickle": (b"\x80\x04\x95" + bytes(60), "another format"),
    "header of 2**60 bytes": (build({"a": entry()}, length=2**60), "truncated"),
    "header of 2**64-1 bytes": (build({"a": entry()}, length=2**64 - 1), "truncated"),
    "header longer than the file": (build({"a": entry()}, length=1000), "truncated"),
    "header is a list": (build(b"[1]"), "another format"),
    "header is no JSON": (build(b"{a}"), "not JSON"),
    "name twice": (
        build(b'{"a": %s, "a": %s}' % (2 * (json.dumps(entry()).encode(),))),
        "key 'a' twice",
    ),
    "entry is a number": (build({"a": 3}), "entry for 'a'"),
    "unknown type": (build({"a": entry(dtype="F31")}), "entry for 'a'"),
    "type is a list": (build({"a": entry(dtype=["F32"])}), "entry for 'a'"),
    "shape against extent": (build({"a": entry(shape=(3,))}), "entry for 'a'"),
    "negative shape": (build({"a": entry(shape=(-2, -1))}), "entry for 'a'"),
    "shape of floats": (build({"a": entry(shape=(2.0,))}), "entry for 'a'"),
    "huge shape": (build({"a": entry(shape=(2**62, 2**62))}), "entry for 'a'"),
    "end before begin": (build({"a": entry(8, 0)}), "entry for 'a'"),
    "three offsets": (build({"a": {**entry(), "data_offsets": [0, 8, 8]}}), "entry for 'a'"),
    "overlap": (build({"a": entry(0, 8), "b": entry(4, 12)}, bytes(12)), "overlap or leave gaps"),
    "gap": (build({"a": entry(0, 8), "b": entry(12, 20)}, bytes(20)), "overlap or leave gaps"),
    "gap at the start": (build({"a": entry(4, 12)}, bytes(12)), "overlap or leave gaps"),
    "bytes left over": (build({"a": entry()}, bytes(9)), "holds 9 bytes"),
    "bytes missing": (build({"a": entry()}, bytes(7)), "holds 7 bytes"),
}
MISFITS = {
    "integers": (lambda t: t.update({KERNEL: t[KERNEL].astype("i4")}), "got int32"),
}


@pytest.fixture
def opened(tmp_path):
    def opened(data: bytes) -> SafeTensors:
        (tmp_path / "x").write_bytes(data)
        return SafeTensors(open(tmp_path / "x", "rb"), "x.safetensors of preset ./p")

    return opened


def test_writing_is_what_the_safetensors_library_reads():
    tensors = {"b": np.arange(6, dtype="f4").reshape(2, 3).T, "a": np.ones(2, "f2")}
    for name, value in load(write_safetensors(tensors)).items():
        np.testing.assert_array_equal(value, tensors[name])


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i8", "i4", "u1", "i1", "?"])
def test_reading_what_the_safetensors_library_writes(dtype, opened):
    value = np.array([[0, 1, 1], [1, 0, 1]], dtype)
    with opened(save({"a": value, "b": value[0]}, metadata={"format": "pt"})) as file:
        assert file.shapes == {"a": (2, 3), "b": (3,)}
        assert file.dtype("a") == value.dtype
        np.testing.assert_array_equal(file.read("a"), value)
        np.testing.assert_array_equal(file.read("b"), value[0])


def test_bfloat16(opened):
    bits = struct.pack("<HH", 0x3F80, 0xC000)  # 1.0 and -2.0
    with opened(build({"a": entry(0, 4, "BF16")}, bits)) as file:
        assert file.dtype("a") == ml_dtypes.bfloat16
        assert file.read("a").astype("f4").tolist() == [1.0, -2.0]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("data", "message"), BAD.values(), ids=BAD)
def test_files_that_break_the_format_are_refused(data, message, opened):
    with pytest.raises(PresetWeightsError, match=message) as caught:
        opened(data)
    assert "x.safetensors of preset ./p" in str(caught.value)


def test_every_cut_is_found(opened):
    data = save({"a": np.ones(3, "f4"), "b": np.ones((2, 2), "f2")})
    for length in range(len(data)):
        with pytest.raises(PresetWeightsError):
            opened(data[:length])


@pytest.mark.parametrize(("change", "message"), MISFITS.values(), ids=MISFITS)
def test_tensors_that_do_not_fit_are_refused(change, message, tiny, transformers_preset):
    edit_safetensors(transformers_preset / "model.safetensors", change)
    with pytest.raises(PresetWeightsError, match=message) as caught:
        read_weights(presets.load(transformers_preset), tiny.backbone, tiny.head)
    assert "model.safetensors" in str(caught.value)


def test_a_file_object_that_is_refused_is_closed():
    class Unmapped(io.BytesIO):
        pass

    file = Unmapped(build({"a": entry(0, 4)}))
    with pytest.raises(PresetWeightsError):
        SafeTensors(file, "x")
    assert file.closed
