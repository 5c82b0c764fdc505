"""Inputs in memory: what is read, what is refused, with which row (TRUST.md F06 to F13)."""

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.data import Rows, open_data, read_columns
from hub_tasks.errors import DataError

TEXTS = ["good", "", "caf\u00e9"]


class Lazy(list):
    """A sequence that is no list to `isinstance(x, list)` in other libraries."""


COLUMNS = {
    "list": lambda: list(TEXTS),
    "tuple": lambda: tuple(TEXTS),
    "list subclass": lambda: Lazy(TEXTS),
    "numpy object": lambda: np.array(TEXTS, dtype=object),
    "numpy unicode": lambda: np.array(TEXTS),
    "numpy bytes": lambda: np.array([text.encode() for text in TEXTS]),
    "list of numpy strings": lambda: list(np.array(TEXTS)),
    "list of bytes": lambda: [text.encode() for text in TEXTS],
}


@pytest.mark.parametrize("make", COLUMNS.values(), ids=COLUMNS.keys())
def test_a_column(make):
    rows = open_data(make(), None, None, 2)
    assert isinstance(rows, Rows)
    assert rows.texts == (TEXTS,)
    assert {type(text) for text in rows.texts[0]} == {str}
    assert len(rows) == 3


@pytest.mark.parametrize("first", COLUMNS.values(), ids=COLUMNS.keys())
def test_a_pair_of_columns(first):
    rows = open_data((first(), np.array(["a", "b", "c"])), [0, 1, 0], [1.0, 2.0, 3.0], 2)
    assert rows.texts == (TEXTS, ["a", "b", "c"])
    assert (rows.labels, rows.weights) == ([0, 1, 0], [1.0, 2.0, 3.0])


PANDAS = {
    "object": {"dtype": object},
    "string": {"dtype": "string"},
    "default": {},
    "category": {"dtype": "category"},
    "shuffled index": {"index": [2, 0, 1]},
    "index of names": {"index": ["x", "x", "y"]},
}


@pytest.mark.parametrize("options", PANDAS.values(), ids=PANDAS.keys())
def test_a_pandas_column_is_read_by_position(options):
    pd = pytest.importorskip("pandas")
    series = pd.Series(TEXTS, **options)
    assert open_data(series, None, None, 2).texts == (TEXTS,)
    assert read_columns((series, list("abc"))).texts == (TEXTS, list("abc"))


@pytest.mark.parametrize("dtype", [object, "string", "category"])
@pytest.mark.parametrize("missing", ["NA", "NaN", "None"])
def test_what_pandas_misses_is_named_by_position(dtype, missing):
    pd = pytest.importorskip("pandas")
    value = {"NA": pd.NA, "NaN": float("nan"), "None": None}[missing]
    series = pd.Series(["a", "b", value], index=[7, 8, 0], dtype=dtype)
    with pytest.raises(DataError, match=r"^texts\[2\] is not a text"):
        open_data(series, None, None, 2)


def test_a_frame_is_refused_and_its_column_accepted():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"text": TEXTS, "more": TEXTS})
    with pytest.raises(DataError, match=r"one dimension.*shape=\(3, 2\)"):
        open_data(frame, None, None, 2)
    assert open_data(frame["text"], None, None, 2).texts == (TEXTS,)


def test_a_tuple_of_two_strings_is_one_column():
    assert open_data(("good", "bad"), None, None, 2).texts == (["good", "bad"],)


def test_an_empty_column_has_no_rows():
    assert len(open_data([], None, None, 2)) == 0
    assert len(open_data(([], []), None, None, 2)) == 0


REFUSED = {
    "none": (None, "Texts are expected"),
    "dict": ({"text": ["a"]}, "Texts are expected"),
    "set": ({"a", "b"}, "Received: type=<class 'set'>"),
    "number": (5, "Received: type=<class 'int'>"),
    "bare string": ("good", r"wrap it: \[text\]. Received: value='good'"),
    "bare bytes": (b"good", r"wrap it: \[text\]"),
    "none among texts": (["a", None], r"^texts\[1\] is not a text"),
    "number among texts": (["a", 3], r"^texts\[1\] is not a text.*value=3"),
    "numbers": ([1, 2], r"^texts\[0\] is not a text"),
    "nested": ([["a"]], r"^texts\[0\] is not a text"),
    "numpy numbers": (np.array([1.5]), r"^texts\[0\] is not a text.*value=1.5"),
    "matrix": (np.array([["a", "b"]]), r"one dimension.*shape=\(1, 2\)"),
    "invalid bytes": ([b"a", b"\xff"], r"^texts\[1\] is not valid UTF-8"),
    "surrogate": (["a", "\ud800"], r"^texts\[1\] holds a lone surrogate"),
    "second of a pair": ((["a", "b"], ["c", None]), r"^texts\[1\]\[1\] is not a text"),
    "pair of unequal columns": ((["a", "b"], ["c"]), "first=2, second=1"),
}


@pytest.mark.parametrize(("x", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(x, message):
    with pytest.raises(DataError, match=message):
        open_data(x, None, None, 2)


@pytest.mark.parametrize(
    "x", [None, 5, {"a": 1}, {"a"}, iter(["a"])], ids=["none", "number", "dict", "set", "iterator"]
)
def test_the_preprocessor_takes_columns_alone(x):
    with pytest.raises(DataError, match=r"texts must be a list.*Received: value="):
        read_columns(x)


@pytest.mark.parametrize(
    ("labels", "weights", "message"),
    [
        ([0] * 15, None, "texts=16, labels=15"),
        ([0] * 16, [1.0] * 17, "texts=16, labels=16, sample_weight=17"),
        (5, None, "`labels` must be a list or an array.*labels=5"),
        ([0] * 16, 1.0, "`sample_weight` must be a list or an array"),
        (iter([0] * 16), None, "`labels` must be a list or an array"),
    ],
    ids=["labels", "weights", "a number", "one weight", "an iterator"],
)
def test_every_column_has_one_entry_per_row(labels, weights, message):
    with pytest.raises(DataError, match=message):
        open_data(["a"] * 16, labels, weights, 2)


class OneBatch(keras.utils.PyDataset):
    num_batches = 1

    def __getitem__(self, index):
        return ["a"], [0]


@pytest.mark.parametrize("x", [iter([(["a"], [0])]), OneBatch()], ids=["generator", "PyDataset"])
def test_labels_beside_a_stream_are_refused(x):
    with pytest.raises(DataError, match="Labels and weights come with the texts"):
        open_data(x, [0], None, 2)


def test_data_errors_are_value_errors():
    assert issubclass(DataError, hub_tasks.errors.HubTasksError)
    assert issubclass(DataError, ValueError)
