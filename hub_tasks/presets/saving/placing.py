"""Putting a directory in the place of another, whatever happens meanwhile.

Files go into a staging directory beside the target, each flushed to the disk and read
back, the last one when all others are there; then the directories are flushed, the two
are exchanged in one step, and what is now the old one is removed. A process that is
killed leaves its staging directory behind, which the next one removes.
"""

import contextlib
import ctypes
import errno
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from hub_tasks.errors import PresetSaveError
from hub_tasks.presets.saving.locking import surely

_STAGING = "hub_tasks-staging-"
_OLD = "-old"
_FOLDER_MODE, _FILE_MODE = 0o755, 0o644  # less what the umask forbids
_NAME_LIMIT = 100  # characters of the target's name that the names beside it repeat
_CHUNK = 1 << 20
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_NO_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


def beside(target: Path, name: str) -> Path:
    """A hidden name of this package's own beside the target."""
    return target.with_name(f".{target.name[:_NAME_LIMIT]}.{name}")


def make_directory(path: Path) -> None:
    """Makes a directory and its parents, each flushed to the disk."""
    if not path.is_dir():
        make_directory(path.parent)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, _FOLDER_MODE)
        _sync_directory(path.parent)


def remove_leftovers(target: Path) -> None:
    """Removes what killed writers left; to be called while no other writes.

    Where directories cannot be exchanged, a kill may have come between two renames: then
    the old directory is put back.
    """
    prefix = beside(target, _STAGING)
    for name in sorted(os.listdir(target.parent)):
        if name.startswith(prefix.name):
            leftover = target.with_name(name)
            if name.endswith(_OLD) and not os.path.lexists(target):
                os.rename(leftover, target)
            else:
                shutil.rmtree(leftover, ignore_errors=True)


def place(target: Path, contents: Mapping[str, bytes], check: Callable[[Path], None]) -> None:
    """Makes `target` a directory of these files and no others.

    Args:
        contents: name -> bytes, the one that completes the directory last.
        check: raises when the finished directory is not to be put in place.
    """
    with _staging(target) as staging:
        for name, content in contents.items():
            make_directory((staging / name).parent)
            _write_file(staging / name, content)
        if target.is_dir():  # what its owner allows to others stays as it is
            os.chmod(staging, stat.S_IMODE(target.stat().st_mode) & ~stat.S_IWOTH)
        for folder in sorted({path.parent for path in staging.rglob("*")} | {staging}):
            _sync_directory(folder)
        check(staging)
        _put_in_place(staging, target)


@contextlib.contextmanager
def _staging(target: Path) -> Iterator[Path]:
    staging = beside(target, _STAGING + secrets.token_hex(8))
    try:
        os.mkdir(staging, _FOLDER_MODE)
        yield staging
    finally:
        surely(_remove, staging, target)


def _remove(staging: Path, target: Path) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    if os.path.lexists(target):
        shutil.rmtree(_old(staging), ignore_errors=True)


def _old(staging: Path) -> Path:
    return staging.with_name(staging.name + _OLD)


def _write_file(path: Path, content: bytes) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, _FILE_MODE), "w+b") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):  # so that the disk is read and not the memory
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.seek(0)
        for start in range(0, len(content) + 1, _CHUNK):
            if file.read(_CHUNK) != content[start : start + _CHUNK]:
                raise PresetSaveError(
                    f"{path.name} reads back from the disk unlike it was written. Check the disk."
                )


def _sync_directory(path: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(staging: Path, target: Path) -> None:
    replaces = os.path.lexists(target)
    move = _swap if replaces else os.rename
    move(staging, target)
    try:
        _sync_directory(target.parent)
    except OSError:
        _swap(staging, target) if replaces else os.rename(target, staging)
        raise


def _swap(first: Path, second: Path) -> None:
    """Exchanges two directories, by three renames where it cannot be done in one step."""
    if _exchange(first, second):
        return
    aside = _old(first)
    try:
        os.rename(second, aside)
        os.rename(first, second)
    except BaseException:
        if not os.path.lexists(second):
            os.rename(aside, second)
        raise
    with contextlib.suppress(OSError):  # it is only to be removed
        os.rename(aside, first)


def _exchange(first: Path, second: Path) -> bool:
    """Linux's renameat2; False where the system or the file system does not have it."""
    rename = (
        getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        if sys.platform == "linux"
        else None
    )
    if rename is None:
        return False
    ctypes.set_errno(0)
    paths = os.fsencode(first), os.fsencode(second)
    if rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code), str(second))
