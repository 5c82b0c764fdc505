"""Files that must stay as they are while they are read."""

import io
import os

from hub_tasks.errors import PresetIntegrityError


class Unchanging(io.BufferedReader):
    """A file that must be as it was when it is closed."""

    def __init__(self, descriptor: int, before: os.stat_result, error: PresetIntegrityError):
        super().__init__(io.FileIO(descriptor, "rb"))
        self._before, self._error = before, error

    def close(self) -> None:
        if self.closed:
            return
        unchanged = same(self._before, os.fstat(self.fileno()))
        super().close()
        if not unchanged:
            raise self._error


def same(before: os.stat_result, now: os.stat_result) -> bool:
    """Whether it is the same file with the same content; it may have been unlinked."""

    def content(status: os.stat_result) -> tuple[int, ...]:
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    touched = before.st_ctime_ns != now.st_ctime_ns and before.st_nlink == now.st_nlink
    return content(before) == content(now) and not touched
