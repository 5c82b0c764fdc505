"""Rows -> padded batches, and batches -> what Keras's trainer takes."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Protocol

import keras
import numpy as np

from hub_tasks.data.packing import Packer
from hub_tasks.data.rows import Rows, Source
from hub_tasks.data.tf_data import feed_tensorflow
from hub_tasks.errors import DataError, received

Batch = tuple[Any, ...]  # (inputs,), (inputs, targets) or (inputs, targets, weights)


class Batches(Protocol):
    """Batches that can be read in order, over and over where `restartable`."""

    num_batches: int | None
    restartable: bool

    def __iter__(self) -> Iterator[Batch]: ...

    def __getitem__(self, index: int) -> Batch: ...


class TokenColumn:
    """The token ids of many texts in one array."""

    def __init__(self, ids: Sequence[Sequence[int]]):
        lengths = np.fromiter(map(len, ids), "int64", len(ids))
        self.offsets = np.concatenate([[0], np.cumsum(lengths)])
        self.lengths = lengths
        self._flat = np.fromiter(chain.from_iterable(ids), "int32", self.offsets[-1])

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
        shuffle: draws a new order for each pass.
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
        self._columns = [TokenColumn(tokenize(column)) for column in texts]
        self.targets, self._weights = targets, weights
        self._packer, self._batch_size = packer, batch_size
        rows = len(texts[0])
        self.num_batches = -(-rows // batch_size)
        self.order = np.arange(rows)
        if by_length:
            self.order = np.argsort(sum(c.lengths for c in self._columns), kind="stable")
        self._fill = by_length and rows > batch_size
        self._random = np.random.default_rng(np.random.randint(2**31)) if shuffle else None
        self.shuffle()

    def shuffle(self) -> None:
        """Draws the order of the next pass, from NumPy's global seed."""
        if self._random is not None:
            self._random.shuffle(self.order)

    def __iter__(self) -> Iterator[Batch]:
        for index in range(self.num_batches):
            yield self[index]
        self.shuffle()

    def __getitem__(self, index: int) -> Batch:
        chosen = self.order[index * self._batch_size : (index + 1) * self._batch_size]
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

    def __getitem__(self, index: int) -> Batch:
        if index == 0 or self._indexed is None:
            self._indexed = iter(self)
        try:
            return next(self._indexed)
        except StopIteration:
            self._indexed = iter(self)
            return next(self._indexed)

    _indexed: Iterator[Batch] | None = None

    def _pass(self) -> Iterator[Batch]:
        row = 0
        for rows in self.source.batches():
            if len(rows):
                yield self._collate(rows, row)
            row += len(rows)
        if row == 0:
            raise DataError("The data set is empty: it yielded no texts.")


class _Feed(keras.utils.PyDataset):
    """Batches as a `PyDataset`; `num_batches` None means as many as Keras asks for."""

    def __init__(self, batches: Batches):
        super().__init__()
        self._batches = batches

    @property
    def num_batches(self) -> int | None:
        return self._batches.num_batches

    def __getitem__(self, index: int) -> Batch:
        return self._batches[index]

    def on_epoch_end(self) -> None:
        if isinstance(self._batches, MemoryBatches):
            self._batches.shuffle()


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
        batches = _bounded(batches, passes)
    if keras.backend.backend() == "tensorflow":
        return feed_tensorflow(lambda: iter(batches), batches.num_batches)
    if batches.num_batches is None and (passes == 1 or not batches.restartable):
        return (batch for batch in batches)
    return _Feed(batches)


def _bounded(batches: StreamBatches, passes: int) -> StreamBatches:
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
        count = sum(1 for rows in source.batches() if len(rows))
        return StreamBatches(source, batches._collate, count)
    return batches
