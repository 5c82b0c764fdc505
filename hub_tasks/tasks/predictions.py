"""A model's outputs -> probabilities and labelled predictions."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hub_tasks.collector import collector_paused
from hub_tasks.data import LabelSpace


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a classifier says of one text.

    Attributes:
        label: the best label; for regression None.
        score: its probability; for regression the predicted number.
        labels: the labels that apply: the best one, or all above the threshold where
            several may apply.
        scores: label -> probability, for every label.
    """

    label: str | None
    score: float
    labels: tuple[str, ...]
    scores: dict[str, float]


def to_probabilities(outputs: np.ndarray, problem_type: str, activation: str) -> np.ndarray:
    """Outputs `(rows, classes)` -> probabilities of the same shape, float32.

    One softmax over the classes, or a sigmoid for each where several may apply; nothing
    where the model's activation has done it.
    """
    if activation in ("softmax", "sigmoid"):
        return outputs
    outputs = outputs.astype("float32")
    if problem_type == "multi_label_classification":
        return 1 / (1 + np.exp(-np.clip(outputs, -80, 80)))
    powers = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def chosen_labels(
    outputs: np.ndarray, problem_type: str, activation: str, threshold: float = 0.5
) -> np.ndarray:
    """Outputs `(rows, classes)` -> ids `(rows,)`, or 0 and 1 `(rows, classes)` for each label
    where several may apply."""
    if problem_type == "multi_label_classification":
        return (to_probabilities(outputs, problem_type, activation) >= threshold).astype("int32")
    return outputs.argmax(axis=-1)


def to_predictions(
    outputs: np.ndarray, space: LabelSpace, activation: str, threshold: float
) -> list[Prediction]:
    """Outputs `(rows, classes)` -> a `Prediction` for each row."""
    if space.problem_type == "regression":
        return [
            Prediction(None, float(row[0]), (), dict(zip(space.names, row.tolist(), strict=True)))
            for row in outputs
        ]
    names = space.names
    probabilities = to_probabilities(outputs, space.problem_type, activation)
    with collector_paused():
        best = [names[i] for i in probabilities.argmax(axis=-1).tolist()]
        scores = [dict(zip(names, row)) for row in probabilities.tolist()]  # noqa: B905
        several = space.problem_type == "multi_label_classification"
        labels = [_at_least(threshold, s) for s in scores] if several else list(zip(best))
        highest = probabilities.max(axis=-1).tolist()
        return _made_at_once(label=best, score=highest, labels=labels, scores=scores)


def _made_at_once(**columns: list[Any]) -> list[Prediction]:
    """Predictions of columns of attributes, faster than one by one: frozen ones are slow."""
    made = [object.__new__(Prediction) for _ in columns["label"]]
    for name, values in columns.items():
        deque(map(getattr(Prediction, name).__set__, made, values), maxlen=0)
    return made


def _at_least(threshold: float, scores: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(name for name, score in scores.items() if score >= threshold)
