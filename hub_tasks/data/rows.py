"""Rows of text with what belongs to them, and what every kind of input owes."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hub_tasks.errors import DataError, received


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of an input.

    Args:
        texts: one column of texts, or two for pairs; of equal length.
        labels: one per row as the user gave them, or None.
        weights: one per row, or None.
    """

    texts: tuple[list[str], ...]
    labels: Any = None
    weights: Any = None

    def __len__(self) -> int:
        return len(self.texts[0])


class Source(ABC):
    """An input that is read batch by batch.

    Attributes:
        num_batches: how many batches a pass yields; None where it is not known.
        endless: whether a pass never ends.
        restartable: whether there can be a second pass.
    """

    num_batches: int | None = None
    endless: bool = False
    restartable: bool = True

    @abstractmethod
    def batches(self) -> Iterator[Rows]:
        """One pass over the input."""


def check_lengths(**columns: Any) -> None:
    """Refuses columns of different lengths, naming them all."""
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if len(set(lengths.values())) > 1:
        raise DataError(f"All columns must have one entry per row. {received(**lengths)}")


def rebatch(examples: Iterable[tuple[tuple[Any, ...], Any, Any]], size: int) -> Iterator[Any]:
    """Collects single `(texts, label, weight)` into lists of at most `size`."""
    batch: list[tuple[tuple[Any, ...], Any, Any]] = []
    for example in examples:
        batch.append(example)
        if len(batch) == size:
            yield _columns(batch)
            batch = []
    if batch:
        yield _columns(batch)


def _columns(batch: list[tuple[tuple[Any, ...], Any, Any]]) -> tuple[tuple[list, ...], Any, Any]:
    texts, labels, weights = zip(*batch, strict=True)
    return (
        tuple(list(column) for column in zip(*texts, strict=True)),
        None if labels[0] is None else list(labels),
        None if weights[0] is None else list(weights),
    )
