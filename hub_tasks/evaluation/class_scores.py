"""Precision, recall and F1 of each class."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassScores:
    """One entry a class, in the order of ids.

    Attributes:
        precision: share of the predictions of the class that are right.
        recall: share of its examples that are found.
        f1: their harmonic mean.
        support: how many examples it has.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray

    def macro(self) -> tuple[float, float, float]:
        """Precision, recall and F1 as means over the classes, each counting the same."""
        return tuple(float(values.mean()) for values in (self.precision, self.recall, self.f1))


def class_scores(truth: np.ndarray, predicted: np.ndarray, num_classes: int) -> ClassScores:
    """Compares labels with predictions.

    A share of nothing (the precision of a class that is never predicted) is 0.

    Args:
        truth, predicted: ids `(rows,)`, or 0 and 1 `(rows, num_classes)` where several
            labels may apply.
        num_classes: how many classes there are.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.evaluation import class_scores
    >>> class_scores(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).recall.tolist()
    [0.5, 1.0]
    """
    if truth.ndim == 1:
        hits, support, found = (
            np.bincount(ids, minlength=num_classes)
            for ids in (truth[truth == predicted], truth, predicted)
        )
    else:
        is_true, is_found = truth.astype(bool), predicted.astype(bool)
        hits, support, found = (
            flags.sum(axis=0) for flags in (is_true & is_found, is_true, is_found)
        )
    f1 = _share(2 * hits, found + support)
    return ClassScores(_share(hits, found), _share(hits, support), f1, support)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return part / np.maximum(whole, 1)
