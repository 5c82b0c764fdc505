"""A folder whose files are opened relative to it, and never through a way out."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from hub_tasks.errors import PresetIntegrityError, UnsafePresetError

# The links that are legitimate: a hub cache's snapshots/<commit>/<file> -> its blobs, named
# by their digest; and from there to the blobs that all repositories of a cache share.
_BLOB = re.compile(r"[0-9a-f]{40,64}")
_SHARED_BLOB = re.compile(r"\.\./\.\./blobs/([0-9a-f]{2})/\1[0-9a-f]{62}")

DESCRIPTORS = {os.open, os.readlink, os.stat} <= os.supports_dir_fd
FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
FILE |= getattr(os, "O_BINARY", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


class Folder:
    """A folder, which must stay the same one.

    Args:
        directory: its path.
        preset: what errors call the preset.
    """

    def __init__(self, directory: str | os.PathLike[str], preset: str):
        self.path = os.path.realpath(directory)
        self.preset = preset
        self._identity: tuple[int, int] | None = None

    def open(self, name: str) -> int:
        """A descriptor of the file `name`.

        Raises:
            OSError: there is none, or it is a link.
            UnsafePresetError: a link out of the preset.
            PresetIntegrityError: the folder is another one than before.
        """
        with self._of(name) as (folder, prefix):
            return os.open(prefix + self._target(name, folder, prefix), FILE, dir_fd=folder)

    @contextmanager
    def _of(self, name: str) -> Iterator[tuple[int | None, str]]:
        """Where a file is: a descriptor of the folder, or a path to put before its name.

        Opened anew each time and compared, so that no descriptor outlives a load.
        """
        parts, path = name.split("/")[:-1], self.path
        if not DESCRIPTORS:
            for part in parts:
                path = os.path.join(path, part)
                if os.path.islink(path):
                    raise self._link(name)
            yield None, path + os.sep
            return
        folder = os.open(path, _FOLDER)
        try:
            status = os.fstat(folder)
            self._identity = self._identity or (status.st_dev, status.st_ino)
            if self._identity != (status.st_dev, status.st_ino):
                raise changed(name, self.preset)
            for part in parts:
                if stat.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode):
                    raise self._link(name)
                outer, folder = folder, os.open(part, _FOLDER, dir_fd=folder)
                os.close(outer)
            yield folder, ""
        finally:
            os.close(folder)

    def _target(self, name: str, folder: int | None, prefix: str) -> str:
        """The file's own name, or where a hub cache's link leads, from its folder."""
        parts = name.split("/")
        link = _link_at(prefix + parts[-1], folder)
        if link is None:
            return parts[-1]
        blobs = "../" * (len(parts) + 1) + "blobs/"
        in_cache = os.path.basename(os.path.dirname(self.path)) == "snapshots"
        if not (in_cache and link.startswith(blobs) and _BLOB.fullmatch(link[len(blobs) :])):
            raise self._link(name)
        shared = _link_at(prefix + link, folder)
        if shared is None:
            return link
        if not _SHARED_BLOB.fullmatch(shared):
            raise self._link(name)
        return blobs + shared

    def _link(self, name: str) -> UnsafePresetError:
        return UnsafePresetError(
            f"{name} of preset {self.preset} is a symbolic link; only a hub cache's own links from "
            f"snapshots to blobs are followed."
        )


def changed(name: str, preset: str) -> PresetIntegrityError:
    """The error for a file that is not what it was."""
    return PresetIntegrityError(
        f"{name} of preset {preset} changed while the preset was being read; load it again."
    )


def _link_at(path: str, folder: int | None) -> str | None:
    """Where a link leads; None for what is no link."""
    try:
        link = os.readlink(path, dir_fd=folder)
    except OSError:
        return None
    return link.replace("\\", "/") if os.name == "nt" else link
