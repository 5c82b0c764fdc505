"""Holding out a part of the rows for validation."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hub_tasks.data.rows import Rows
from hub_tasks.errors import DataError, received


def hold_out(rows: Rows, share: float) -> tuple[Rows, Rows | None]:
    """Holds out the last `share` of the rows, as Keras's `validation_split` does.

    Returns:
        The rows to train on, and the others or None where `share` is 0.
    """
    if not share:
        return rows, None
    at = math.floor(len(rows) * (1 - share)) if 0 < share < 1 else 0
    if not 0 < at < len(rows):
        raise DataError(
            f"`validation_split` must leave rows on both sides. "
            f"{received(validation_split=share, rows=len(rows))}"
        )
    return _part(rows, slice(at)), _part(rows, slice(at, None))


def hold_out_of_each_class(
    rows: Rows, share: float, targets: np.ndarray, names: Sequence[str] | None
) -> tuple[Rows, Rows | None]:
    """Holds out a share of the rows at random, that of each class where rows have one.

    The order is drawn from NumPy's global seed.

    Args:
        targets: encoded labels.
        names: label names, where a class of which nothing can be held out is an error; None
            to leave such a class as it is.
    """
    if not 0 <= share < 1:
        raise DataError(
            f"`validation_split` must be at least 0 and less than 1. "
            f"{received(validation_split=share)}"
        )
    random = np.random.default_rng(np.random.randint(2**31))
    groups = targets if targets.ndim == 1 else np.zeros(len(rows), "int32")
    order = random.permutation(len(rows))
    order = order[np.argsort(groups[order], kind="stable")]
    counts = np.unique(groups, return_counts=True)
    if share and names is not None and counts[1].min() < 2:
        alone = counts[0][counts[1].argmin()]
        what = f"class {names[alone]!r}" if targets.ndim == 1 else "data"
        raise DataError(
            f"The {what} has one example, of which nothing can be held out. Add examples, or train "
            f"on all rows with `validation_split=0`. {received(validation_split=share)}"
        )
    held, start, over = [], 0, 0.0
    for count in counts[1]:
        wanted = share * count + over  # what small classes cannot give, the next ones do
        part = min(round(wanted), count - 1)
        over = min(wanted - part, 0.5)
        held.append(order[start : start + part])
        start += count
    chosen = np.sort(np.concatenate(held)) if len(held) else order[:0]
    if not len(chosen):
        return rows, None
    kept = np.setdiff1d(np.arange(len(rows)), chosen)
    return _part(rows, kept), _part(rows, chosen)


def _part(rows: Rows, cut: slice | np.ndarray) -> Rows:
    return Rows(
        tuple(_by_position(column, cut) for column in rows.texts),
        _by_position(rows.labels, cut),
        _by_position(rows.weights, cut),
    )


def _by_position(column: Any, cut: slice | np.ndarray) -> Any:
    """A pandas column would be cut by its index, hence the array."""
    if column is None:
        return None
    column = column.to_numpy() if hasattr(column, "to_numpy") else column
    if isinstance(cut, slice) or isinstance(column, np.ndarray):
        return column[cut]
    return [column[i] for i in cut]
