"""Labels: names or ids as users hold them <-> the arrays that losses take."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hub_tasks.errors import DataError, received, shorten
from hub_tasks.registry import close_matches

_SHOWN = 5


class LabelSpace:
    """The labels of a task and how they are written as numbers.

    Args:
        names: label names in the order of ids.
        problem_type: "single_label_classification", "multi_label_classification" or
            "regression".
    """

    def __init__(self, names: Sequence[str], problem_type: str):
        self.names = tuple(names)
        self.problem_type = problem_type
        self._ids = {name: i for i, name in enumerate(self.names)}

    @property
    def has_labels(self) -> bool:
        """Whether rows have labels, and not numbers."""
        return self.problem_type != "regression"

    def encode(self, labels: Any, start: int = 0) -> np.ndarray:
        """Labels -> int32 `(rows,)`, or float32 `(rows, classes)` unless single-label.

        Raises:
            DataError: an unknown name, an id out of range, a number that is no class.
        """
        if labels is None:
            raise DataError("Labels are missing: pass them beside the texts. Received: labels=None")
        if self.problem_type == "regression":
            return self._numbers(labels, start)
        labels = _as_column(labels)
        values = list(labels)
        if self.problem_type == "multi_label_classification":
            return self._indicators(labels, values, start)
        return np.array([self._id(v, start + i) for i, v in enumerate(values)], "int32")

    def weights(self, class_weight: Any, encoded: np.ndarray | None) -> np.ndarray:
        """`class_weight` -> a weight for each class.

        Args:
            class_weight: a mapping from ids or names to weights, or "balanced".
            encoded: all encoded labels, which "balanced" needs; None for streams.
        """
        if self.problem_type != "single_label_classification":
            raise DataError(
                "`class_weight` applies to single-label classification; use `sample_weight`. "
                f"{received(problem_type=self.problem_type)}"
            )
        count = len(self.names)
        if isinstance(class_weight, str) and class_weight == "balanced":
            if encoded is None:
                raise DataError(
                    "`class_weight='balanced'` counts the labels, so they must be in memory. "
                    "Pass weights by class for streams."
                )
            counts = np.bincount(encoded, minlength=count)
            return np.where(counts > 0, len(encoded) / (count * np.maximum(counts, 1)), 1.0)
        if not isinstance(class_weight, Mapping):
            raise DataError(
                "`class_weight` must be a dict from label ids or names to weights, or 'balanced'. "
                f"{received(class_weight=class_weight)}"
            )
        weights = np.ones(count)
        for key, weight in class_weight.items():
            number = isinstance(weight, int | float | np.number) and not isinstance(weight, bool)
            if not number or not math.isfinite(weight) or weight < 0:
                raise DataError(
                    f"`class_weight` must map to finite numbers that are not negative. "
                    f"{received(label=key, weight=weight)}"
                )
            weights[self._id(key, None, "class_weight")] = weight
        return weights

    def _id(self, value: Any, row: int | None, column: str = "labels") -> int:
        place = column if row is None else f"{column}[{row}]"
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str):
            if value not in self._ids:
                raise DataError(
                    f"{place} is not a label of this classifier. Labels: {self._list()}."
                    f"{close_matches(value, list(self.names))} Pass `labels=[...]` to "
                    f"`from_preset` to set their names. {received(value=value)}"
                )
            return self._ids[value]
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value.item()
        if not _is_integral(value):
            raise DataError(
                f"{place} is not a class: accepted are label names and ids from 0 to "
                f"{len(self.names) - 1}. {received(value=value)}"
            )
        if not 0 <= value < len(self.names):
            raise DataError(
                f"{place} is out of range: ids go from 0 to {len(self.names) - 1}. "
                f"{received(value=value)}"
            )
        return int(value)

    def _indicators(self, labels: Any, values: list[Any], start: int) -> np.ndarray:
        count = len(self.names)
        if _is_indicator(labels, values, count):
            matrix = np.asarray(labels)
            if matrix.shape[1] != count:
                raise DataError(
                    f"An indicator matrix must have {count} columns, one a label. "
                    f"{received(shape=matrix.shape)}"
                )
            for i in np.flatnonzero(~np.isin(matrix, (0, 1)).all(axis=1))[:1]:
                raise DataError(
                    f"labels[{start + i}] must hold 0 and 1, as a row of an indicator matrix. "
                    f"{received(value=matrix[i].tolist())}"
                )
            return matrix.astype("float32")
        matrix = np.zeros((len(values), count), "float32")
        for i, row in enumerate(values):
            if not isinstance(row, list | tuple | set | frozenset | np.ndarray):
                raise DataError(
                    f"labels[{start + i}] must be a list of label names (or ids), or a row of an "
                    f"indicator matrix. {received(value=row)}"
                )
            ids = [self._id(value, start + i) for value in row]
            if len(set(ids)) < len(ids) and not isinstance(next(iter(row)), str | bytes):
                raise DataError(
                    f"labels[{start + i}] names an id twice; a row of an indicator matrix has "
                    f"{count} columns. {received(value=row)}"
                )
            matrix[i, ids] = 1
        return matrix

    def _numbers(self, labels: Any, start: int) -> np.ndarray:
        width = len(self.names)
        array = _as_floats(_as_column(labels))
        if array is not None and array.ndim == 1 and width == 1:
            array = array[:, None]
        if array is None or array.ndim != 2 or array.shape[1] != width:
            each = "a number" if width == 1 else f"{width} numbers"
            raise DataError(f"Regression takes {each} per row. {received(labels=labels)}")
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
        if bad.size:
            raise DataError(
                f"labels[{start + int(bad[0])}] is not a finite number. "
                f"{received(value=array[bad[0]].tolist())}"
            )
        return array

    def _list(self) -> str:
        more = f", ... ({len(self.names)})" if len(self.names) > 4 * _SHOWN else ""
        return ", ".join(shorten(name) for name in self.names[: 4 * _SHOWN]) + more


def looks_multi_label(labels: Any) -> bool:
    """Whether labels, as given, are several per row: lists of names or an indicator matrix."""
    if getattr(labels, "ndim", 1) == 2:
        return labels.shape[1] > 1
    if isinstance(labels, list | tuple) or str(getattr(labels, "dtype", "")) == "object":
        nested = (list, tuple, set, frozenset, np.ndarray)
        return len(labels) > 0 and all(isinstance(row, nested) for row in labels)
    return False


def check_sample_weight(weights: Any, rows: int) -> np.ndarray:
    """One finite weight, not negative, for each row."""
    array = _as_floats(weights)
    if array is None or array.shape != (rows,) or not np.isfinite(array).all() or (array < 0).any():
        raise DataError(
            f"`sample_weight` must be {rows} finite numbers that are not negative, one per row. "
            f"{received(sample_weight=weights)}"
        )
    return array


def _as_column(labels: Any) -> Any:
    """A list, tuple or array whose rows can be read by position."""
    if hasattr(labels, "__array__"):
        labels = np.asarray(labels)
    if isinstance(labels, str | bytes) or not isinstance(labels, Sequence | np.ndarray):
        raise DataError(f"Labels must be a list, one entry per row. {received(labels=labels)}")
    if isinstance(labels, np.ndarray) and labels.ndim == 0:
        raise DataError(f"Labels must be a list, one entry per row. {received(labels=labels)}")
    return labels


def _as_floats(values: Any) -> np.ndarray | None:
    """A float32 array, or None for what holds no numbers; strings of digits are none."""
    try:
        if np.asarray(values).dtype.kind in "USO" and not all(map(_is_number, values)):
            return None
        with np.errstate(over="ignore"):  # what overflows is refused as not finite
            return np.asarray(values, dtype="float32")
    except (TypeError, ValueError, OverflowError):
        return None


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, int | float | np.integer | np.floating | np.bool_)


def _is_integral(value: Any) -> bool:
    if isinstance(value, float | np.floating):
        return math.isfinite(value) and value == int(value)
    return isinstance(value, int | np.integer | np.bool_)


def _is_indicator(labels: Any, values: list[Any], count: int) -> bool:
    if isinstance(labels, np.ndarray) and labels.ndim == 2:
        return labels.dtype.kind in "biuf"
    numbers = (int, float, np.number, np.bool_)
    return bool(values) and all(
        isinstance(row, list | tuple | np.ndarray)
        and len(row) == count
        and all(isinstance(v, numbers) and v in (0, 1) for v in row)
        for row in values
    )
