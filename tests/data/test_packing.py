"""Truncation, special tokens and widths."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub_tasks.data import Packer
from hub_tasks.data.packing import kept

START, END, PAD = 101, 102, 9
MODES = ("round_robin", "waterfall", "longest_first")


def round_robin(lengths, budget):
    """A token of each segment in turn, as long as there are any."""
    taken, turn = [0] * len(lengths), 0
    while sum(taken) < min(budget, sum(lengths)):
        if taken[turn] < lengths[turn]:
            taken[turn] += 1
        turn = (turn + 1) % len(lengths)
    return taken


def waterfall(lengths, budget):
    """Tokens in the order of the text, the first segment before the second."""
    taken = [0] * len(lengths)
    for segment in [i for i, length in enumerate(lengths) for _ in range(length)][:budget]:
        taken[segment] += 1
    return taken


def longest_first(lengths, budget):
    """Drops tokens of the longer one; of two as long, that which was the shorter at first."""
    left = list(lengths)
    loser = 0 if lengths[0] <= lengths[-1] else len(lengths) - 1
    while sum(left) > budget:
        longest = max(left)
        left[loser if left[loser] == longest else left.index(longest)] -= 1
    return left


DEFINITIONS = {
    "round_robin": round_robin,
    "waterfall": waterfall,
    "longest_first": longest_first,
}
lengths = st.lists(st.integers(0, 30), min_size=1, max_size=2)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=400, deadline=None)
@given(lengths=lengths, budget=st.integers(0, 40))
@example(lengths=[7, 7], budget=9)
@example(lengths=[2, 30], budget=9)
@example(lengths=[30, 2], budget=9)
@example(lengths=[0, 5], budget=0)
def test_kept_follows_the_definition(mode, lengths, budget):
    assert kept(lengths, budget, mode) == DEFINITIONS[mode](lengths, budget)


@pytest.mark.parametrize(
    ("mode", "lengths", "expected"),
    [
        ("round_robin", [6, 6], [4, 3]),
        ("round_robin", [2, 9], [2, 5]),
        ("waterfall", [6, 6], [6, 1]),
        ("waterfall", [9, 6], [7, 0]),
        ("longest_first", [6, 6], [3, 4]),
        ("longest_first", [9, 6], [4, 3]),
        ("longest_first", [1, 9], [1, 6]),
    ],
)
def test_seven_tokens_of_two_segments(mode, lengths, expected):
    assert kept(lengths, 7, mode) == expected


def packer(sequence_length=8, truncate="round_robin"):
    return Packer(START, END, PAD, sequence_length, truncate)


def test_single_texts():
    packed = packer().pack([[[1, 2, 3]], [[]], [[1, 2, 3, 4, 5, 6, 7, 8]]], width=8)
    np.testing.assert_array_equal(
        packed["token_ids"],
        [
            [START, 1, 2, 3, END, PAD, PAD, PAD],
            [START, END, PAD, PAD, PAD, PAD, PAD, PAD],
            [START, 1, 2, 3, 4, 5, 6, END],
        ],
    )
    np.testing.assert_array_equal(packed["segment_ids"], np.zeros((3, 8)))
    np.testing.assert_array_equal(
        packed["padding_mask"],
        [[1, 1, 1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0], [1] * 8],
    )
    assert {array.dtype for array in packed.values()} == {np.dtype("int32")}


def test_pairs():
    packed = packer().pack([[[1], [2, 3]], [[], []], [[1, 2, 3, 4], [5, 6, 7, 8]]], width=8)
    np.testing.assert_array_equal(
        packed["token_ids"],
        [
            [START, 1, END, 2, 3, END, PAD, PAD],
            [START, END, END, PAD, PAD, PAD, PAD, PAD],
            [START, 1, 2, 3, END, 5, 6, END],
        ],
    )
    np.testing.assert_array_equal(
        packed["segment_ids"],
        [[0, 0, 0, 1, 1, 1, 0, 0], [0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1]],
    )
    np.testing.assert_array_equal(packed["padding_mask"].sum(axis=1), [6, 3, 8])


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=4),
    limit=st.integers(3, 40),
    mode=st.sampled_from(MODES),
)
def test_no_row_is_longer_than_the_limit_and_none_is_cut_without_need(rows, limit, mode):
    packed = packer(limit, mode).pack([[[1] * a, [2] * b] for a, b in rows], width=limit)
    used = packed["padding_mask"].sum(axis=1)
    assert used.tolist() == [min(a + b + 3, limit) for a, b in rows]
    whole = packer(limit, mode).lengths([np.array(column) for column in zip(*rows, strict=True)])
    assert whole.tolist() == [a + b + 3 for a, b in rows]
    assert ((packed["token_ids"] == END).sum(axis=1) == 2).all()


def test_rows_that_fill_up_a_batch_hold_no_text():
    packed = packer().pack([[[1, 2]]], width=4, height=3)
    np.testing.assert_array_equal(
        packed["token_ids"], [[START, 1, 2, END], [START, END, PAD, PAD], [START, END, PAD, PAD]]
    )
    np.testing.assert_array_equal(packed["padding_mask"].sum(axis=1), [4, 2, 2])


SPECIALS = st.sampled_from([None, START]), st.sampled_from([None, END])
TOKENS = st.lists(st.lists(st.integers(10, 99), max_size=12), min_size=1, max_size=6)


@given(TOKENS, *SPECIALS, st.integers(3, 16), st.integers(0, 3), st.integers(0, 3))
@example([[]], None, None, 3, 0, 1)
@settings(max_examples=300, deadline=None)
def test_rows_of_one_text_may_be_packed_at_once(rows, start, end, most, wider, higher):
    packer = Packer(start, end, PAD, most, "round_robin")
    lengths = np.array([len(row) for row in rows])
    whole = np.minimum(packer.lengths([lengths]), most)
    width, height = whole.max() + wider, len(rows) + higher
    flat = np.array([7, *(token for row in rows for token in row), 7], "int32")
    starts = 1 + np.cumsum([0, *lengths[:-1]])
    order = np.arange(len(rows))[::-1]  # rows are chosen in any order
    expected = packer.pack([[rows[i]] for i in order], width, height)
    found = packer.pack_singles(flat, starts[order], lengths[order], width, height)
    assert list(found) == list(expected)
    for key, array in expected.items():
        np.testing.assert_array_equal(found[key], array, err_msg=key)
        assert found[key].dtype == array.dtype
    np.testing.assert_array_equal(expected["padding_mask"].sum(1)[: len(rows)], whole[order])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 2], [3], [1, 2, 8, 3]),
        ([], [3], [8, 3]),
        ([1], [], [1, 8]),
        ([], [], [8]),
        ([1, 2, 3, 4], [5, 6, 7], [1, 2, 3, 8, 5, 6]),
    ],
)
def test_a_token_may_stand_between_two_texts(first, second, expected):
    packer = Packer(None, None, PAD, 6, "round_robin", numbered=False, between=8)
    arrays = packer.pack([[first, second]], 6)
    assert arrays["token_ids"][0].tolist() == expected + [PAD] * (6 - len(expected))
    assert arrays["padding_mask"][0].sum() == len(expected)
    assert not arrays["segment_ids"].any()
    lengths = [np.array([len(first)]), np.array([len(second)])]
    assert min(packer.lengths(lengths)[0], 6) == len(expected)


def test_a_text_without_tokens_has_one_to_look_at():
    packer = Packer(None, None, PAD, 6, "round_robin", between=8)
    arrays = packer.pack([[[]], [[5]]], 2, 3)
    assert arrays["token_ids"].tolist() == [[PAD, PAD], [5, PAD], [PAD, PAD]]
    assert arrays["padding_mask"].tolist() == [[1, 0]] * 3
    assert packer.lengths([np.array([0, 1])]).tolist() == [1, 1]
