"""The files of one preset, opened by constant names and never through a way out.

Every name that is ever opened is a constant of this package; nothing that a file says
becomes part of a path. What was opened once must still be the same file, unchanged, when
it is opened again and when it is closed, so that a digest speaks of the bytes that were used.
"""

import contextlib
import hashlib
import os
import stat
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from hub_tasks.errors import (
    PresetFormatError,
    PresetIntegrityError,
    PresetNotFoundError,
    UnsafePresetError,
)
from hub_tasks.presets import folder
from hub_tasks.presets.folder import FILE, Folder, changed
from hub_tasks.presets.unchanging import Unchanging, same

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
HF_ADDED_TOKENS = "added_tokens.json"
HF_SPECIAL_TOKENS = "special_tokens_map.json"
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
    HF_ADDED_TOKENS,
    HF_SPECIAL_TOKENS,
)

JSON_LIMIT = 4 * 2**20  # bytes
VOCABULARY_LIMIT = 64 * 2**20  # bytes

_ATTEMPTS = 20  # to open all files of a preset that is being replaced


class PresetFiles:
    """Read access to the files of a preset directory.

    Args:
        directory: the directory on this machine.
        handle: what the user asked for, for messages.
        revision: the commit or version that a hub resolved the handle to, or None.
        expected: name -> digest in hexadecimal digits, as far as a hub's cache knows it.
        refetch: fetches one file anew; None where that is not possible.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        handle: str,
        revision: str | None = None,
        expected: Mapping[str, str] | None = None,
        refetch: "Callable[[str], PresetFiles] | None" = None,
    ):
        self.directory = Path(directory)
        self.handle = handle
        self.revision = revision
        self.refetch = refetch
        self.digests = Digests(self)
        self.opened: dict[str, os.stat_result] = {}
        self._expected = dict(expected or {})
        self._known_digests: dict[str, str] = {}
        self._folder = Folder(directory, str(self))
        self._held: dict[str, int | None] | None = None  # name -> descriptor

    def __str__(self) -> str:
        return f"{self.handle} (revision {self.revision})" if self.revision else self.handle

    def hold(self) -> Self:
        """Opens the files of one moment, which stay readable when the preset is replaced.

        What cannot be opened is left to fail where it is needed. `release` ends it.
        """
        if not folder.DESCRIPTORS or not os.access(self._folder.path, os.R_OK):
            return self
        for _ in range(_ATTEMPTS):
            self._folder = Folder(self.directory, str(self))
            self.opened.clear()
            held: dict[str, int | None] = {}
            # The open descriptor keeps its number from being given to another directory.
            replaced = contextlib.suppress(FileNotFoundError, PresetIntegrityError)
            with replaced, _descriptor(self._folder.path) as directory:
                for name in self.present(KNOWN):
                    held[name] = self._keep(name)
                if os.path.samestat(os.fstat(directory), os.stat(self._folder.path)):
                    self._held = held
                    self._closing = weakref.finalize(self, _close, held)
                    return self
            _close(held)
        raise PresetIntegrityError(f"Preset {self} is replaced all the time; load it again.")

    def _keep(self, name: str) -> int | None:
        try:
            with self.open(name) as file:
                return os.dup(file.fileno())
        except (PresetNotFoundError, UnsafePresetError):
            return None

    def release(self) -> None:
        """Closes what `hold` opened."""
        if self._held is not None:
            self._held = None
            self._closing()

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
            PresetIntegrityError: it is another file than when it was opened before; also
                raised by `close`, when it changed while it was read.
        """
        try:
            descriptor = self._descriptor(name)
        except FileNotFoundError:
            raise PresetNotFoundError(f"{name} is missing from preset {self}.") from None
        except OSError as error:
            raise UnsafePresetError(
                f"{name} of preset {self} cannot be opened as a regular file: {error.strerror}."
            ) from None
        now = os.fstat(descriptor)
        if not stat.S_ISREG(now.st_mode):
            os.close(descriptor)
            raise UnsafePresetError(f"{name} of preset {self} is not a regular file.")
        before = self.opened.setdefault(name, now)
        if not same(before, descriptor):
            os.close(descriptor)
            raise self._changed(name)
        return Unchanging(descriptor, before, self._changed(name))  # type: ignore[return-value]

    def read(self, name: str, limit: int) -> bytes:
        """The bytes of a file of at most `limit` bytes."""
        with self.open(name) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise PresetFormatError(
                f"{name} of preset {self} is larger than {limit} bytes, the most that is read."
            )
        self._known_digests.setdefault(name, hashlib.sha256(data).hexdigest())
        return data

    def digest(self, name: str) -> str:
        """The sha256 of a file; each is read once for it at most."""
        if name not in self._known_digests:
            with self.open(name) as file:
                self._known_digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._known_digests[name]

    def size(self, name: str) -> int | None:
        """The bytes of a file; None where there is no such file."""
        if name not in self.opened:
            if not self.exists(name):
                return None
            self.open(name).close()
        return self.opened[name].st_size

    def verify(self) -> None:
        """Compares what is here with what the hub's cache knows of it."""
        for name, wanted in self._expected.items():
            if wanted not in (self.digest(name), *self._hashes_like_gits(name, wanted)):
                raise PresetIntegrityError(
                    f"{name} of preset {self} is not what the hub delivered: its content does "
                    f"not have the digest {wanted}. It was changed or cut off in the cache. "
                    f"Delete {str(self.directory)!r}, then load the preset with a network.",
                    file=name,
                )

    def _hashes_like_gits(self, name: str, wanted: str) -> tuple[str, ...]:
        """Git's digest of a small file, and the plain one that mirrors give instead."""
        if len(wanted) != 40:
            return ()
        with self.open(name) as file:
            plain = hashlib.sha1(usedforsecurity=False)
            git = hashlib.sha1(b"blob %d\0" % self.size(name), usedforsecurity=False)
            while block := file.read(2**20):
                plain.update(block)
                git.update(block)
        return git.hexdigest(), plain.hexdigest()

    def _descriptor(self, name: str) -> int:
        held = (self._held or {}).get(name)
        if held is not None:
            with contextlib.suppress(OSError):  # a position of its own, where the system has that
                return os.open(f"/proc/self/fd/{held}", FILE & ~getattr(os, "O_NOFOLLOW", 0))
        return self._folder.open(name)

    def _changed(self, name: str) -> PresetIntegrityError:
        return changed(name, str(self))


@contextmanager
def _descriptor(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _close(held: dict[str, int | None]) -> None:
    for descriptor in held.values():
        if descriptor is not None:
            os.close(descriptor)


class Digests(Mapping[str, str]):
    """Name -> sha256 of the files that were opened, worked out when it is asked for.

    Raises `PresetIntegrityError` for a file that has changed since.
    """

    def __init__(self, files: PresetFiles):
        self._files = files

    def __getitem__(self, name: str) -> str:
        if name not in self._files.opened:
            raise KeyError(name)
        return self._files.digest(name)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._files.opened))

    def __len__(self) -> int:
        return len(self._files.opened)

    def __repr__(self) -> str:
        return f"<sha256 of {', '.join(self)}>"
