"""The entries of an open file of word vectors, as text and in binary."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from hub_tasks.errors import VectorsError, received

LARGEST_DIMENSIONS = 10_000
LONGEST_WORD = 4096  # bytes; GloVe's tools stop at 1000, word2vec's at 100
LONGEST_LINE = LONGEST_WORD + 32 * LARGEST_DIMENSIONS  # bytes
BLOCK = 2**20  # bytes read at a time
ACCEPTED = "Accepted: GloVe text, word2vec text, word2vec binary, each plain or under gzip."


def is_number(field: bytes) -> bool:
    """Whether a field is a number as the tools write it, finite or not."""
    try:
        float(field)
    except ValueError:
        return False
    return b"_" not in field  # which Python allows in numbers


def shown(line: bytes) -> str:
    """The beginning of a line, for errors."""
    return line[:200].decode("utf-8", "replace")


def too_long(where: str, number: int) -> VectorsError:
    """The error for a line that must not be held whole."""
    return VectorsError(
        f"{where}, line {number}: it has more than {LONGEST_LINE:,} bytes, which no line of a "
        f"file of vectors has. {ACCEPTED}"
    )


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Turns what goes wrong in reading and unpacking into errors of the house."""
    try:
        yield
    except (EOFError, OSError, zlib.error) as error:
        raise VectorsError(
            f"{where} cannot be read to the end ({error}): the file is cut or damaged."
        ) from None


@dataclass
class VectorFile(ABC):
    """An open file of vectors; iterating gives (number, word, payload) for each entry.

    Args:
        where: the file, for errors.
        stream: the vectors, unpacked, from the first entry on.
        dimensions: numbers in a vector.
        count: vectors, where the file states it.
        origin: what states the dimensions, for errors.
        first: the number of the first entry's line, in text.
    """

    where: str
    stream: BinaryIO
    dimensions: int
    count: int | None
    origin: str
    first: int

    def __iter__(self) -> Iterator[tuple[int, bytes, bytes]]:
        with reading(self.where):
            yield from self._entries()

    @abstractmethod
    def _entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        """The entries in the order of the file."""

    @abstractmethod
    def values(self, number: int, payload: bytes) -> np.ndarray:
        """The vector of an entry: float32 of shape `(dimensions,)`."""

    def _finite(self, row: np.ndarray, entry: str) -> np.ndarray:
        if not np.isfinite(row).all():
            at = int(np.flatnonzero(~np.isfinite(row))[0])
            raise VectorsError(
                f"{self.where}, {entry}: value {at + 1} of the vector is not finite in float32. "
                f"{received(value=float(row[at]))}"
            )
        return row


class TextVectors(VectorFile):
    """A line per word; entries are numbered as lines are."""

    def _entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        number, seen, dimensions = self.first - 1, 0, self.dimensions
        while line := self.stream.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise too_long(self.where, number)
            line = line.rstrip(b" \r\n")
            if line.count(b" ") == dimensions:
                yield number, line[: line.find(b" ")], line
            elif line:
                yield number, self.word(number, line), line
            else:
                continue
            seen += 1
        if self.count not in (None, seen):
            raise VectorsError(
                f"{self.where}: line 1 states {self.count:,} vectors, and {seen:,} follow. The "
                f"file is cut, or line 1 must say `{seen} {dimensions}`."
            )

    def word(self, number: int, line: bytes) -> bytes:
        """The word of a line, spaces in it included.

        Raises:
            VectorsError: there are too few numbers, or so many that the word would end in one.
        """
        word, *numbers = line.rsplit(b" ", self.dimensions)
        word = word.rstrip(b" ")
        inside = word.rpartition(b" ")[2] if b" " in word else b""
        if len(numbers) != self.dimensions or is_number(inside):
            raise VectorsError(
                f"{self.where}, line {number}: expected {self.dimensions + 1} fields, a word and "
                f"{self.dimensions} numbers with single spaces between them, as {self.origin}. "
                f"{received(fields=line.count(b' ') + 1, line=shown(line))}"
            )
        return word

    def values(self, number: int, payload: bytes) -> np.ndarray:
        fields = payload.rsplit(b" ", self.dimensions)[1:]
        try:
            numbers = list(map(float, fields))
        except ValueError:
            numbers = None
        if numbers is None or b"_" in b"".join(fields):
            at = next(i for i, field in enumerate(fields) if not is_number(field))
            raise VectorsError(
                f"{self.where}, line {number}: value {at + 1} of the vector is not a number. "
                f"{ACCEPTED} {received(value=shown(fields[at]), line=shown(payload))}"
            )
        with np.errstate(over="ignore"):
            row = np.array(numbers, dtype=np.float32)
        return self._finite(row, f"line {number}")


class BinaryVectors(VectorFile):
    """A word, a space and float32 for each entry; entries are numbered from 1."""

    def _entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        buffer, start, size = b"", 0, 4 * self.dimensions
        for number in range(1, self.count + 1):
            space = buffer.find(b" ", start)
            while space < 0 or space + 1 + size > len(buffer):
                if space < 0 and len(buffer) - start > LONGEST_WORD:
                    break
                block = self.stream.read(BLOCK)
                if not block:
                    raise self._misfit(f"entry {number} of {self.count:,} is cut: the file ends")
                buffer, start = buffer[start:] + block, 0
                space = buffer.find(b" ")
            word = buffer[start:space].lstrip(b"\n") if space >= 0 else b"\0"
            if len(word) > LONGEST_WORD or b"\0" in word:
                raise self._misfit(f"entry {number} of {self.count:,} does not begin with a word")
            start = space + 1 + size
            yield number, word, buffer[space + 1 : start]
        if (buffer[start:] + self.stream.read(BLOCK)).strip():
            raise self._misfit(f"bytes follow the last of {self.count:,} entries")

    def _misfit(self, what: str) -> VectorsError:
        return VectorsError(
            f"{self.where}: {what}. The file is cut, or not what line 1 states. "
            f"{received(count=self.count, dimensions=self.dimensions)}"
        )

    def values(self, number: int, payload: bytes) -> np.ndarray:
        return self._finite(np.frombuffer(payload, "<f4"), f"entry {number}")
