"""What lies in the directory of a preset; only its own files are opened."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from hub_tasks.presets.files import KNOWN, README, PresetFiles

_BLOCK = 2**20  # bytes that are read at a time
_MOST = 1_000  # files that belong to no preset and are listed


@dataclass(frozen=True)
class FileEntry:
    """One file.

    Args:
        name: relative to the preset's directory, with `/`.
        size: in bytes.
        sha256: the digest of its bytes in hexadecimal.
    """

    name: str
    size: int
    sha256: str


def own_names(files: PresetFiles) -> list[str]:
    """The names of a preset's own files that exist, its README among them."""
    return files.present((*KNOWN, README))


def entry(files: PresetFiles, name: str, copy: BinaryIO | None = None) -> FileEntry:
    """Reads one of a preset's own files; what is read is written to `copy` as well."""
    digest, size = hashlib.sha256(), 0
    with files.open(name) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
            if copy is not None:
                copy.write(block)
    return FileEntry(name, size, digest.hexdigest())


def foreign_names(files: PresetFiles) -> Iterator[str]:
    """What else lies in the directory: names as they are, at most 1,000; links are not followed."""
    own, found = {*own_names(files)}, 0
    for folder, folders, names in os.walk(files.directory):
        folders.sort()
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in sorted((*names, *links)):
            path = os.path.relpath(os.path.join(folder, name), files.directory)
            if path.replace(os.sep, "/") in own:
                continue
            found += 1
            if found > _MOST:
                return
            yield path.replace(os.sep, "/")


def kind(files: PresetFiles, name: str) -> str:
    """What is at `name`: "file", "link", "folder" or "device"."""
    mode = os.lstat(files.directory / name).st_mode
    kinds = {stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFDIR: "folder"}
    return kinds.get(stat.S_IFMT(mode), "device")
