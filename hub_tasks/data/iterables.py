"""Inputs that are iterated: generators, and objects with an `__iter__` of their own."""

from collections.abc import Iterable, Iterator
from itertools import chain, count
from typing import Any

import keras

from hub_tasks.data.columns import read_batches
from hub_tasks.data.rows import Rows, Source, rebatch, unpack
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
        items = map(unpack, self.items)
        first = next(items, None)
        if first is None:
            return
        items = chain([first], items)
        if _is_single(first[0]):
            items = rebatch(items, self.batch_size)
        yield from read_batches(items)


def _is_single(x: Any) -> bool:
    return isinstance(x, str | bytes) or (
        isinstance(x, tuple) and len(x) == 2 and all(isinstance(part, str | bytes) for part in x)
    )


class PyDatasetSource(Source):
    """A `keras.utils.PyDataset` whose batches hold texts.

    Args:
        dataset: yields `(x, y)` or `(x, y, weight)`, `x` a list of texts or a pair of them.
            Its `num_batches` may be None for a data set that never ends.
    """

    def __init__(self, dataset: keras.utils.PyDataset):
        self.dataset = dataset
        try:
            self.num_batches = dataset.num_batches
        except NotImplementedError:
            raise DataError(
                "A PyDataset must have `num_batches`, which may be None. "
                f"{received(dataset=type(dataset))}"
            ) from None
        self.endless = self.num_batches is None

    def batches(self) -> Iterator[Rows]:
        return read_batches(self._items())

    def _items(self) -> Iterator[tuple[Any, Any, Any]]:
        self.dataset.on_epoch_begin()
        for i in count() if self.num_batches is None else range(self.num_batches):
            item = unpack(self.dataset[i])
            if i + 1 == self.num_batches:  # who takes the last batch may not ask for more
                self.dataset.on_epoch_end()
            yield item
