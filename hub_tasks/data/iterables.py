"""Inputs that are iterated: generators, and objects with an `__iter__` of their own."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras

from hub_tasks.data.columns import read_columns
from hub_tasks.data.rows import Rows, Source, rebatch
from hub_tasks.errors import DataError, received


class IterableSource(Source):
    """Items as Keras expects them from a generator: `x`, `(x, y)` or `(x, y, weight)`.

    `x` is a list of texts (a batch), one text (batched here), or a tuple of two of
    either for pairs.

    Args:
        items: a generator (read once) or another iterable (read once per epoch).
        batch_size: for items that are single texts.
    """

    def __init__(self, items: Iterable[Any], batch_size: int):
        self.items = items
        self.batch_size = batch_size
        self.restartable = not isinstance(items, Iterator)

    def batches(self) -> Iterator[Rows]:
        items = map(keras.utils.unpack_x_y_sample_weight, self.items)
        for first in items:
            items = _prepend(first, items)
            if _is_single(first[0]):
                singles = ((x if isinstance(x, tuple) else (x,), y, w) for x, y, w in items)
                items = (
                    (texts[0] if len(texts) == 1 else texts, y, w)
                    for texts, y, w in rebatch(singles, self.batch_size)
                )
            for x, y, w in items:
                yield read_columns(x, y, w)


def _prepend(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _is_single(x: Any) -> bool:
    return isinstance(x, str | bytes) or (
        isinstance(x, tuple) and len(x) == 2 and all(isinstance(part, str | bytes) for part in x)
    )


class PyDatasetSource(Source):
    """A `keras.utils.PyDataset` whose batches hold texts.

    Args:
        dataset: yields `(x, y)` or `(x, y, weight)`, `x` a list of texts or a pair of them.
    """

    def __init__(self, dataset: keras.utils.PyDataset):
        self.dataset = dataset
        self.num_batches = dataset.num_batches
        self.endless = self.num_batches is None

    def batches(self) -> Iterator[Rows]:
        if self.num_batches is None:
            raise DataError(
                f"A PyDataset must state `num_batches`. {received(dataset=type(self.dataset))}"
            )
        for i in range(self.num_batches):
            yield read_columns(*keras.utils.unpack_x_y_sample_weight(self.dataset[i]))
        self.dataset.on_epoch_end()
