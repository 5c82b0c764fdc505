"""Vectors of the beginnings and endings of words."""

from collections.abc import Sequence
from math import sqrt

import keras
import numpy as np
from keras import ops

from hub_tasks.layers.initializers import random_weights
from hub_tasks.layers.table import VectorTable

BEGINNINGS, ENDINGS = (2, 3, 4, 5), (2, 3)  # characters
PARTS = len(BEGINNINGS) + len(ENDINGS)


@keras.saving.register_keras_serializable(package="hub_tasks")
class WordParts(keras.layers.Layer):
    """What a word's beginnings and endings add up to, which words of one stem or form share.

    A part is the first 2, 3, 4 or 5 characters, the whole word among them, or the last 2 or 3
    of a longer word. Which parts a token has is read off the vocabulary by `read`; before that
    it has none. They are numbered as they come in it: where there are more than rows, those of
    rare words share rows. Vectors of parts in place of all n-grams of characters are after
    Bojanowski et al., 2016, https://arxiv.org/abs/1607.04606.

    Args:
        buckets: rows of the table.
        dim: the size of a vector.
        words: how many tokens there are. An id from `words` on is an unknown word: `words * n`
            more than the id of one whose first `n` beginnings it has.
        unknown: the id of the unknown token.

    Attributes:
        rows: token -> the rows of its parts, 0 for none; made from the vocabulary, not learnt.
        scale: what their sum is multiplied with, to be about as large as one vector.

    Call arguments:
        token_ids: `(batch, length)`, int32.

    Returns:
        `(batch, length, dim)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import WordParts
    >>> parts = WordParts(100, 8, words=3)
    >>> parts.build((None, None))
    >>> parts.read(["[PAD]", "card", "cards"])
    >>> parts(np.array([[1, 2, 1]], "int32")).shape[-1]
    8
    """

    scale = 1 / sqrt(PARTS)

    def __init__(self, buckets: int, dim: int, words: int, unknown: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.buckets, self.dim = buckets, dim
        self.words, self.unknown = words, unknown
        self.table = VectorTable(
            buckets + 1, dim, embeddings_initializer=random_weights("uniform"), name="table"
        )

    def build(self, input_shape):
        self.table.build(input_shape)
        self.rows = self.add_weight(
            (self.words, PARTS), initializer="zeros", dtype="int32", trainable=False, name="rows"
        )

    def read(self, vocabulary: Sequence[str], without: Sequence[str] = ()) -> None:
        """Learns which parts the tokens have.

        Args:
            vocabulary: the tokens in the order of their ids.
            without: those that are no words.
        """
        rows = np.zeros(self.rows.shape, "int32")
        numbers: dict[str, int] = {}
        for i, word in enumerate(vocabulary):
            if word not in without:
                for k, part in enumerate(parts_of(word)):
                    if part:
                        rows[i, k] = self._row(numbers.setdefault(part, len(numbers)))
        self.rows.assign(rows)

    def _row(self, number: int) -> int:
        """The row of a part; one too many has that of a late part, which is in rare words too."""
        return 1 + (number if number < self.buckets else self.buckets - 1 - number % self.buckets)

    def call(self, token_ids):
        if not shapes_may_vary():
            return self.sums(token_ids)
        distinct, places = distinct_ids(token_ids)
        return ops.take(self.sums(distinct), places, axis=0)

    def sums(self, token_ids):
        """What the parts of tokens add up to, `(..., dim)` for ids `(...,)`."""
        return self.table.sums(self.rows_of(token_ids)) * self.scale

    def known(self, token_ids):
        """Ids with that of the unknown token for unknown words."""
        return ops.where(token_ids < self.words, token_ids, self.unknown)

    def row_of_beginning(self, token_ids):
        """The row of the longest known beginning of unknown words, 0 for known ones."""
        shared = token_ids // self.words
        places = token_ids % self.words * PARTS + ops.maximum(shared - 1, 0)
        return ops.take(ops.reshape(self.rows, (-1,)), places) * ops.cast(shared > 0, "int32")

    def rows_of(self, token_ids):
        """The rows of the parts, `(..., parts)`, 0 where there is none."""
        shared = token_ids[..., None] // self.words  # the known beginnings of an unknown word
        rows = ops.take(self.rows, token_ids % self.words, axis=0)
        return rows * ops.cast((shared == 0) | (shared > ops.arange(PARTS)), rows.dtype)

    def compute_output_shape(self, input_shape, **shapes):
        return (*input_shape, self.dim)

    def get_config(self):
        names = ("buckets", "dim", "words", "unknown")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="hub_tasks")
class PartRows(keras.layers.Layer):
    """The rows of the parts of tokens, or of runs of them, as a layer.

    Args:
        parts: the layer whose rows they are.
        number: how many rows it has for a token.

    Call arguments:
        token_ids: `(batch, length)`, int32.

    Returns:
        `(batch, length, parts)`, int32, 0 where there is none.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import PartRows, WordParts
    >>> parts = WordParts(100, 8, words=3)
    >>> parts.build((None, None))
    >>> parts.read(["[PAD]", "card", "cards"])
    >>> PartRows(parts, 6)(np.array([[1]], "int32"))[0, 0].tolist()
    [1, 2, 3, 0, 4, 5]
    """

    def __init__(self, parts: keras.layers.Layer, number: int, **kwargs):
        super().__init__(**kwargs)
        self.number = number
        self._rows_of = parts.rows_of  # the layer itself would be a part of this one

    def call(self, token_ids):
        return self._rows_of(token_ids)

    def compute_output_spec(self, token_ids):
        return keras.KerasTensor((*token_ids.shape, self.number), dtype="int32")


def distinct_ids(ids):
    """The distinct ones of some ids, and the place of each id among them."""
    if keras.backend.backend() == "torch":
        import torch

        return torch.unique(ids, return_inverse=True)
    return ops.unique(ids, sorted=False, return_inverse=True)


def shapes_may_vary() -> bool:
    """Whether the shape of a result may depend on values: not on a GPU with TensorFlow, where
    Keras compiles with XLA by default."""
    if keras.backend.backend() == "tensorflow":  # `ops.unique` came with Keras 3.15
        return hasattr(ops, "unique") and not keras.distribution.list_devices("gpu")
    return keras.backend.backend() == "torch"


def parts_of(word: str) -> list[str]:
    """The beginnings and endings of a word, marked as such; "" for one that it lacks."""
    beginnings = [f"<{word[:n]}" if len(word) >= n else "" for n in BEGINNINGS]
    return beginnings + [f"{word[-n:]}>" if len(word) > n else "" for n in ENDINGS]
