"""Opening a preset: found, compared with what is known of it, read, and mended once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from hub_tasks.errors import PresetIntegrityError, PresetNotFoundError
from hub_tasks.presets.data import PresetData, PresetSource
from hub_tasks.presets.files import KNOWN, PresetFiles
from hub_tasks.presets.formats import read_files
from hub_tasks.presets.lock import LockedPreset, find, read_lock
from hub_tasks.presets.sources import Address, parse, resolve


def load(
    handle: str | os.PathLike[str],
    local_files_only: bool = False,
    lock: str | os.PathLike[str] | None = None,
) -> PresetData:
    """Reads what a preset says; see `hub_tasks.TextClassifier.from_preset`."""
    files, data = open_preset(handle, local_files_only, lock)
    return _with_source(handle, files, data)


@contextmanager
def opened(
    handle: str | os.PathLike[str],
    local_files_only: bool = False,
    lock: str | os.PathLike[str] | None = None,
) -> Iterator[PresetData]:
    """What `load` returns, whose files are closed at the end."""
    files, data = open_preset(handle, local_files_only, lock)
    try:
        yield _with_source(handle, files, data)
    finally:
        files.release()


def open_preset(
    handle: str | os.PathLike[str] | Address,
    local_files_only: bool = False,
    lock: str | os.PathLike[str] | None = None,
) -> tuple[PresetFiles, PresetData]:
    """Finds and reads a preset.

    A file that a hub's cache holds in another form than the hub, a manifest or a lock
    records is fetched anew, once.

    The files are those of one moment, and held until they are released.

    Args:
        handle: what `parse` takes, or what it gave.
        local_files_only: ask no hub.
        lock: a lock file, beside which nothing is accepted.
    """
    address = handle if isinstance(handle, Address) else parse(handle)
    where = f"the lock {os.fspath(lock)!r}" if lock is not None else ""
    locked = find(read_lock(lock), address, where) if lock is not None else None
    pinned = (locked.revision, tuple(locked.files)) if locked else (None, KNOWN)
    files = resolve(address, local_files_only, *pinned).hold()
    refetched: dict[str, PresetIntegrityError] = {}
    while True:
        try:
            return files, _read(files, locked, where)
        except PresetIntegrityError as error:
            name, damage = error.file, error
        except BaseException:
            files.release()
            raise
        if not files.refetch or name is None or name in refetched:
            files.release()
            raise damage
        refetched[name] = damage
        try:
            files.release()
            files = files.refetch(name).hold()
        except PresetNotFoundError as error:
            raise PresetIntegrityError(f"{damage} {error}", name) from None


def _read(files: PresetFiles, locked: LockedPreset | None, where: str) -> PresetData:
    files.verify()
    if locked:
        locked.check(files, where)
    return read_files(files)


def _with_source(
    handle: str | os.PathLike[str], files: PresetFiles, data: PresetData
) -> PresetData:
    return replace(data, source=PresetSource(str(handle), files.revision, files.digests))


def verified(directory: str | os.PathLike[str], locked: LockedPreset) -> bool:
    """Whether a directory holds exactly what is locked."""
    try:
        locked.check(PresetFiles(directory, os.fspath(directory)), "the lock")
    except (PresetIntegrityError, PresetNotFoundError):
        return False
    return True
