"""One writer at a time, by a lock that the system releases when its holder dies."""

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from hub_tasks.errors import PresetSaveError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PATIENCE = 30.0  # seconds to wait for another writer
_PAUSE = 0.01
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
_HELD: set[BinaryIO] = set()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Holds the lock file `path`; yields False where the file system has no locks.

    Raises:
        PresetSaveError: another writer held it all the time that is waited.
    """
    try:
        file = _acquire(path)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        file = None
    if file is None:
        yield False
        return
    try:
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        yield True
    finally:
        _release(file, path)


def surely(action: Callable[..., object], *arguments: object) -> None:
    """Calls it, and once more when an interrupt comes between."""
    try:
        action(*arguments)
    except BaseException:
        action(*arguments)
        raise


def _acquire(path: Path) -> BinaryIO | None:
    if fcntl is None:
        return None
    deadline = time.monotonic() + _PATIENCE
    file = None
    try:
        while True:
            file = _open(path)
            if not _try(file):
                _wait(file, deadline)
            elif _is_at(file, path):
                return file
            _close(file)
    except BaseException:
        with contextlib.suppress(OSError):
            _release(_open(path) if file is None or file.closed else file, path)
        raise


def _open(path: Path) -> BinaryIO:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.fdopen(os.open(path, flags, 0o644), "r+b", buffering=0)
    _HELD.add(file)
    return file


def _wait(file: BinaryIO, deadline: float) -> None:
    if time.monotonic() > deadline:
        holder = file.read(20).decode("ascii", "replace")  # type: ignore[attr-defined]
        raise PresetSaveError(
            f"The target is locked by pid {holder}, which has been saving there for more than "
            f"{_PATIENCE:g} seconds. Save to another directory, or again later."
        )
    time.sleep(_PAUSE)


def _try(file: BinaryIO) -> bool:
    """Takes the lock, or keeps it; False where another holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether the file is not one that its last holder has removed."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _release(file: BinaryIO, path: Path) -> None:
    try:
        surely(_unlock, file, path)
    finally:
        _close(file)


def _unlock(file: BinaryIO, path: Path) -> None:
    """Removes the lock file while it is held, so that who waits for it notices."""
    with contextlib.suppress(OSError):
        if _try(file) and _is_at(file, path):
            os.unlink(path)
        fcntl.flock(file, fcntl.LOCK_UN)  # a copy in a forked process would keep it


def _close(file: BinaryIO) -> None:
    _HELD.discard(file)
    file.close()


def _close_in_child() -> None:
    """A forked process holds none of its parent's locks, also when the parent dies."""
    for file in list(_HELD):
        _close(file)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
