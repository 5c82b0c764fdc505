"""Precision, recall and F1 by class."""

import numpy as np
import pytest

from hub_tasks.evaluation import class_scores


@pytest.mark.parametrize(
    ("truth", "predicted", "precision", "recall", "f1", "support"),
    [
        ([0, 0, 0, 1], [0, 0, 1, 1], [1, 1 / 2], [2 / 3, 1], [4 / 5, 2 / 3], [3, 1]),
        ([0, 0], [0, 0], [1, 0], [1, 0], [1, 0], [2, 0]),
        ([0, 1], [1, 0], [0, 0], [0, 0], [0, 0], [1, 1]),
        ([], [], [0, 0], [0, 0], [0, 0], [0, 0]),
        (
            [[1, 1], [1, 0], [0, 0], [0, 1]],
            [[1, 0], [0, 0], [1, 0], [0, 1]],
            [1 / 2, 1],
            [1 / 2, 1 / 2],
            [1 / 2, 2 / 3],
            [2, 2],
        ),
    ],
    ids=["one each", "a class that never occurs", "all wrong", "nothing", "several each"],
)
def test_scores_are_those_counted_by_hand(truth, predicted, precision, recall, f1, support):
    scores = class_scores(np.array(truth, "int32"), np.array(predicted, "int32"), 2)
    assert scores.precision.tolist() == pytest.approx(precision)
    assert scores.recall.tolist() == pytest.approx(recall)
    assert scores.f1.tolist() == pytest.approx(f1)
    assert scores.support.tolist() == support
    assert scores.macro() == pytest.approx([sum(v) / 2 for v in (precision, recall, f1)])
