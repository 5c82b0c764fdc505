"""Data sets of Hugging Face's `datasets`. The package itself is not imported."""

from collections.abc import Iterator
from typing import Any

from hub_tasks.data.columns import read_batches
from hub_tasks.data.fields import by_position, text_fields
from hub_tasks.data.rows import Rows, Source


def is_hugging_face(x: Any) -> bool:
    """Whether `x` is a `datasets.Dataset` or `IterableDataset`, by its class's module."""
    return type(x).__module__.partition(".")[0] == "datasets" and hasattr(x, "iter")


class HuggingFaceSource(Source):
    """A `Dataset` or `IterableDataset` with a field of texts, or two for pairs.

    Args:
        dataset: its fields are known by name, see `hub_tasks.data.fields`.
        batch_size: rows read at a time.

    Raises:
        DataError: no field of a known name.
    """

    def __init__(self, dataset: Any, batch_size: int):
        self.dataset, self.batch_size = dataset, batch_size
        if dataset.column_names:
            text_fields(dataset.column_names)
        if hasattr(dataset, "__len__"):
            self.num_batches = -(-len(dataset) // batch_size)

    def batches(self) -> Iterator[Rows]:
        return read_batches(map(by_position, self.dataset.iter(batch_size=self.batch_size)))
