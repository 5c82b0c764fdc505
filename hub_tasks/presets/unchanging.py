"""Files that must stay as they are while they are read."""

import io
import os
import time

from hub_tasks.errors import PresetIntegrityError

_LOOKS, _PAUSE = 20, 0.005  # how often, and after how many seconds, a file is looked at again


class Unchanging(io.BufferedReader):
    """A file that must be as it was when it is closed."""

    def __init__(self, descriptor: int, before: os.stat_result, error: PresetIntegrityError):
        super().__init__(io.FileIO(descriptor, "rb"))
        self._before, self._error = before, error

    def close(self) -> None:
        if self.closed:
            return
        unchanged = same(self._before, self.fileno())
        super().close()
        if not unchanged:
            raise self._error


def same(before: os.stat_result, descriptor: int) -> bool:
    """Whether it is the same file with the same content; it may have been unlinked.

    On tmpfs an unlink shows for a moment as touched before it shows as a link less, so what
    is touched and nothing else is looked at again.
    """
    for _ in range(_LOOKS):
        now = os.fstat(descriptor)
        if _content(before) != _content(now):
            return False
        if before.st_ctime_ns == now.st_ctime_ns or before.st_nlink != now.st_nlink:
            return True
        time.sleep(_PAUSE)
    return False


def _content(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
