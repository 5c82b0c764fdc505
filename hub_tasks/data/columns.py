"""Inputs that are in memory: lists, tuples, NumPy arrays, columns of a data frame."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from hub_tasks.data.rows import Rows, check_lengths
from hub_tasks.data.texts import check_texts
from hub_tasks.errors import DataError, received


def is_column(x: Any) -> bool:
    """Whether `x` holds all its texts in memory: a sequence, an array, a frame's column."""
    return isinstance(x, Sequence | np.ndarray) or (
        hasattr(x, "__array__") and hasattr(x, "__len__") and not hasattr(x, "element_spec")
    )


def read_columns(
    x: Any, y: Any = None, sample_weight: Any = None, start: int = 0, tokens: bool = False
) -> Rows:
    """Reads texts (or a pair of columns) with labels and weights.

    Args:
        x: a column of texts, or a tuple of two columns for pairs. A tuple of strings is
            one column.
        start: the number of the first row, for errors.
        tokens: whether a text may also be a list of tokens.

    Raises:
        DataError: texts of another form, or columns of different lengths.
    """
    if is_pair(x):
        first, second = (
            _column(column, f"texts[{i}]", start, tokens) for i, column in enumerate(x)
        )
        check_lengths(first=first, second=second, labels=y, sample_weight=sample_weight)
        return Rows((first, second), y, sample_weight)
    texts = _column(x, "texts", start, tokens)
    check_lengths(texts=texts, labels=y, sample_weight=sample_weight)
    return Rows((texts,), y, sample_weight)


def read_batches(batches: Iterable[tuple[Any, Any, Any]]) -> Iterator[Rows]:
    """Reads batches `(x, y, sample_weight)` of one input; errors count its rows throughout."""
    start = 0
    for x, y, sample_weight in batches:
        rows = read_columns(x, y, sample_weight, start)
        start += len(rows)
        yield rows


def is_pair(x: Any) -> bool:
    """Whether `x` is a tuple of two columns."""
    return isinstance(x, tuple) and len(x) == 2 and all(_is_nested(column) for column in x)


def _is_nested(column: Any) -> bool:
    return is_column(column) and not isinstance(column, str | bytes)


def _column(column: Any, name: str, start: int, tokens: bool) -> list[str]:
    if isinstance(column, str | bytes):
        raise DataError(
            f"{name} is one text where a list of texts is expected; wrap it: [text]. "
            f"{received(value=column)}"
        )
    if not is_column(column):
        raise DataError(
            f"{name} must be a list, tuple, NumPy array or pandas column of str. "
            f"{received(value=column)}"
        )
    if hasattr(column, "__array__"):
        array = np.asarray(column, dtype=object)
        if array.ndim != 1:
            raise DataError(f"{name} must have one dimension. {received(shape=array.shape)}")
        column = array.tolist()
    return check_texts(column, name, start, tokens)
