"""Data sets of Grain. The package itself is not imported."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from hub_tasks.data.fields import by_position
from hub_tasks.data.iterables import IterableSource


def is_grain(x: Any) -> bool:
    """Whether `x` is one of Grain's data sets or loaders, by its class's modules."""
    return any(c.__module__.partition(".")[0] == "grain" for c in type(x).__mro__)


class GrainSource(IterableSource):
    """A `MapDataset`, `IterDataset` or `DataLoader` of Grain's.

    Args:
        dataset: elements are texts, tuples `(text, label)` or dicts with named fields,
            one by one or in batches.
        batch_size: for elements that are single texts.
    """

    def __init__(self, dataset: Any, batch_size: int):
        super().__init__(_Plain(dataset), batch_size)
        self.endless = hasattr(dataset, "__len__") and len(dataset) >= sys.maxsize


class _Plain(Iterable):
    """The elements by position, over and over."""

    def __init__(self, dataset: Any):
        self._dataset = dataset

    def __iter__(self) -> Iterator[Any]:
        return map(by_position, iter(self._dataset))
