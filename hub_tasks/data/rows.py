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

    @property
    def x(self) -> Any:
        """The texts as `fit` takes them: one column, or a tuple of two."""
        return self.texts[0] if len(self.texts) == 1 else self.texts


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
    lengths = {}
    for name, column in columns.items():
        if column is None:
            continue
        try:
            lengths[name] = len(column)
        except TypeError:
            raise DataError(
                f"`{name}` must be a list or an array with one entry per row. "
                f"{received(**{name: column})}"
            ) from None
    if len(set(lengths.values())) > 1:
        raise DataError(f"All columns must have one entry per row. {received(**lengths)}")


def unpack(item: Any) -> tuple[Any, Any, Any]:
    """`x`, `(x,)`, `(x, y)` or `(x, y, weight)` -> `(x, y, weight)`; a list is always `x`."""
    parts = item if isinstance(item, tuple) else (item,)
    if not 1 <= len(parts) <= 3:
        raise DataError(
            "A data set yields texts, (texts, labels) or (texts, labels, weights); a pair of "
            f"texts is a tuple within that tuple. {received(item=item)}"
        )
    x, y, weight = (*parts, None, None)[:3]
    return x, y, weight


def rebatch(examples: Iterable[tuple[Any, Any, Any]], size: int) -> Iterator[tuple[Any, Any, Any]]:
    """Collects examples `(text or pair, label, weight)` into batches of at most `size`."""
    batch: list[tuple[Any, Any, Any]] = []
    for example in examples:
        batch.append(example)
        if len(batch) == size:
            yield _columns(batch)
            batch = []
    if batch:
        yield _columns(batch)


def _columns(batch: list[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    texts, labels, weights = (list(column) for column in zip(*batch, strict=True))
    widths = {len(text) if isinstance(text, tuple) else 1 for text in texts}
    if len(widths) > 1:
        raise DataError("Single texts and pairs of texts are mixed in one data set.")
    return (
        texts if widths == {1} else tuple(list(column) for column in zip(*texts, strict=True)),
        None if labels[0] is None else labels,
        None if weights[0] is None else weights,
    )
