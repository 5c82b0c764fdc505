"""How much two texts share, by their ids alone."""

import keras
from keras import ops

_SKETCH = 1_021  # numbers, a prime


@keras.saving.register_keras_serializable(package="hub_tasks")
class Overlap(keras.layers.Layer):
    """The cosine of two texts' counts of tokens, in which rare ones weigh more.

    Nothing of it is learnt, so that it holds for tokens of which training shows little: it is
    the cosine of TF-IDF, but for weights that follow from a token's place in the vocabulary,
    which is sorted by frequency. By Zipf's law the logarithm of the place grows as that of the
    rarity does. Counts are kept in short vectors with signs, which leave cosines what they are
    but for chance: Charikar et al., 2002, https://doi.org/10.1007/3-540-45465-9_59.

    Args:
        entries: how often the cosine stands in the output. A head that drops half of the
            entries in training would learn not to rely on a single one.

    Call arguments:
        ids: of the tokens, `(batch, length)`, or of several parts of each, `(batch, length, n)`,
            int32. 0 counts for nothing.
        first, second: `(batch, length)`, true at the tokens of each text.

    Returns:
        `(batch, entries)`, all the same, from 0 to 1 but for chance.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import Overlap
    >>> ids = np.array([[7, 9, 2, 9, 7]], "int32")
    >>> first, second = np.array([[1, 1, 0, 0, 0]]), np.array([[0, 0, 0, 1, 1]])
    >>> round(float(Overlap(1)(ids, first, second)[0, 0]), 2)
    1.0
    """

    def __init__(self, entries: int, **kwargs):
        super().__init__(**kwargs)
        self.entries = entries

    def call(self, ids, first, second):
        texts, length = ops.shape(first)
        ids = ops.reshape(ids, (texts, length, -1))
        places = ops.arange(texts, dtype="int32")[:, None, None] * _SKETCH + ids % _SKETCH
        signs = 1 - 2 * ops.cast(ids // _SKETCH % 2, "float32")
        counted = ops.log1p(ops.cast(ids, "float32")) * signs

        def sketch(text):
            values = counted * ops.cast(text, "float32")[:, :, None]
            flat = ops.reshape(values, (-1,)), ops.reshape(places, (-1,))
            sums = ops.reshape(ops.segment_sum(*flat, texts * _SKETCH), (texts, _SKETCH))
            return sums * ops.rsqrt(ops.sum(sums * sums, axis=-1, keepdims=True) + 1e-6)

        cosine = ops.sum(sketch(first) * sketch(second), axis=-1, keepdims=True)
        return ops.cast(ops.repeat(cosine, self.entries, axis=-1), self.compute_dtype)

    def compute_output_shape(self, ids_shape, first_shape, second_shape):
        return (ids_shape[0], self.entries)

    def get_config(self):
        return {**super().get_config(), "entries": self.entries}
