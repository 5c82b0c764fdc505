"""Holding rows out for validation, a share of each class."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_tasks.data import Rows
from hub_tasks.data.hold_out import hold_out_of_each_class
from hub_tasks.errors import DataError


def held_out(counts, share, seed=0, names=None):
    """The classes of the rows kept and held out, of so many of each class, and the texts."""
    targets = np.repeat(np.arange(len(counts)), counts)
    targets = np.random.default_rng(5).permutation(targets)
    texts = [f"text {i}" for i in range(len(targets))]
    rows = Rows((texts, texts), targets, np.arange(len(texts), dtype="float32"))
    np.random.seed(seed)
    kept, held = hold_out_of_each_class(rows, share, targets, names)
    parts = [kept] if held is None else [kept, held]
    for part in parts:  # every column of a row stays with it
        assert part.texts[0] == part.texts[1]
        numbers = [int(text.split()[1]) for text in part.texts[0]]
        assert part.weights.tolist() == numbers == sorted(numbers)
        assert part.labels.tolist() == targets[numbers].tolist()
    assert sorted(t for part in parts for t in part.texts[0]) == sorted(texts)
    return Counter(kept.labels.tolist()), Counter(held.labels.tolist() if held else []), held


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.floats(0.02, 0.9))
@settings(max_examples=200, deadline=None)
def test_each_class_gives_its_share_and_keeps_a_row(counts, share):
    kept, held, _ = held_out(counts, share)
    for label, count in enumerate(counts):
        assert kept[label] >= 1
        assert abs(held[label] - min(share * count, count - 1)) <= 1


def test_large_classes_give_it_exactly():
    assert held_out([100, 50, 10], 0.1)[1] == {0: 10, 1: 5, 2: 1}
    assert held_out([90, 10], 0.5)[1] == {0: 45, 1: 5}


def test_small_classes_give_it_together():
    _, held, _ = held_out([4] * 50, 0.1)
    assert sum(held.values()) == 20
    assert max(held.values()) == 1


def test_classes_of_one_row_take_nothing_from_the_others():
    _, held, _ = held_out([1] * 200 + [20], 0.1)
    assert set(held) == {200}
    assert held[200] <= 3


def test_the_seed_says_which_rows():
    first, same, other = (held_out([20, 20], 0.2, seed)[2].texts[0] for seed in (1, 1, 2))
    assert first == same != other


@pytest.mark.parametrize("share", [0, 0.0])
def test_nothing_is_held_out_where_nothing_is_asked_for(share):
    assert held_out([5, 5], share, names=["a", "b"])[2] is None


def test_one_row_of_a_class_is_an_error_where_its_names_are_told():
    with pytest.raises(DataError, match=r"class 'b' has one example.*validation_split=0\.2"):
        held_out([5, 1], 0.2, names=["a", "b"])
    assert set(held_out([5, 1], 0.2)[1]) == {0}


@pytest.mark.parametrize("share", [-0.1, 1.0, 2, float("nan")])
def test_shares_that_are_none(share):
    with pytest.raises(DataError, match=r"at least 0 and less than 1.*Received"):
        held_out([5, 5], share)


@pytest.mark.parametrize(
    "targets", [np.eye(10, 2, dtype="float32"), np.linspace(0, 1, 10).reshape(-1, 1)]
)
def test_without_classes_it_is_a_share_of_all(targets):
    rows = Rows((list("abcdefghij"),), targets)
    kept, held = hold_out_of_each_class(rows, 0.2, targets, ["x", "y"])
    assert (len(kept), len(held)) == (8, 2)
