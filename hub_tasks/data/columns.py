"""Inputs that are in memory: lists, tuples, NumPy arrays, columns of a data frame."""

from typing import Any

import numpy as np

from hub_tasks.data.rows import Rows, check_lengths
from hub_tasks.data.texts import check_texts
from hub_tasks.errors import DataError, received


def is_column(x: Any) -> bool:
    """Whether `x` holds all its texts in memory: a sequence, an array, a frame's column."""
    return isinstance(x, str | bytes | list | tuple | np.ndarray) or (
        hasattr(x, "__array__") and hasattr(x, "__len__") and not hasattr(x, "element_spec")
    )


def read_columns(x: Any, y: Any = None, sample_weight: Any = None) -> Rows:
    """Reads texts (or a pair of columns) with labels and weights.

    Args:
        x: a column of texts, or a tuple of two columns for pairs. A tuple of strings is
            one column.

    Raises:
        DataError: texts of another form, or columns of different lengths.
    """
    if is_pair(x):
        first, second = (_column(column, f"texts[{i}]") for i, column in enumerate(x))
        check_lengths(first=first, second=second, labels=y, sample_weight=sample_weight)
        return Rows((first, second), y, sample_weight)
    texts = _column(x, "texts")
    check_lengths(texts=texts, labels=y, sample_weight=sample_weight)
    return Rows((texts,), y, sample_weight)


def is_pair(x: Any) -> bool:
    """Whether `x` is a tuple of two columns."""
    return isinstance(x, tuple) and len(x) == 2 and all(_is_nested(column) for column in x)


def _is_nested(column: Any) -> bool:
    return is_column(column) and not isinstance(column, str | bytes)


def _column(column: Any, name: str) -> list[str]:
    if isinstance(column, str | bytes):
        raise DataError(
            f"{name} is one text where a list of texts is expected; wrap it: [text]. "
            f"{received(value=column)}"
        )
    if isinstance(column, np.ndarray) or hasattr(column, "__array__"):
        array = np.asarray(column, dtype=object)
        if array.ndim != 1:
            raise DataError(f"{name} must have one dimension. {received(shape=array.shape)}")
        column = array.tolist()
    return check_texts(column, name)
