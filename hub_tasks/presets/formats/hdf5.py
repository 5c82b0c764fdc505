"""Reading and writing `.weights.h5`, the HDF5 files of Keras, with nothing but tensors in them.

The reader hands HDF5 an open file, not a path, and refuses every construct by which an
HDF5 file can reach another one: soft and external links, external storage, virtual data
sets, and filters that would be loaded as plugins.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from types import TracebackType
from typing import Any, BinaryIO

import h5py
import numpy as np

from hub_tasks.errors import PresetError, PresetWeightsError, UnsafePresetError, shorten

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MAX_OBJECTS = 20_000  # ten times what the largest encoders have
_PLUGINS = Lock()  # held while their paths, which all threads share, are not there
_MAX_DEPTH = 32
_MAX_DIRECTORY = 32 * 2**20  # bytes that say where tensors are
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
# What h5py raises for bytes that HDF5 cannot make sense of.
_DAMAGE = (OSError, RuntimeError, KeyError, TypeError, ValueError, OverflowError, SystemError)


class _Metered:
    """An open file that HDF5 may read a bounded number of bytes of, while there is a bound."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self.left: int | None = _MAX_DIRECTORY
        self.seek, self.tell, self.read = file.seek, file.tell, file.read

    def readinto(self, buffer: Any) -> int:
        if self.left is not None:
            self.left -= len(buffer)
            if self.left < 0:
                raise OSError("too many bytes")
        return self._file.readinto(buffer)  # type: ignore[attr-defined]


@contextmanager
def _without_plugins() -> Iterator[None]:
    """HDF5 tries every plugin on this machine on a file that it cannot make sense of."""
    with _PLUGINS:
        paths = [h5py.h5pl.get(i) for i in range(h5py.h5pl.size())]
        for _ in paths:
            h5py.h5pl.remove(0)
        try:
            yield
        finally:
            for path in paths:
                h5py.h5pl.append(path)


class HDF5Tensors:
    """The tensors of an HDF5 file, by path without a leading slash.

    Args:
        file: an open binary file; closed with this object.
        where: what errors call the file.

    Raises:
        PresetWeightsError: not an HDF5 file, or a truncated one.
        UnsafePresetError: a link or storage that leads out of the file, or something
            else in front of the tensors.
    """

    def __init__(self, file: BinaryIO, where: str):
        self.where = where
        self._file = file
        _refuse_user_block(file, where)
        check_signature(file, _SIGNATURE, "HDF5", where)
        self._h5: Any = file  # until HDF5 has opened it, so that `__exit__` closes either
        self._sets: dict[str, Any] = {}
        metered = _Metered(file)
        try:
            with _without_plugins():
                self._h5 = h5py.File(metered, "r")
            self._walk(self._h5, "", 0, set())
            metered.left = None
        except PresetError:
            self.__exit__(None, None, None)
            raise
        except _DAMAGE as error:
            self.__exit__(None, None, None)
            if metered.left is not None and metered.left < 0:
                raise PresetWeightsError(
                    f"{where} holds more than {_MAX_DIRECTORY} bytes beside its tensors, the most "
                    f"that is read."
                ) from None
            raise PresetWeightsError(
                f"{where} cannot be read; it is truncated or damaged ({str(error)[:80]})."
            ) from None

    def __enter__(self) -> "HDF5Tensors":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._h5.close()
        self._file.close()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape, from the file's own directory, nothing read."""
        return {name: tuple(dataset.shape) for name, dataset in self._sets.items()}

    def dtype(self, name: str) -> np.dtype:
        """The stored type of a tensor."""
        try:
            return self._sets[name].dtype
        except _DAMAGE as error:
            raise PresetWeightsError(
                f"{self.where}: {name} is of a type that cannot be read ({str(error)[:80]})."
            ) from None

    def read(self, name: str) -> np.ndarray:
        """Reads one tensor."""
        try:
            return self._sets[name][()]
        except _DAMAGE as error:
            raise PresetWeightsError(
                f"{self.where}: {name} cannot be read; the file is truncated or damaged "
                f"({str(error)[:80]})."
            ) from None

    def _walk(self, group: Any, prefix: str, depth: int, seen: set[Any]) -> None:
        if depth > _MAX_DEPTH:
            raise PresetWeightsError(f"{self.where} nests groups deeper than {_MAX_DEPTH}.")
        if len(seen) + len(group) > _MAX_OBJECTS:
            raise PresetWeightsError(
                f"{self.where} holds more than {_MAX_OBJECTS} groups and tensors, the most that "
                f"are read."
            )
        for name in group:
            path = prefix + name
            if type(group.get(name, getlink=True)) is not h5py.HardLink:
                raise UnsafePresetError(f"{self.where}: {shorten(path)} is a link, not a tensor.")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                raise UnsafePresetError(f"{self.where}: {shorten(path)} is linked twice.")
            seen.add(address)
            if isinstance(item, h5py.Group):
                self._walk(item, path + "/", depth + 1, seen)
            elif isinstance(item, h5py.Dataset):
                self._check_storage(path, item)
                if item.shape is None:
                    raise PresetWeightsError(f"{self.where}: {shorten(path)} holds no numbers.")
                self._sets[path] = item
            else:
                raise UnsafePresetError(f"{self.where}: {shorten(path)} is no tensor.")

    def _check_storage(self, path: str, dataset: Any) -> None:
        if dataset.external or dataset.is_virtual:
            raise UnsafePresetError(f"{self.where}: {shorten(path)} is stored in another file.")
        properties = dataset.id.get_create_plist()
        filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
        if not filters <= _FILTERS:
            raise UnsafePresetError(f"{self.where}: {shorten(path)} uses an unknown filter.")


def write_hdf5(tensors: Mapping[str, np.ndarray], names: Mapping[str, str]) -> bytes:
    """An HDF5 file as Keras writes it: a group per layer, its variables under `vars`.

    Args:
        tensors: path -> array, paths ending in `/vars/<n>`.
        names: path of a layer's group -> the layer's name, kept as Keras keeps it.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", track_order=False) as file:
        for path, value in tensors.items():
            file.create_dataset(path, data=value, track_times=False)
        for path, name in names.items():
            file.require_group(f"{path}/vars" if path else "vars").attrs["name"] = name
    return buffer.getvalue()


def _refuse_user_block(file: BinaryIO, where: str) -> None:
    """HDF5 also begins at 512, 1024, 2048, ..., behind a program or an archive, say."""
    size, offset = file.seek(0, 2), 0
    while offset < size:
        file.seek(offset)
        if file.read(len(_SIGNATURE)) == _SIGNATURE:
            break
        offset = 2 * offset or 512
    file.seek(0)
    if 0 < offset < size:
        file.close()
        raise UnsafePresetError(f"{where} holds {offset} bytes of something else before HDF5.")


def check_signature(file: BinaryIO, signature: bytes, kind: str, where: str) -> None:
    """Refuses a file that does not begin as it should, naming what it looks like."""
    head = file.read(64)
    file.seek(0)
    if head.startswith(signature):
        return
    if head.startswith(b"version https://git-lfs"):
        hint = "it is a git-LFS pointer: fetch the real file with `git lfs pull`"
    elif head.lstrip()[:1] == b"<":
        hint = "it is an HTML or XML page, probably a download error"
    elif not head:
        hint = "it is empty"
    else:
        hint = "its first bytes are of another format, or it is truncated"
    file.close()
    raise PresetWeightsError(f"{where} is not in the {kind} format: {hint}.")
