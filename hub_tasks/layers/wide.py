"""A linear model over tokens and runs of them, beside whatever else is computed of a text."""

from typing import Any

import keras
from keras import ops

from hub_tasks.layers.bigrams import following_ones, hashed_runs
from hub_tasks.layers.initializers import random_weights
from hub_tasks.layers.word_parts import WordParts

_CHECKS = 2039  # a prime; all numbers up to it are exact in half precision
_LEAST = 1.0  # the square of the weight of what is in every text


@keras.saving.register_keras_serializable(package="hub_tasks")
class WideScores(keras.layers.Layer):
    """The scores that a linear model gives a text: sums of what its tokens and runs say.

    The wide part of a network, after Cheng et al., 2016, https://arxiv.org/abs/1606.07792. All
    weights are zeros until they are assigned; no gradient reaches them. As in TF-IDF, each sum
    is divided by the length of the text's vector of weights. It computes in float32.

    Args:
        dim: how many scores.
        buckets: rows of each table of runs, which these share by their hash.
        longest: of the runs, in tokens; there are runs of 2 tokens and more.
        words: how many tokens there are; ids from there on are of unknown words where there are
            `parts`, else of n-grams, which have no score.
        parts: of the words, whose beginnings tell unknown words apart.

    Attributes:
        scores: for single tokens, then for the runs of each length, the scores of each row;
            behind those of the tokens stand those of the rows of `parts`.
        squares: likewise, the square of each row's weight in a text.
        checks: for runs, which of those that share a row it is of: a second hash, 0 for none.

    Call arguments:
        token_ids: `(batch, length)`, int32.
        padding_mask: `(batch, length)`, 1 at the tokens that count.

    Returns:
        `(batch, dim)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import WideScores
    >>> wide = WideScores(3, buckets=100, longest=2, words=10)
    >>> wide(np.array([[4, 5]], "int32"), padding_mask=np.array([[1, 1]], "int32")).shape[-1]
    3
    """

    def __init__(
        self,
        dim: int,
        buckets: int,
        longest: int,
        words: int,
        parts: WordParts | None = None,
        **kwargs: Any,
    ):
        super().__init__(**{**kwargs, "trainable": False, "dtype": "float32"})
        self.dim, self.buckets, self.words = dim, buckets, words
        self.longest = max(longest, 1) if buckets else 1
        self._beginnings = 0 if parts is None else parts.buckets + 1
        # The layer itself would be a part of this one.
        self._row_of_beginning = None if parts is None else parts.row_of_beginning

    def build(self, *input_shapes: Any) -> None:
        self.scores, self.squares, self.checks = [], [], []
        for n in range(1, self.longest + 1):
            rows = self.words + self._beginnings if n == 1 else self.buckets
            name = "tokens" if n == 1 else f"runs_of_{n}"
            zeros = random_weights("zeros")
            self.scores.append(self.add_weight((rows, self.dim), zeros, name=f"{name}_embeddings"))
            self.squares.append(self.add_weight((rows,), zeros, name=f"{name}_squares"))
            if n > 1:
                self.checks.append(self.add_weight((rows,), zeros, name=f"{name}_checks"))

    def call(self, token_ids, padding_mask):
        rows = [self.token_rows(token_ids, padding_mask)]
        runs = zip(self.run_rows(token_ids, padding_mask), self.checks, strict=True)
        for (row, check, inside), checks in runs:
            same = ops.equal(ops.cast(ops.take(checks, row, axis=0), "int32"), check)
            rows.append((row, inside * ops.cast(same, "int32")))
        found = 0
        for (row, inside), scores, squares in zip(rows, self.scores, self.squares, strict=True):
            inside = ops.cast(inside, "float32")
            weight = ops.sum(ops.take(squares, row, axis=0) * inside, axis=1, keepdims=True)
            total = ops.sum(ops.take(scores, row, axis=0) * inside[:, :, None], axis=1)
            found = found + total * ops.rsqrt(ops.maximum(weight, _LEAST))
        return found

    def token_rows(self, token_ids, padding_mask):
        """The rows of tokens, and 1 at those that count, `(batch, length)` both."""
        unknown = 0
        if self._row_of_beginning is not None:
            unknown = self.words + self._row_of_beginning(token_ids)
        rows = ops.where(token_ids < self.words, token_ids, unknown)
        return rows, ops.cast(padding_mask, "int32")

    def run_rows(self, token_ids, padding_mask):
        """For the runs of each length that begin at a token, their rows, what must stand in
        `checks` there, and 1 where there is a run, `(batch, length)` each."""
        token_ids = ops.where(token_ids < self.words, token_ids, 0)
        rows, checks = (hashed_runs(token_ids, self.longest, n) for n in (self.buckets, _CHECKS))
        whole = inside = ops.cast(padding_mask, "int32")
        found = []
        for k in range(1, self.longest):
            whole = whole * following_ones(inside, k)
            found.append((rows[k], checks[k] + 1, whole))
        return found

    def compute_output_shape(self, input_shape, **shapes):
        return (input_shape[0], self.dim)

    def get_config(self):
        names = ("dim", "buckets", "longest", "words")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
