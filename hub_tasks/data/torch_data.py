"""Torch's `DataLoader` of texts. Torch itself is not imported."""

from collections.abc import Iterator
from typing import Any

from hub_tasks.data.columns import read_batches
from hub_tasks.data.fields import positions_of
from hub_tasks.data.rows import Rows, Source, unpack


def is_data_loader(x: Any) -> bool:
    """Whether `x` is a `torch.utils.data.DataLoader`, by the names of its classes."""
    return any(
        c.__module__.startswith("torch.utils.data") and c.__name__ == "DataLoader"
        for c in type(x).__mro__
    )


class DataLoaderSource(Source):
    """A `DataLoader` whose batches are texts, `(texts, labels)` or dicts with named fields.

    Args:
        loader: collates as Torch does by default: lists of strings and tensors of labels.
            Its batches and its workers are its own.
    """

    def __init__(self, loader: Any):
        self.loader = loader
        try:
            self.num_batches = len(loader)
        except TypeError:  # over an iterable data set
            self.num_batches = None

    def batches(self) -> Iterator[Rows]:
        return read_batches(unpack(positions_of(item)) for item in self.loader)
