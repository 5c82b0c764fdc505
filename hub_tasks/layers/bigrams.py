"""Vectors of pairs of neighbouring tokens."""

import keras
from keras import ops

from hub_tasks.layers.initializers import random_weights
from hub_tasks.layers.table import VectorTable

FACTORS = (40_503, 30_011, 50_021, 27_457, 61_001)  # by the place in a run of tokens
_MODULUS = 32_749  # a prime; its multiples by the factors stay within int32


@keras.saving.register_keras_serializable(package="hub_tasks")
class HashedBigrams(keras.layers.Layer):
    """A vector for each token and the next one, found by their hash.

    Args:
        buckets: rows of the table, which pairs share.
        dim: the size of a vector.

    Call arguments:
        token_ids: `(batch, length)`, int32.
        padding_mask: `(batch, length)`, 1 at real tokens.

    Returns:
        `(batch, length, dim)`, zeros at the last token of a text.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import HashedBigrams
    >>> ids = np.array([[3, 4, 5]], "int32")
    >>> HashedBigrams(100, 8)(ids, padding_mask=np.ones_like(ids)).shape[-1]
    8
    """

    def __init__(self, buckets: int, dim: int, **kwargs):
        super().__init__(**kwargs)
        self.buckets, self.dim = buckets, dim
        # From zero: a pair that training does not show must not say anything at random.
        self.table = VectorTable(
            buckets, dim, embeddings_initializer=random_weights("zeros"), name="table"
        )

    def build(self, input_shape):
        self.table.build(input_shape)

    def call(self, token_ids, padding_mask):
        rows, inside = self.rows(token_ids, padding_mask)
        pairs = self.table(rows)
        return pairs * ops.cast(inside[:, :, None], pairs.dtype)

    def rows(self, token_ids, padding_mask):
        """The rows of the pairs, and 1 where there is one, `(batch, length)` both."""
        following, inside = (following_ones(x, 1) for x in (token_ids, padding_mask))
        hashes = [
            hashed(ids, factor, self.buckets)
            for ids, factor in zip((token_ids, following), FACTORS[:2], strict=True)
        ]
        return sum(hashes) % self.buckets, inside

    def compute_output_shape(self, input_shape, **shapes):
        return (*input_shape, self.dim)

    def get_config(self):
        return {**super().get_config(), "buckets": self.buckets, "dim": self.dim}


def following_ones(x, places):
    """What stands so many places behind each token, `(batch, length)`, 0 behind the last."""
    return ops.concatenate([x[:, places:], ops.zeros_like(x[:, :places])], axis=1)


def hashed_runs(ids, longest, buckets):
    """The hashes of the runs that begin at each id: of 1 id, of 2, ... of the longest."""
    number, found = 0, []
    for k, factor in enumerate(FACTORS[:longest]):
        number = (number + hashed(following_ones(ids, k), factor, buckets)) % buckets
        found.append(number)
    return found


def hashed(ids, factor, buckets):
    """What ids add to the number of a row; the factor says where in a run they stand."""
    return (ids % _MODULUS) * factor % buckets
