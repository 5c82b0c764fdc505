"""Label names and problems from the labels of training data."""

import numpy as np
import pytest

from hub_tasks.data import infer_labels
from hub_tasks.errors import DataError

SINGLE, SEVERAL, NUMBERS = (
    "single_label_classification",
    "multi_label_classification",
    "regression",
)
pandas = pytest.importorskip("pandas")

FOUND = {
    "names in their order": (["b", "a", "b"], ("a", "b"), SINGLE),
    "bytes": ([b"b", b"a"], ("a", "b"), SINGLE),
    "NumPy strings": (np.array(["b", "a"]), ("a", "b"), SINGLE),
    "a pandas column": (pandas.Series(["b", "a"], index=[5, 9]), ("a", "b"), SINGLE),
    "categories": (pandas.Series(["b", "a"], dtype="category"), ("a", "b"), SINGLE),
    "ids": ([1, 0, 1], ("LABEL_0", "LABEL_1"), SINGLE),
    "NumPy ids": (np.array([1, 0], "uint8"), ("LABEL_0", "LABEL_1"), SINGLE),
    "whole floats": ([1.0, 0.0], ("LABEL_0", "LABEL_1"), SINGLE),
    "flags": ([True, False], ("LABEL_0", "LABEL_1"), SINGLE),
    "ten ids": (list(range(10)), tuple(f"LABEL_{i}" for i in range(10)), SINGLE),
    "names that are numbers": (["10", "9"], ("10", "9"), SINGLE),
    "lists of names": ([["b"], ["a", "b"], []], ("a", "b"), SEVERAL),
    "lists of ids": ([[1], [0, 1], []], ("LABEL_0", "LABEL_1"), SEVERAL),
    "one name for all": ([["a"], []], ("a",), SEVERAL),
    "an indicator matrix": (np.eye(3, dtype=int), ("LABEL_0", "LABEL_1", "LABEL_2"), SEVERAL),
    "numbers": ([0.5, 1.0], ("LABEL_0",), NUMBERS),
    "NumPy numbers": (np.array([[0.5], [1.0]]), ("LABEL_0",), NUMBERS),
}


@pytest.mark.parametrize(("labels", "names", "problem"), FOUND.values(), ids=FOUND)
def test_what_labels_say(labels, names, problem):
    space = infer_labels(labels)
    assert (space.names, space.problem_type) == (names, problem)
    assert len(space.encode(labels)) == len(labels)


def test_names_and_problem_may_be_stated():
    assert infer_labels([0, 2], ["x", "y", "z"]).names == ("x", "y", "z")
    assert infer_labels([1, 7], problem_type=NUMBERS).problem_type == NUMBERS
    assert infer_labels([[0.5, 1], [1, 2]], problem_type=NUMBERS).names == ("LABEL_0", "LABEL_1")
    assert infer_labels(["a", "b"], ["b", "a"]).encode(["a", "b"]).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("labels", "arguments", "message"),
    [
        (None, (), "Labels are missing"),
        ([], (), "at least 2 classes; the labels have 0"),
        (["a", "a"], (), "at least 2 classes; the labels have 1"),
        ([3, 5], (), r"ids=\[3, 5\]"),
        ([-1, 0], (), r"ids=\[-1, 0\]"),
        (["a", 1], (), r"labels\[1\] is not.*value=1"),
        (["a", None], (), r"labels\[1\] is not.*None"),
        ([0, None], (), r"labels\[1\] is not.*None"),
        ([0, {}], (), "Received"),
        (["a", "b"], (None, NUMBERS), "numbers.*Received"),
        ([[1, 2], [3]], (None, NUMBERS), "as many numbers each"),
    ],
    ids=str,
)
def test_labels_that_are_refused(labels, arguments, message):
    with pytest.raises(DataError, match=message):
        infer_labels(labels, *arguments)
