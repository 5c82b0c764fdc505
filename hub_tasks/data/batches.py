"""Rows -> padded batches, and batches -> what Keras's trainer takes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, Protocol

import keras
import numpy as np

from hub_tasks.data.packing import Packer
from hub_tasks.data.rows import Rows, Source
from hub_tasks.data.tf_data import feed_tensorflow
from hub_tasks.errors import DataError, received

_CHUNK = 8192  # texts tokenised at a time; lists of ids take ten times the room of an array
Batch = tuple[Any, ...]  # (inputs,), (inputs, targets) or (inputs, targets, weights)


class Batches(Protocol):
    """Batches that can be read in order, over and over where `restartable`."""

    num_batches: int | None
    restartable: bool

    def __iter__(self) -> Iterator[Batch]: ...


class TokenColumn:
    """The token ids of many texts in one array."""

    def __init__(self, texts: list[str], tokenize: Callable[[list[str]], list[list[int]]]):
        lengths, flat = [], [np.zeros(0, "int32")]
        for start in range(0, len(texts), _CHUNK):
            ids = tokenize(texts[start : start + _CHUNK])
            lengths += map(len, ids)
            flat.append(np.fromiter(chain.from_iterable(ids), "int32"))
        self.lengths = np.array(lengths, "int64")
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        self._flat = np.concatenate(flat)

    def __getitem__(self, row: int) -> list[int]:
        return self._flat[self.offsets[row] : self.offsets[row + 1]].tolist()


class MemoryBatches:
    """Batches of rows that are in memory, tokenised once.

    Args:
        texts: one column, or two for pairs.
        targets, weights: one entry per row, or None.
        tokenize: texts -> token ids.
        packer: token ids -> arrays.
        batch_size: rows per batch; the last batch of a pass may be smaller.
        shuffle: draws a new order for each pass, from NumPy's global seed.
        by_length: orders the rows by length and fills the last batch up with copies of
            its last row, so that prediction pads little and sees few shapes.
    """

    restartable = True

    def __init__(
        self,
        texts: tuple[list[str], ...],
        targets: np.ndarray | None,
        weights: np.ndarray | None,
        tokenize: Callable[[list[str]], list[list[int]]],
        packer: Packer,
        batch_size: int,
        shuffle: bool = False,
        by_length: bool = False,
    ):
        self._columns = [TokenColumn(column, tokenize) for column in texts]
        self.targets, self._weights = targets, weights
        self._packer, self._batch_size = packer, batch_size
        rows = len(texts[0])
        self.num_batches = -(-rows // batch_size)
        self.order = np.arange(rows)
        if by_length:
            self.order = np.argsort(sum(c.lengths for c in self._columns), kind="stable")
        self._fill = by_length and rows > batch_size
        self._random = np.random.default_rng(np.random.randint(2**31)) if shuffle else None

    def __iter__(self) -> Iterator[Batch]:
        """A pass, in an order of its own whatever other passes run beside it."""
        order = self.order if self._random is None else self._random.permutation(self.order)
        for start in range(0, len(order), self._batch_size):
            yield self._batch(order[start : start + self._batch_size])

    def _batch(self, chosen: np.ndarray) -> Batch:
        if self._fill and len(chosen) < self._batch_size:
            chosen = np.pad(chosen, (0, self._batch_size - len(chosen)), mode="edge")
        inputs = self._packer.pack([[column[row] for column in self._columns] for row in chosen])
        if self.targets is None:
            return (inputs,)
        if self._weights is None:
            return inputs, self.targets[chosen]
        return inputs, self.targets[chosen], self._weights[chosen]


class StreamBatches:
    """Batches of a source that is read in order.

    Args:
        source: where rows come from.
        collate: `(rows, index of the first row)` -> a batch.
        num_batches: how many batches a pass has, where the source does not know.

    Attributes:
        error: what ended a pass early; see `original_errors`.
    """

    def __init__(
        self, source: Source, collate: Callable[[Rows, int], Batch], num_batches: int | None = None
    ):
        self.source = source
        self.num_batches = source.num_batches if num_batches is None else num_batches
        self.restartable = source.restartable
        self._collate = collate
        self._running: Iterator[Batch] | None = None
        self._first: Batch | None = None
        self._taken = 0
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[Batch]:
        """A pass. A source that is read once goes on where it stood, its first batch kept."""
        if self.restartable or self._running is None:
            self._running, self._taken, self._first = self._pass(), 0, None
        elif self._taken == 1 and self._first is not None:
            yield self._first
        for batch in self._running:
            self._first = batch if self._taken == 0 else None
            self._taken += 1
            yield batch

    def _pass(self) -> Iterator[Batch]:
        row = 0
        try:
            for rows in self.source.batches():
                if len(rows):
                    yield self._collate(rows, row)
                row += len(rows)
            if row == 0:
                raise DataError("The data set is empty: it yielded no texts.")
        except Exception as error:
            self.error = error
            raise


@contextmanager
def original_errors(*batches: Any) -> Iterator[None]:
    """Raises what went wrong in a stream, in place of what TensorFlow makes of it."""
    try:
        yield
    except Exception as error:
        for original in (getattr(b, "error", None) for b in batches):
            if original is not None and original is not error:
                raise original from None
        raise


class _Feed(keras.utils.PyDataset):
    """Batches as a `PyDataset` that Keras reads in order.

    Index 0 begins a pass. `num_batches` None means as many as Keras asks for, pass upon pass.
    """

    def __init__(self, batches: Batches):
        super().__init__()
        self._batches = batches
        self._pass: Iterator[Batch] = iter(())

    @property
    def num_batches(self) -> int | None:
        return self._batches.num_batches

    def __getitem__(self, index: int) -> Batch:
        if index == 0:
            self._pass = iter(self._batches)
        try:
            return next(self._pass)
        except StopIteration:
            self._pass = iter(self._batches)
            return next(self._pass)


def feed(batches: MemoryBatches | StreamBatches, passes: int = 1, steps: int | None = None) -> Any:
    """What Keras's trainer takes on the current backend.

    Args:
        batches: what to feed.
        passes: how often they will be read from the start.
        steps: how many batches Keras will take in a pass, if the user says so.

    Raises:
        DataError: an endless source without `steps`, or several passes over a generator.
    """
    if isinstance(batches, StreamBatches) and steps is None:
        _bound(batches, passes)
    unknown = batches.num_batches is None
    repeat = unknown and passes > 1 and batches.restartable
    if keras.backend.backend() == "tensorflow":
        return feed_tensorflow(
            lambda: iter(batches), batches.num_batches, batches.restartable, repeat
        )
    return (batch for batch in batches) if unknown and not repeat else _Feed(batches)


def _bound(batches: StreamBatches, passes: int) -> None:
    """Learns the length of a stream where several passes need it, or says what is missing."""
    source = batches.source
    if source.endless:
        raise DataError(
            "The data set never ends: say how many batches make an epoch with `steps_per_epoch=` "
            "(or `steps=`, `validation_steps=`). Received: steps=None"
        )
    if passes > 1 and not source.restartable:
        raise DataError(
            "A generator can be read once: pass `steps_per_epoch=`, a list, or a "
            f"keras.utils.PyDataset. {received(epochs=passes)}"
        )
    if passes > 1 and source.num_batches is None:
        batches.num_batches = sum(1 for rows in source.batches() if len(rows))
