"""Pretrained vectors for the words of a vocabulary, from a file of any size."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import keras
import numpy as np

from hub_tasks.errors import DataError, received
from hub_tasks.tokenizers.vector_files import open_vectors
from hub_tasks.tokenizers.vector_formats import LARGEST_DIMENSIONS

_CASED, _EXACT = 1, 2  # how well the word of the file fits
_PATIENCE = 2.0  # seconds without a bar
_REFRESH = 0.5  # seconds between two updates
_OFTEN = 4096  # entries between two looks at the clock


@dataclass(frozen=True, eq=False)
class WordVectors:
    """The vectors of a vocabulary.

    Args:
        values: float32 of shape `(len(vocabulary), dimensions)`; zeros for words not found.
        found: bool of shape `(len(vocabulary),)`.
    """

    values: np.ndarray
    found: np.ndarray

    @property
    def dimensions(self) -> int:
        """Numbers in a vector."""
        return self.values.shape[1]

    @property
    def missing_share(self) -> float:
        """The share of the vocabulary, from 0 to 1, that has no vector."""
        return 1.0 - float(self.found.mean()) if self.found.size else 0.0

    def summary(self) -> str:
        """One line: how many words were found, and the share of those that were not."""
        return (
            f"word_vectors: {int(self.found.sum()):,} of {self.found.size:,} words found "
            f"({100 * self.missing_share:.1f} % out of vocabulary)"
        )


def read_word_vectors(
    path: str | os.PathLike[str],
    vocabulary: Sequence[str],
    lowercase: bool = False,
    dimensions: int | None = None,
    verbose: bool = True,
) -> WordVectors:
    """Reads the vectors of a vocabulary's words, and of no others, from a file.

    The file is GloVe text, word2vec text (fastText's `.vec` too) or word2vec binary, plain or
    under gzip; its content says which. It is read as a stream, so that memory is that of the
    result and a buffer, whatever the file holds, and only vectors of wanted words become numbers.
    Other lines are checked for their number of fields alone.

    Of a word that stands in the file twice the first vector counts. Words are compared as UTF-8;
    one that is not valid UTF-8 is nobody's and is passed over. A word with spaces in it must not
    end in a number: such a line cannot be told from one with a number too many, and is an error.

    Args:
        path: the file.
        vocabulary: the words, each once.
        lowercase: whether the vocabulary's words were lower-cased. Where the file has no such
            word, the first that becomes it in lower case stands in.
        dimensions: what the vectors must have; None takes what the file has.
        verbose: whether a progress bar appears when reading takes more than two seconds.

    Returns:
        A `WordVectors`, its rows in the order of the vocabulary.

    Raises:
        VectorsError: there is no such file, it is of none of the formats, has other dimensions,
            is cut, or contradicts itself (with the number of the line or entry), or a wanted
            vector is not of finite numbers.
        DataError: the vocabulary is not a sequence of distinct str.

    Example:

    ```python
    vectors = read_word_vectors("glove.6B.100d.txt.gz", ["good", "bad"], lowercase=True)
    vectors.values.shape  # (2, 100)
    ```
    """
    _check_dimensions(dimensions)
    row_of = _rows(vocabulary)
    fit = np.zeros(len(row_of), np.uint8)
    with open_vectors(path, dimensions) as (vectors, file):
        values = np.zeros((len(row_of), vectors.dimensions), np.float32)
        progress = _Progress(file, verbose)
        for number, word, payload in vectors:
            row, how = row_of.get(word), _EXACT
            if row is None and lowercase:
                row, how = row_of.get(_lower(word)), _CASED
            if row is not None and fit[row] < how:
                values[row] = vectors.values(number, payload)
                fit[row] = how
            if not number % _OFTEN:
                progress.show()
        progress.finish()
    return WordVectors(values, fit > 0)


def _rows(vocabulary: Sequence[str]) -> dict[bytes, int]:
    """The row of each word, by its bytes."""
    if isinstance(vocabulary, str | bytes) or not all(isinstance(w, str) for w in vocabulary):
        raise DataError(f"vocabulary must be a sequence of str. {received(vocabulary=vocabulary)}")
    rows: dict[bytes, int] = {}
    for row, word in enumerate(vocabulary):
        if rows.setdefault(word.encode("utf-8", "surrogatepass"), row) != row:
            raise DataError(f"vocabulary must hold each word once. {received(word=word)}")
    return rows


def _lower(word: bytes) -> bytes:
    # Bytes that are not UTF-8 come out as they were, and so make no word of the vocabulary.
    return word.decode("utf-8", "surrogateescape").lower().encode("utf-8", "surrogateescape")


def _check_dimensions(dimensions: int | None) -> None:
    is_size = isinstance(dimensions, int) and not isinstance(dimensions, bool)
    if dimensions is not None and not (is_size and 1 <= dimensions <= LARGEST_DIMENSIONS):
        raise DataError(
            f"dimensions must be None or an int from 1 to {LARGEST_DIMENSIONS:,}. "
            f"{received(dimensions=dimensions)}"
        )


class _Progress:
    """A bar over the bytes of a file, which only shows when reading takes long."""

    def __init__(self, file: BinaryIO, verbose: bool):
        self._file, self._verbose, self._shown = file, verbose, False
        megabytes = max(1, round(os.fstat(file.fileno()).st_size / 1e6))
        self._bar = keras.utils.Progbar(megabytes, unit_name="MB", interval=_REFRESH)
        self._start = time.perf_counter()

    def show(self) -> None:
        """Brings the bar to where the file is, after some patience."""
        if self._verbose and time.perf_counter() - self._start > _PATIENCE:
            self._shown = True
            done = min(round(self._file.tell() / 1e6), self._bar.target - 1)
            self._bar.update(done, finalize=False)

    def finish(self) -> None:
        """Ends a bar that was shown."""
        if self._shown:
            self._bar.update(self._bar.target, finalize=True)
