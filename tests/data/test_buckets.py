"""The planner of bucket lengths: against every choice there is, and its bounds."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_tasks.data import plan_widths
from hub_tasks.data.buckets import LADDER, width_for


def cost(lengths, widths, compile_cost, known):
    padded = [min(w for w in widths if w >= n) for n in lengths]
    return sum(w + w * w / 2048 for w in padded) + compile_cost * sum(
        w not in known for w in widths
    )


@settings(max_examples=200, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 64), min_size=1, max_size=30),
    count=st.integers(1, 4),
    compile_cost=st.sampled_from([0.0, 50.0, 2000.0]),
    known=st.sets(st.sampled_from([8, 24, 40, 64])),
)
def test_no_other_choice_costs_less(lengths, count, compile_cost, known):
    widths = plan_widths(np.array(lengths), 64, count, compile_cost, known)
    longest = min(w for w in range(4, 65, 4) if w >= max(lengths))
    others = list(range(4, longest, 4))
    least = min(
        cost(lengths, (*chosen, longest), compile_cost, known)
        for k in range(count)
        for chosen in combinations(others, k)
    )
    assert cost(lengths, widths, compile_cost, known) == pytest.approx(least)


@settings(max_examples=100, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 700), min_size=1, max_size=200),
    limit=st.sampled_from([3, 100, 512, 700]),
)
def test_few_widths_that_hold_every_row(lengths, limit):
    lengths = np.minimum(lengths, limit)
    widths = plan_widths(lengths, limit)
    assert list(widths) == sorted(set(widths))
    assert 1 <= len(widths) <= 4
    assert lengths.max() <= widths[-1] <= limit


def test_a_shape_that_costs_more_than_it_saves_is_not_opened():
    lengths = np.array([8] * 32 + [64] * 32)
    assert plan_widths(lengths, 64, compile_cost=1e6) == (64,)
    assert plan_widths(lengths, 64, compile_cost=10) == (8, 64)
    assert plan_widths(lengths, 64, compile_cost=1e6, known={8, 64}) == (8, 64)


@pytest.mark.parametrize("limit", [3, 32, 100, 512])
def test_the_ladder_of_streams_has_at_most_five_widths(limit):
    widths = [width_for(n, LADDER, limit) for n in range(1, limit + 1)]
    assert all(n <= width <= limit for n, width in enumerate(widths, start=1))
    assert len(set(widths)) <= 5
