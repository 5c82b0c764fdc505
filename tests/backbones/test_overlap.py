"""How much two texts share by their ids: a cosine that weighs rare ones more."""

import keras
import numpy as np
import pytest

from hub_tasks.layers import Overlap

pytestmark = pytest.mark.backend


def overlap(ids, ends, entries: int = 1, **options) -> np.ndarray:
    """For rows of ids, of which the first text ends at a place, a separator and the second."""
    ids = np.array(ids, "int32")
    places = np.arange(ids.shape[1])[None]
    first, second = places < np.array(ends)[:, None], places > np.array(ends)[:, None]
    return keras.ops.convert_to_numpy(Overlap(entries, **options)(ids, first, second))


def cosine(u: list[int], v: list[int]) -> float:
    """Of counts times the logarithm of the place in the vocabulary."""
    size = 1 + max(*u, *v)
    u, v = (np.bincount(ids, minlength=size) * np.log1p(np.arange(size)) for ids in (u, v))
    return u @ v / max(np.sqrt(u @ u) * np.sqrt(v @ v), 1e-9)


def test_it_is_the_cosine_of_weighed_counts():
    rows = [[5, 900, 2, 5, 70, 5], [7, 7, 2, 7, 0, 0], [7, 8, 2, 9, 4, 0], [0, 0, 2, 9, 9, 9]]
    expected = [[cosine(row[:2], row[3:])] * 3 for row in rows]
    np.testing.assert_allclose(overlap(rows, [2] * 4, entries=3), expected, atol=1e-5)
    assert expected[1][0] == pytest.approx(1)  # the same word alone
    assert expected[2][0] == expected[3][0] == 0  # nothing in common, nothing there


def test_rare_tokens_weigh_more():
    rare, frequent = overlap([[3, 900, 2, 900, 4, 0], [3, 900, 2, 3, 901, 0]], [2, 2])[:, 0]
    assert rare > frequent + 0.3


def test_several_ids_of_a_token_are_all_counted():
    """As parts of words are; 0 is none."""
    rows = [[[5, 6, 7], [8, 0, 0], [2, 0, 0], [5, 6, 0], [9, 0, 0]]]
    expected = cosine([5, 6, 7, 8], [5, 6, 9])
    np.testing.assert_allclose(overlap(rows, [2]), [[expected]], atol=1e-5)


def test_ids_beyond_its_own_numbers_share_them_with_signs():
    """A large vocabulary: off by chance, and in neither direction more."""
    random = np.random.default_rng(0)
    rows = random.integers(3, 60_000, (400, 41))
    rows[:, 21:31] = rows[:, :10]  # half of the text
    expected = [cosine(list(row[:20]), list(row[21:])) for row in rows]
    off = overlap(rows, [20] * 400)[:, 0] - expected
    assert np.abs(off).max() < 0.2
    assert np.abs(off).mean() < 0.04
    assert abs(off.mean()) < 0.005


def test_which_ids_share_a_number():
    """Presets depend on it: ids that are the same modulo 1,021, with a sign by how often."""
    rows = [[5, 2, 5 + 1_021 * k] for k in (1, 2, 3)] + [[5, 2, 6 + 2 * 1_021]]
    np.testing.assert_allclose(overlap(rows, [1] * 4)[:, 0], [-1, 1, -1, 0], atol=1e-5)


def test_it_computes_in_half_precision():
    rows = [[5, 900, 2, 5, 70, 5]]
    found = overlap(rows, [2], dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    np.testing.assert_allclose(found.astype("float32"), overlap(rows, [2]), atol=0.01)
