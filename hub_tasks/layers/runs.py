"""Vectors of runs of characters, for scripts that put no spaces between words."""

import re
from collections.abc import Sequence
from math import sqrt

import keras
import numpy as np
from keras import ops

from hub_tasks.layers.bigrams import following_ones, hashed_runs
from hub_tasks.layers.initializers import random_weights
from hub_tasks.layers.table import VectorTable

RUNS = (3, 4, 5)  # characters
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


@keras.saving.register_keras_serializable(package="hub_tasks")
class HashedRuns(keras.layers.Layer):
    """What the runs of 3, 4 and 5 characters that begin at each one add up to.

    Of an alphabet, single characters say next to nothing, and where no spaces show the words,
    runs take their place. Chinese characters, which are words themselves, stand in none: `read`
    learns which ones those are from the vocabulary, and before that there are no runs. Runs
    are found by their hash, after Bojanowski et al., 2016, https://arxiv.org/abs/1607.04606.

    Args:
        buckets: rows of the table, which runs share.
        dim: the size of a vector.
        words: how many tokens there are.

    Attributes:
        codes: token -> its id, 0 where it stands in no run; made from the vocabulary, not
            learnt.

    Call arguments:
        token_ids: `(batch, length)`, int32.

    Returns:
        `(batch, length, dim)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import HashedRuns
    >>> runs = HashedRuns(100, 8, words=4)
    >>> runs.build((None, None))
    >>> runs.read(["[PAD]", "a", "b", "c"], without=["[PAD]"])
    >>> runs(np.array([[1, 2, 3, 2]], "int32")).shape[-1]
    8
    """

    scale = 1 / sqrt(len(RUNS))

    def __init__(self, buckets: int, dim: int, words: int, **kwargs):
        super().__init__(**kwargs)
        self.buckets, self.dim, self.words = buckets, dim, words
        # From zero, as pairs: a run that training does not show must not say anything.
        self.table = VectorTable(
            buckets + 1, dim, embeddings_initializer=random_weights("zeros"), name="table"
        )

    def build(self, input_shape):
        self.table.build(input_shape)
        self.codes = self.add_weight(
            (self.words,), initializer="zeros", dtype="int32", trainable=False, name="codes"
        )

    def read(self, vocabulary: Sequence[str], without: Sequence[str] = ()) -> None:
        """Learns which tokens stand in runs.

        Args:
            vocabulary: the tokens in the order of their ids.
            without: those that are no characters.
        """
        codes = np.zeros(self.codes.shape, "int32")
        for i, token in enumerate(vocabulary):
            codes[i] = i if token not in without and in_runs(token) else 0
        self.codes.assign(codes)

    def call(self, token_ids):
        return self.table.sums(self.rows_of(token_ids)) * self.scale

    def rows_of(self, token_ids):
        """The rows of the runs that begin at each token, `(..., 3)`, 0 where there is none."""
        codes = ops.take(self.codes, token_ids % self.words, axis=0)
        whole, rows = 1, []
        for k, number in enumerate(hashed_runs(codes, max(RUNS), self.buckets)):
            whole = whole * ops.cast(following_ones(codes, k) > 0, "int32")
            if k + 1 in RUNS:
                rows.append((1 + number) * whole)
        return ops.stack(rows, axis=-1)

    def compute_output_shape(self, input_shape, **shapes):
        return (*input_shape, self.dim)

    def get_config(self):
        names = ("buckets", "dim", "words")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def in_runs(token: str) -> bool:
    """Whether a token stands in runs: no Chinese character does."""
    return not _HAN.match(token)
