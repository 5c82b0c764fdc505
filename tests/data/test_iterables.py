"""Generators, iterables and PyDatasets of texts."""

import keras
import numpy as np
import pytest

from hub_tasks.data import Source, open_data
from hub_tasks.errors import DataError


def read(x, batch_size=2):
    """The batches of an input as plain tuples."""
    source = open_data(x, None, None, batch_size)
    assert isinstance(source, Source)
    return [(rows.texts, rows.labels, rows.weights) for rows in source.batches()]


ITEMS = {
    "batches of texts": (
        [["a", "b"], ["c"]],
        [((["a", "b"],), None, None), ((["c"],), None, None)],
    ),
    "batches of two texts": ([["a", "b"]], [((["a", "b"],), None, None)]),
    "arrays of texts": ([np.array(["a", "b"])], [((["a", "b"],), None, None)]),
    "batches in tuples": ([(["a", "b"],)], [((["a", "b"],), None, None)]),
    "with labels": (
        [(["a", "b"], [0, 1]), (["c"], [1])],
        [((["a", "b"],), [0, 1], None), ((["c"],), [1], None)],
    ),
    "with weights": ([(["a"], [0], [0.5])], [((["a"],), [0], [0.5])]),
    "pairs": ([((["a"], ["b"]), [0])], [((["a"], ["b"]), [0], None)]),
    "pairs without labels": ([((["a"], ["b"]),)], [((["a"], ["b"]), None, None)]),
    "single texts": (["a", "b", "c"], [((["a", "b"],), None, None), ((["c"],), None, None)]),
    "single with labels": (
        [("a", 0), ("b", "yes"), ("c", 1)],
        [((["a", "b"],), [0, "yes"], None), ((["c"],), [1], None)],
    ),
    "single with weights": ([("a", 0, 0.5), ("b", 1, 2)], [((["a", "b"],), [0, 1], [0.5, 2])]),
    "single pairs": (
        [(("a", "b"), 0), (("c", "d"), 1), (("e", "f"), 0)],
        [((["a", "c"], ["b", "d"]), [0, 1], None), ((["e"], ["f"]), [0], None)],
    ),
    "single with several labels": (
        [("a", ["x", "y"]), ("b", [])],
        [((["a", "b"],), [["x", "y"], []], None)],
    ),
    "single bytes": ([b"a", b"b"], [((["a", "b"],), None, None)]),
}


class Again:
    """An iterable that can be read over and over."""

    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return iter(self.items)


@pytest.mark.parametrize(("items", "expected"), ITEMS.values(), ids=ITEMS.keys())
@pytest.mark.parametrize("form", [iter, Again], ids=["generator", "iterable"])
def test_items(form, items, expected):
    assert read(form(items)) == expected


def test_a_generator_is_read_once_and_an_iterable_again():
    generator = open_data(iter(["a", "b"]), None, None, 2)
    iterable = open_data(Again(["a", "b"]), None, None, 2)
    assert (generator.restartable, iterable.restartable) == (False, True)
    assert len(list(iterable.batches())) == len(list(iterable.batches())) == 1


def test_a_generator_is_read_no_further_than_asked():
    read_so_far = []

    def texts():
        for i in range(100):
            read_so_far.append(i)
            yield str(i)

    batches = open_data(texts(), None, None, 4).batches()
    next(batches)
    assert len(read_so_far) == 4


BAD_ITEMS = {
    "row of the third batch": ([["a", "b"], ["c"], ["d", None]], r"^texts\[4\] is not a text"),
    "row of single texts": (["a", "b", "c", None], r"^texts\[3\] is not a text"),
    "row of a pair": (
        [((["a"], ["b"]), [0]), ((["c"], [b"\xff"]), [0])],
        r"^texts\[1\]\[1\] is not valid UTF-8",
    ),
    "numbers": ([1, 2], "texts must be a list"),
    "dicts": ([{"token_ids": [1]}], "texts must be a list"),
    "none": ([None], "texts must be a list"),
    "nested": ([[["a"]]], r"^texts\[0\] is not a text"),
    "lengths": ([(["a", "b"], [0])], "texts=2, labels=1"),
    "four parts": ([(["a"], [0], [1.0], [2.0])], "yields texts, "),
    "nothing": ([()], "yields texts, "),
    "pairs after single texts": ([("a", 0), (("b", "c"), 1)], "mixed"),
}


@pytest.mark.parametrize(("items", "message"), BAD_ITEMS.values(), ids=BAD_ITEMS.keys())
def test_bad_items(items, message):
    with pytest.raises(DataError, match=message):
        read(iter(items))


class Reviews(keras.utils.PyDataset):
    """Batches of texts that remember what was called."""

    def __init__(self, batches, endless=False):
        super().__init__()
        self.items, self.endless, self.calls = batches, endless, []

    @property
    def num_batches(self):
        return None if self.endless else len(self.items)

    def __getitem__(self, index):
        self.calls.append(index)
        return self.items[index % len(self.items)]

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")


BATCHES = [(["a", "b"], ["yes", "no"]), (["c"], ["no"])]


def test_py_dataset():
    assert read(Reviews(BATCHES)) == [
        ((["a", "b"],), ["yes", "no"], None),
        ((["c"],), ["no"], None),
    ]
    pair_and_weights = [((["a"], ["b"]), [1], [0.5])]
    assert read(Reviews(pair_and_weights)) == [((["a"], ["b"]), [1], [0.5])]
    assert read(Reviews([["a", "b"]])) == [((["a", "b"],), None, None)]


def test_py_dataset_states_its_length():
    source = open_data(Reviews(BATCHES), None, None, 2)
    assert (source.num_batches, source.endless, source.restartable) == (2, False, True)


def test_py_dataset_hears_of_the_end_when_its_last_batch_is_taken():
    dataset = Reviews(BATCHES)
    source = open_data(dataset, None, None, 2)
    for _ in range(2):
        batches = source.batches()
        next(batches)
        next(batches)
    assert dataset.calls == ["begin", 0, 1, "end"] * 2


def test_py_dataset_without_end():
    source = open_data(Reviews(BATCHES, endless=True), None, None, 2)
    assert (source.num_batches, source.endless) == (None, True)
    batches = source.batches()
    assert [next(batches).texts[0] for _ in range(3)] == [["a", "b"], ["c"], ["a", "b"]]


class NoLength(keras.utils.PyDataset):
    def __getitem__(self, index):
        return ["a"]


def test_py_dataset_without_a_length_is_refused():
    with pytest.raises(DataError, match=r"must have `num_batches`.*NoLength"):
        open_data(NoLength(), None, None, 2)


def test_py_dataset_names_the_row_of_the_pass():
    dataset = Reviews([(["a", "b"], [0, 1]), (["c", None], [0, 1])])
    source = open_data(dataset, None, None, 2)
    for _ in range(2):
        with pytest.raises(DataError, match=r"^texts\[3\] is not a text"):
            list(source.batches())
