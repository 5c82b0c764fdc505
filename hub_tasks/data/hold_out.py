"""Holding out a part of the rows for validation."""

import math
from typing import Any

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


def _part(rows: Rows, cut: slice) -> Rows:
    return Rows(
        tuple(column[cut] for column in rows.texts),
        _by_position(rows.labels, cut),
        _by_position(rows.weights, cut),
    )


def _by_position(column: Any, cut: slice) -> Any:
    """A pandas column would be cut by its index, hence the array."""
    if column is None:
        return None
    return (column.to_numpy() if hasattr(column, "to_numpy") else column)[cut]
