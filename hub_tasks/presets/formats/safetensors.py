"""Reading and writing `.safetensors`.

Format: https://huggingface.co/docs/safetensors: eight bytes of header length, a JSON
header `name -> {dtype, shape, data_offsets}`, then the tensors without gaps. Read here
and not by the library, so that a hostile header is refused before anything is reserved.
"""

import mmap
import struct
from collections.abc import Mapping
from math import prod
from types import TracebackType
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np
from safetensors.numpy import save

from hub_tasks.errors import PresetFormatError, PresetWeightsError, shorten
from hub_tasks.presets.files import JSON_LIMIT
from hub_tasks.presets.formats.hdf5 import check_signature
from hub_tasks.presets.strict_json import parse_json

_MAX_HEADER = JSON_LIMIT
_DTYPES: dict[str, np.dtype] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "BOOL": np.dtype("?"),
}


class SafeTensors:
    """The tensors of a safetensors file, mapped into memory.

    Args:
        file: an open binary file; closed with this object.
        where: what errors call the file.

    Raises:
        PresetWeightsError: the header or the extent of the file is not what the
            format prescribes.
    """

    def __init__(self, file: BinaryIO, where: str):
        self.where = where
        self._file = file
        try:
            self._entries, self._start, size = self._header()
            self._check_extent(size - self._start)
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> "SafeTensors":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._map.close()
        self._file.close()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape, from the header."""
        return {name: tuple(entry["shape"]) for name, entry in self._entries.items()}

    def dtype(self, name: str) -> np.dtype:
        """The stored type of a tensor."""
        return _DTYPES[self._entries[name]["dtype"]]

    def read(self, name: str) -> np.ndarray:
        """Reads one tensor as an array of its own."""
        entry = self._entries[name]
        begin, end = entry["data_offsets"]
        data = self._map[self._start + begin : self._start + end]
        return np.frombuffer(data, self.dtype(name)).reshape(entry["shape"])

    def _header(self) -> tuple[dict[str, Any], int, int]:
        size = self._file.seek(0, 2)
        self._file.seek(0)
        prefix = self._file.read(9)
        length = struct.unpack("<Q", prefix[:8])[0] if len(prefix) == 9 else 0
        if not 2 <= length <= size - 8 or prefix[8:] != b"{":
            self._file.seek(0)
            check_signature(self._file, b"\x00no such start", "safetensors", self.where)
        self._file.seek(8)
        if length > _MAX_HEADER:
            raise PresetWeightsError(
                f"{self.where} has a header of {length} bytes; at most {_MAX_HEADER} are read."
            )
        try:
            header = parse_json(self._file.read(length).rstrip(b" "), f"the header of {self.where}")
        except PresetFormatError as error:
            raise PresetWeightsError(str(error)) from None
        header.pop("__metadata__", None)
        return header, 8 + length, size

    def _check_extent(self, available: int) -> None:
        spans = []
        for name, entry in self._entries.items():
            match entry:
                case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [begin, end]} if (
                    dtype in _DTYPES
                    and all(type(n) is int and n >= 0 for n in (*shape, begin, end))
                    and end - begin == prod(shape) * _DTYPES[dtype].itemsize
                ):
                    spans.append((begin, end))
                case _:
                    raise PresetWeightsError(
                        f"{self.where}: the header's entry for {shorten(name)} is not valid."
                    )
        position = 0
        for begin, end in sorted(spans):
            if begin != position:
                raise PresetWeightsError(f"{self.where}: tensors overlap or leave gaps.")
            position = end
        if position != available:
            raise PresetWeightsError(
                f"{self.where} holds {available} bytes of tensors where its header states "
                f"{position}; it is truncated or damaged."
            )


def write_safetensors(tensors: Mapping[str, np.ndarray]) -> bytes:
    """A safetensors file with these tensors."""
    return save({name: np.ascontiguousarray(value) for name, value in tensors.items()})
