"""Label names and the kind of problem, from the labels of training data."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hub_tasks.data.labels import LabelSpace, looks_multi_label
from hub_tasks.errors import DataError, received

_SINGLE, _SEVERAL, _NUMBERS = (
    "single_label_classification",
    "multi_label_classification",
    "regression",
)


def infer_labels(
    labels: Any, names: Sequence[str] | None = None, problem_type: str | None = None
) -> LabelSpace:
    """The label space of training data.

    Args:
        labels: as in `Task.fit`.
        names: label names in the order of ids, where they are known.
        problem_type: None to infer it: several per row for lists or an indicator matrix,
            regression for floats that are no whole numbers.

    Raises:
        DataError: fewer than two classes, or ids that are not 0, 1, 2, ...
    """
    if labels is None:
        raise DataError("Labels are missing: pass them beside the texts. Received: labels=None")
    if hasattr(labels, "__array__"):
        labels = np.asarray(labels)
    if problem_type is None:
        problem_type = _problem_type(labels)
    if problem_type == _NUMBERS:
        try:
            width = np.asarray(labels, "float32").reshape(len(labels), -1).shape[1]
        except (TypeError, ValueError):
            raise DataError(
                "The labels of a regression are numbers, or rows of as many numbers each. "
                f"{received(labels=labels)}"
            ) from None
        return LabelSpace(names or [f"LABEL_{i}" for i in range(width)], problem_type)
    found = _names(labels, problem_type) if names is None else list(names)
    least = 2 if problem_type == _SINGLE else 1
    if len(found) < least:
        raise DataError(
            f"A classifier needs at least {least} classes; the labels have {len(found)}. "
            f"{received(labels=found)}"
        )
    return LabelSpace(found, problem_type)


def _problem_type(labels: Any) -> str:
    if looks_multi_label(labels):
        return _SEVERAL
    floats = getattr(labels, "dtype", None) is not None and labels.dtype.kind == "f"
    floats = floats or all(isinstance(value, float) for value in labels)
    if floats and any(not float(value).is_integer() for value in np.ravel(labels)):
        return _NUMBERS
    return _SINGLE


def _names(labels: Any, problem_type: str) -> list[str]:
    if getattr(labels, "ndim", 1) == 2:  # an indicator matrix
        return [f"LABEL_{i}" for i in range(labels.shape[1])]
    several = problem_type == _SEVERAL
    values = [value for row in labels for value in row] if several else list(labels)
    values = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values]
    named = any(isinstance(value, str) for value in values)
    for i, value in enumerate(values):
        if not isinstance(value, str if named else int | float | np.number) or (
            not named and not float(value).is_integer()
        ):
            raise DataError(
                "Labels are names, all of them strings, or ids, all of them whole numbers; "
                f"labels[{i}] is not. {received(value=value)}"
            )
    if named:
        return sorted(set(values))
    ids = sorted({int(value) for value in values})
    if ids != list(range(len(ids))):
        raise DataError(
            "Labels that are numbers are ids and go from 0 to the number of classes less one. Pass "
            "names instead, for example `[str(label) for label in labels]`, or name all classes "
            f"with `label_names=[...]`. {received(ids=ids)}"
        )
    return [f"LABEL_{i}" for i in ids]
