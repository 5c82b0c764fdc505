"""Labels and weights as users hold them -> arrays (TRUST.md F11, F12, F19)."""

import numpy as np
import pytest

from hub_tasks.data import LabelSpace, check_sample_weight, looks_multi_label
from hub_tasks.errors import DataError

NAMES = ("negative", "neutral", "positive")
ONE = LabelSpace(NAMES, "single_label_classification")
SEVERAL = LabelSpace(NAMES, "multi_label_classification")
NUMBER = LabelSpace(["score"], "regression")
NAN = float("nan")

SINGLE = {
    "ids": [0, 2, 1],
    "names": ["negative", "positive", "neutral"],
    "mixed": ["negative", 2, "neutral"],
    "bytes": [b"negative", b"positive", b"neutral"],
    "tuple": (0, 2, 1),
    "integral floats": [0.0, 2.0, 1.0],
    "numpy int64": np.array([0, 2, 1]),
    "numpy uint8": np.array([0, 2, 1], "uint8"),
    "numpy float32": np.array([0, 2, 1], "float32"),
    "numpy unicode": np.array(["negative", "positive", "neutral"]),
    "numpy object": np.array(["negative", 2, 1.0], dtype=object),
    "numpy scalars": [np.int64(0), np.float32(2), np.array(1)],
}


@pytest.mark.parametrize("labels", SINGLE.values(), ids=SINGLE.keys())
def test_single_label(labels):
    encoded = ONE.encode(labels)
    np.testing.assert_array_equal(encoded, [0, 2, 1])
    assert encoded.dtype == np.int32


@pytest.mark.parametrize("labels", [[False, True, True], np.array([False, True, True])])
def test_bools_are_ids(labels):
    assert ONE.encode(labels).tolist() == [0, 1, 1]


@pytest.mark.parametrize("dtype", ["Int64", "float64", "category", object])
def test_pandas_ids_by_position(dtype):
    pd = pytest.importorskip("pandas")
    series = pd.Series([0, 2, 1], index=[1, 0, 2], dtype=dtype)
    assert ONE.encode(series).tolist() == [0, 2, 1]


@pytest.mark.parametrize("dtype", ["string", "category", object])
def test_pandas_names_by_position(dtype):
    pd = pytest.importorskip("pandas")
    series = pd.Series(["negative", "positive", "neutral"], index=[1, 0, 2], dtype=dtype)
    assert ONE.encode(series).tolist() == [0, 2, 1]


def test_a_missing_pandas_label_is_named():
    pd = pytest.importorskip("pandas")
    with pytest.raises(DataError, match=r"^labels\[1\] is not a class"):
        ONE.encode(pd.Series([0, pd.NA], dtype="Int64"))


def test_names_that_are_digits_are_names():
    space = LabelSpace(["1", "0"], "single_label_classification")
    assert space.encode(["1", "0", 1]).tolist() == [0, 1, 1]


def test_no_rows():
    shapes = [space.encode([]).shape for space in (ONE, SEVERAL, NUMBER)]
    assert shapes == [(0,), (0, 3), (0, 1)]


BAD_SINGLE = {
    "half": (0.5, "is not a class: accepted are label names and ids from 0 to 2.*value=0.5"),
    "nan": (NAN, "is not a class"),
    "infinity": (float("inf"), "is not a class"),
    "none": (None, "is not a class.*value=None"),
    "list": ([1], "is not a class"),
    "one-hot row": (np.array([0, 1, 0]), "is not a class"),
    "complex": (1 + 0j, "is not a class"),
    "too large": (5, "is out of range: ids go from 0 to 2.*value=5"),
    "number of classes": (3, "is out of range"),
    "negative": (-1, "is out of range"),
    "2 to the 40": (2**40, "is out of range"),
    "beyond any float": (10**400, "is out of range"),
    "float out of range": (3.0, "is out of range"),
    "unknown name": ("positve", "is not a label.*Did you mean 'positive'.*value='positve'"),
    "other case": ("Positive", "is not a label.*Did you mean 'positive'"),
    "number as name": ("1", "is not a label"),
    "empty name": ("", "is not a label"),
    "invalid bytes": (b"\xff", "is not a label"),
}


@pytest.mark.parametrize(("value", "message"), BAD_SINGLE.values(), ids=BAD_SINGLE.keys())
def test_a_bad_label_is_named_with_its_row(value, message):
    with pytest.raises(DataError, match=rf"^labels\[11\] {message}"):
        ONE.encode([0, value], start=10)


def test_an_unknown_name_lists_the_labels():
    with pytest.raises(DataError, match="Labels: 'negative', 'neutral', 'positive'"):
        ONE.encode(["angry"])


@pytest.mark.parametrize(
    "labels",
    ["positive", b"positive", 3, {0, 1}, {0: 1}, iter([0]), np.array(1)],
    ids=["str", "bytes", "number", "set", "dict", "iterator", "scalar"],
)
@pytest.mark.parametrize("space", [ONE, SEVERAL, NUMBER], ids=lambda space: space.problem_type)
def test_labels_are_a_column(space, labels):
    with pytest.raises(DataError, match="Labels must be a list"):
        space.encode(labels)


@pytest.mark.parametrize("space", [ONE, SEVERAL, NUMBER], ids=lambda space: space.problem_type)
def test_labels_may_not_be_missing(space):
    with pytest.raises(DataError, match="Labels are missing"):
        space.encode(None)


MATRIX = [[0, 1, 1], [0, 0, 0], [1, 0, 0]]
MULTI = {
    "lists of names": [["neutral", "positive"], [], ["negative"]],
    "sets of names": [{"neutral", "positive"}, set(), frozenset(["negative"])],
    "tuples of ids": [(1, 2), (), (0,)],
    "a name twice": [["neutral", "positive", "neutral"], [], ["negative"]],
    "names and ids": [["neutral", 2], [], [0]],
    "lists of bytes": [[b"neutral", b"positive"], [], [b"negative"]],
    "rows of 0 and 1": MATRIX,
    "int matrix": np.array(MATRIX),
    "float matrix": np.array(MATRIX, "float64"),
    "bool matrix": np.array(MATRIX, bool),
    "rows of arrays": list(np.array(MATRIX)),
    "object array of lists": np.array([["neutral", "positive"], [], ["negative"]], dtype=object),
}


@pytest.mark.parametrize("labels", MULTI.values(), ids=MULTI.keys())
def test_multi_label(labels):
    encoded = SEVERAL.encode(labels)
    np.testing.assert_array_equal(encoded, MATRIX)
    assert encoded.dtype == np.float32


def test_multi_label_in_pandas():
    pd = pytest.importorskip("pandas")
    lists = pd.Series([["neutral", "positive"], [], ["negative"]], index=[2, 1, 0])
    np.testing.assert_array_equal(SEVERAL.encode(lists), MATRIX)
    np.testing.assert_array_equal(SEVERAL.encode(pd.DataFrame(MATRIX, columns=NAMES)), MATRIX)


def test_a_matrix_of_names_is_lists_of_names():
    encoded = SEVERAL.encode(np.array([["neutral", "positive"], ["negative", "neutral"]]))
    np.testing.assert_array_equal(encoded, [[0, 1, 1], [1, 1, 0]])


BAD_MULTI = {
    "bare names": (["neutral"], r"^labels\[10\] must be a list of label names"),
    "bare ids": ([1, 2], r"^labels\[10\] must be a list of label names"),
    "unknown name": ([[], ["neutal"]], r"^labels\[11\] is not a label.*Did you mean 'neutral'"),
    "id out of range": ([[3]], r"^labels\[10\] is out of range"),
    "none": ([None], r"^labels\[10\] must be a list"),
    "half": ([[0.5, 0, 1]], r"^labels\[10\] is not a class"),
    "matrix too narrow": (np.eye(2), r"must have 3 columns.*shape=\(2, 2\)"),
    "matrix too wide": (np.eye(4), r"must have 3 columns.*shape=\(4, 4\)"),
    "rows too wide": ([[0, 1, 0, 0]], r"^labels\[10\] names an id twice"),
    "half in a matrix": (np.array([[0, 1, 0], [0, 0.5, 0]]), r"^labels\[11\] must hold 0 and 1"),
    "nan in a matrix": (np.array([[0, 1, 0], [0, NAN, 0]]), r"^labels\[11\] must hold 0 and 1"),
}


@pytest.mark.parametrize(("labels", "message"), BAD_MULTI.values(), ids=BAD_MULTI.keys())
def test_bad_multi_label(labels, message):
    with pytest.raises(DataError, match=message):
        SEVERAL.encode(labels, start=10)


@pytest.mark.parametrize(
    ("labels", "several"),
    [
        ([["a"], ["b", "c"]], True),
        ([{"a"}, set()], True),
        (np.eye(3), True),
        (np.array([["a"], ["b", "c"]], dtype=object), True),
        ([0, 1], False),
        (["a", "b"], False),
        (np.array(["a", "b"]), False),
        (np.array([[0], [1]]), False),
        ([], False),
        ("ab", False),
        (None, False),
    ],
    ids=repr,
)
def test_what_looks_multi_label(labels, several):
    assert looks_multi_label(labels) is several


@pytest.mark.parametrize(
    "labels",
    [[1, 2.5, 0], (1.0, 2.5, 0.0), np.array([1, 2.5, 0]), np.array([[1], [2.5], [0]])],
    ids=["list", "tuple", "array", "matrix"],
)
def test_regression(labels):
    encoded = NUMBER.encode(labels)
    np.testing.assert_array_equal(encoded, [[1], [2.5], [0]])
    assert encoded.dtype == np.float32


def test_regression_of_several_numbers():
    space = LabelSpace(["x", "y"], "regression")
    np.testing.assert_array_equal(space.encode([[1, 2], [3, 4]]), [[1, 2], [3, 4]])
    with pytest.raises(DataError, match="2 numbers per row"):
        space.encode([1, 2, 3, 4])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.5, NAN], r"^labels\[11\] is not a finite number"),
        ([0.5, float("inf")], r"^labels\[11\] is not a finite number"),
        ([0.5, 1e300], r"^labels\[11\] is not a finite number"),
        ([0.5, None], r"^labels\[11\] is not a finite number"),
        (["0.5", "1"], "a number per row"),
        (["good"], "a number per row"),
        ([[0.5, 1.0]], "a number per row"),
        ([[0.5], [1.0, 2.0]], "a number per row"),
    ],
    ids=["nan", "infinity", "too large", "none", "digits", "name", "two numbers", "ragged"],
)
def test_bad_regression(labels, message):
    with pytest.raises(DataError, match=message):
        NUMBER.encode(labels, start=10)


@pytest.mark.parametrize(
    ("class_weight", "expected"),
    [
        ({0: 2.0, 2: 0.5}, [2, 1, 0.5]),
        ({"negative": 2.0, "positive": 0}, [2, 1, 0]),
        ({np.int64(1): np.float32(3)}, [1, 3, 1]),
        ({}, [1, 1, 1]),
    ],
    ids=["ids", "names", "numpy", "empty"],
)
def test_class_weights(class_weight, expected):
    np.testing.assert_array_equal(ONE.weights(class_weight, None), expected)


def test_balanced_class_weights_give_every_class_the_same_total():
    encoded = np.array([0, 0, 0, 1, 2, 2])
    totals = np.bincount(encoded, ONE.weights("balanced", encoded)[encoded])
    np.testing.assert_allclose(totals, [2, 2, 2])
    assert np.isfinite(ONE.weights("balanced", np.array([0, 0, 2]))).all()


BAD_CLASS_WEIGHT = {
    "unknown name": ({"angry": 1.0}, "class_weight is not a label.*value='angry'"),
    "unknown id": ({7: 1.0}, "class_weight is out of range.*value=7"),
    "half": ({0.5: 1.0}, "class_weight is not a class"),
    "nan": ({0: NAN}, "finite numbers.*label=0, weight=nan"),
    "negative": ({"neutral": -1.0}, "finite numbers.*label='neutral', weight=-1.0"),
    "text": ({0: "much"}, "finite numbers"),
    "list": ([1.0, 2.0, 3.0], "must be a dict"),
    "other word": ("fair", "must be a dict"),
    "balanced stream": ("balanced", "must be in memory"),
}


@pytest.mark.parametrize(
    ("class_weight", "message"), BAD_CLASS_WEIGHT.values(), ids=BAD_CLASS_WEIGHT.keys()
)
def test_bad_class_weights(class_weight, message):
    with pytest.raises(DataError, match=message):
        ONE.weights(class_weight, None)


@pytest.mark.parametrize("space", [SEVERAL, NUMBER], ids=lambda space: space.problem_type)
def test_class_weights_are_for_single_label(space):
    with pytest.raises(DataError, match="use `sample_weight`"):
        space.weights({0: 1.0}, None)


@pytest.mark.parametrize("weights", [[0, 1.5, 2], (0, 1.5, 2), np.array([0, 1.5, 2])])
def test_sample_weights(weights):
    checked = check_sample_weight(weights, 3)
    np.testing.assert_array_equal(checked, [0, 1.5, 2])
    assert checked.dtype == np.float32


@pytest.mark.parametrize(
    "weights",
    [[1, NAN, 1], [1, -1, 1], [1, 1], [[1], [1], [1]], ["1", "1", "1"], [1, None, 1], 1.0],
    ids=["nan", "negative", "short", "matrix", "digits", "none", "number"],
)
def test_bad_sample_weights(weights):
    with pytest.raises(DataError, match="must be 3 finite numbers that are not negative"):
        check_sample_weight(weights, 3)
