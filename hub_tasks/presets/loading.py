"""Opening a preset: found, compared with what is known of it, read, and mended once."""

import os

from hub_tasks.errors import PresetIntegrityError, PresetNotFoundError
from hub_tasks.presets.data import PresetData
from hub_tasks.presets.files import KNOWN, PresetFiles
from hub_tasks.presets.formats import read_files
from hub_tasks.presets.lock import LockedPreset, find, read_lock
from hub_tasks.presets.sources import Address, parse, resolve


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


def verified(directory: str | os.PathLike[str], locked: LockedPreset) -> bool:
    """Whether a directory holds exactly what is locked."""
    try:
        locked.check(PresetFiles(directory, os.fspath(directory)), "the lock")
    except (PresetIntegrityError, PresetNotFoundError):
        return False
    return True
