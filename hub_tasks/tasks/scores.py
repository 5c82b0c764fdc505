"""Precision, recall and F1 of each label and over all of them."""

from dataclasses import dataclass

import numpy as np

AVERAGES = ("micro", "macro", "weighted")
Report = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Counts:
    """How often each label was right, said and true; all `(labels,)`.

    Attributes:
        right: rows of the label that were given it.
        said: rows that were given it.
        true: rows of the label.
        several: whether a row may have several labels.
    """

    right: np.ndarray
    said: np.ndarray
    true: np.ndarray
    several: bool

    def report(self, names: tuple[str, ...]) -> Report:
        """Name -> precision, recall, F1 and support; also "micro avg" and the other averages.

        The macro average leaves out labels that no row has or was given where a row has one
        label, and counts them as 0 where it may have several; both as scikit-learn does.
        """
        each = _scores(self.right, self.said, self.true)
        occurs = np.ones(len(names), bool) if self.several else (self.said + self.true) > 0
        micro = _scores(
            *(np.sum(part, keepdims=True) for part in (self.right, self.said, self.true))
        )
        total = self.true.sum()
        averages = {
            "micro": micro[:, 0],
            "macro": each[:, occurs].mean(axis=1),
            "weighted": _ratio(each @ self.true, total),
        }
        report = {
            name: _entry(scores, support)
            for name, scores, support in zip(names, each.T, self.true, strict=True)
        }
        return report | {f"{name} avg": _entry(averages[name], total) for name in AVERAGES}


def count_labels(targets: np.ndarray, said: np.ndarray, classes: int) -> Counts:
    """Counts ids `(rows,)`, or indicators `(rows, classes)` where several labels may apply."""
    if targets.ndim == 1:
        columns = targets[targets == said], said, targets
        return Counts(*(np.bincount(ids, minlength=classes) for ids in columns), several=False)
    targets, said = targets > 0.5, said > 0.5
    columns = targets & said, said, targets
    return Counts(*(column.sum(axis=0) for column in columns), several=True)


def _scores(right: np.ndarray, said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Precision, recall and F1 in rows; 0 where nothing was said or nothing is true."""
    return np.stack([_ratio(right, said), _ratio(right, true), _ratio(2 * right, said + true)])


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return part / np.maximum(whole, 1)


def _entry(scores: np.ndarray, support: int) -> dict[str, float]:
    precision, recall, f1 = map(float, scores)
    return {"precision": precision, "recall": recall, "f1": f1, "support": int(support)}
