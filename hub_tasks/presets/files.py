"""The files of one preset, opened by constant names and never through a way out.

Every name that is ever opened is a constant of this package; nothing that a file says
becomes part of a path.
"""

import contextlib
import os
import re
import stat
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from hub_tasks.errors import (
    PresetError,
    PresetFormatError,
    PresetIntegrityError,
    PresetNotFoundError,
    UnsafePresetError,
)

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
PREPROCESSOR = "preprocessor.json"
TASK = "task.json"
METADATA = "metadata.json"
MANIFEST = "hub_tasks.json"
MODEL_WEIGHTS = "model.weights.h5"
TASK_WEIGHTS = "task.weights.h5"
MODEL_SAFETENSORS = "model.weights.safetensors"
TASK_SAFETENSORS = "task.weights.safetensors"
VOCABULARY = "assets/tokenizer/vocabulary.txt"
BPE_VOCABULARY = "assets/tokenizer/vocabulary.json"
BPE_MERGES = "assets/tokenizer/merges.txt"
SENTENCEPIECE = "assets/tokenizer/vocabulary.spm"
HF_SAFETENSORS = "model.safetensors"
HF_TOKENIZER_CONFIG = "tokenizer_config.json"
HF_VOCABULARY = "vocab.txt"
HF_BPE_VOCABULARY = "vocab.json"
HF_BPE_MERGES = "merges.txt"
HF_SENTENCEPIECE = ("sentencepiece.bpe.model", "spiece.model", "spm.model")
HF_PICKLED = "pytorch_model.bin"
README = "README.md"

KNOWN = (
    CONFIG,
    TOKENIZER,
    PREPROCESSOR,
    TASK,
    METADATA,
    MANIFEST,
    MODEL_WEIGHTS,
    TASK_WEIGHTS,
    MODEL_SAFETENSORS,
    TASK_SAFETENSORS,
    VOCABULARY,
    BPE_VOCABULARY,
    BPE_MERGES,
    SENTENCEPIECE,
    HF_SAFETENSORS,
    HF_TOKENIZER_CONFIG,
    HF_VOCABULARY,
    HF_BPE_VOCABULARY,
    HF_BPE_MERGES,
    *HF_SENTENCEPIECE,
)

JSON_LIMIT = 4 * 2**20  # bytes
VOCABULARY_LIMIT = 64 * 2**20  # bytes

_ATTEMPTS = 20  # to open all files of a preset that is being replaced

# The one link out that is legitimate: a hub cache's snapshots/<commit>/<file> -> its blobs.
_CACHE_LINK = re.compile(r"(\.\./)+blobs/[0-9a-f]{40,64}")


class PresetFiles:
    """Read access to the files of a preset directory.

    Args:
        directory: the directory on this machine.
        handle: what the user asked for, for messages.
        revision: the commit or version that a hub resolved the handle to, or None.
    """

    def __init__(self, directory: str | os.PathLike[str], handle: str, revision: str | None = None):
        self.directory = Path(directory)
        self.handle = handle
        self.revision = revision
        self._held: dict[str, int | None] | None = None  # name -> descriptor

    def __str__(self) -> str:
        return f"{self.handle} (revision {self.revision})" if self.revision else self.handle

    def hold(self) -> Self:
        """Opens the files of one moment, which stay readable when the preset is replaced.

        What cannot be opened is left to fail where it is needed.
        """
        if os.name != "posix" or not os.access(self.directory, os.R_OK):
            return self
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(FileNotFoundError), _descriptor(self.directory) as directory:
                held = {name: self._keep(name) for name in self.present(KNOWN)}
                # The open descriptor keeps its number from being given to another directory.
                if os.path.samestat(os.fstat(directory), os.stat(self.directory)):
                    self._held = held
                    return self
        raise PresetIntegrityError(f"Preset {self} is replaced all the time; load it again.")

    def _keep(self, name: str) -> int | None:
        """A descriptor that is closed with this object."""
        try:
            with self.open(name) as file:
                descriptor = os.dup(file.fileno())
        except PresetError:
            return None
        weakref.finalize(self, os.close, descriptor)
        return descriptor

    def exists(self, name: str) -> bool:
        """Whether there is anything at `name`, of whatever kind."""
        if self._held is not None and name in KNOWN:
            return name in self._held
        return os.path.lexists(self.directory / name)

    def present(self, names: Sequence[str]) -> list[str]:
        """Those of `names` that exist."""
        return [name for name in names if self.exists(name)]

    def open(self, name: str) -> BinaryIO:
        """Opens a regular file for reading.

        Raises:
            PresetNotFoundError: the file is missing.
            UnsafePresetError: it is a link out of the preset, a device, a FIFO, ...
        """
        held = (self._held or {}).get(name)
        if held is not None:
            return self._reopen(name, held)
        path = self._without_links(name)
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
        except FileNotFoundError:
            raise PresetNotFoundError(f"{name} is missing from preset {self}.") from None
        except OSError as error:
            raise UnsafePresetError(
                f"{name} of preset {self} cannot be opened as a regular file: {error.strerror}."
            ) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise UnsafePresetError(f"{name} of preset {self} is not a regular file.")
        return os.fdopen(descriptor, "rb")

    def size(self, name: str) -> int | None:
        """The bytes of a file; None where there is no such file."""
        if not self.exists(name):
            return None
        with self.open(name) as file:
            return file.seek(0, os.SEEK_END)

    def read(self, name: str, limit: int) -> bytes:
        """The bytes of a file of at most `limit` bytes."""
        with self.open(name) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise PresetFormatError(
                f"{name} of preset {self} is larger than {limit} bytes, the most that is read."
            )
        return data

    def _reopen(self, name: str, held: int) -> BinaryIO:
        """The held file from its beginning, at a position of its own."""
        for path in (f"/proc/self/fd/{held}", self.directory / name):
            with contextlib.suppress(OSError):
                file = os.fdopen(os.open(path, os.O_RDONLY), "rb")
                if os.path.samestat(os.fstat(held), os.fstat(file.fileno())):
                    return file
                file.close()
        raise PresetIntegrityError(f"{name} of preset {self} was replaced while it was read.")

    def _without_links(self, name: str) -> Path:
        path = self.directory
        for part in name.split("/"):
            path = path / part
            if path.is_symlink():
                path = self._cache_target(name, path)
        return path

    def _cache_target(self, name: str, link: Path) -> Path:
        target = os.readlink(link)
        if not _CACHE_LINK.fullmatch(target):
            raise UnsafePresetError(
                f"{name} of preset {self} is a symbolic link; only a hub cache's own links "
                f"from snapshots to blobs are followed."
            )
        blob = Path(os.path.abspath(link.parent / target))
        snapshots = blob.parent.parent / "snapshots"
        if not Path(os.path.abspath(self.directory)).is_relative_to(snapshots):
            raise UnsafePresetError(f"{name} of preset {self} links to another cache entry.")
        return blob


@contextlib.contextmanager
def _descriptor(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
