"""What becomes of the vectors of tokens before the first layer: positions, neighbours."""

import keras
from keras import ops

from hub_tasks.layers.initializers import random_weights


@keras.saving.register_keras_serializable(package="hub_tasks")
class PositionEmbedding(keras.layers.Layer):
    """A learned vector for each position, counted from 0.

    Args:
        max_length: the number of positions.
        offset: rows of the table before that of position 0, which are not used.

    Call arguments:
        x: `(batch, length, dim)`, of which only the shape matters; length at most
            `max_length`.

    Returns:
        `(1, length, dim)`, to be added to `x`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import PositionEmbedding
    >>> PositionEmbedding(16)(np.zeros((3, 5, 8), "float32")).shape[1]
    5
    """

    def __init__(self, max_length: int, offset: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.max_length = max_length
        self.offset = offset

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            shape=(self.offset + self.max_length, input_shape[-1]),
            initializer=random_weights(),
            name="embeddings",
        )

    def call(self, x):
        table = ops.convert_to_tensor(self.embeddings, dtype=self.compute_dtype)
        return table[None, self.offset : self.offset + ops.shape(x)[1]]

    def compute_output_shape(self, input_shape):
        return (1, *input_shape[1:])

    def get_config(self):
        return {**super().get_config(), "max_length": self.max_length, "offset": self.offset}


@keras.saving.register_keras_serializable(package="hub_tasks")
class Trigrams(keras.layers.Layer):
    """Joins the vector of each token with those of its neighbours, the next one first.

    There are zeros beyond either end. Reference: Sun et al., 2020,
    https://arxiv.org/abs/2004.02984.

    Call arguments:
        x: `(batch, length, dim)`.

    Returns:
        `(batch, length, 3 * dim)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import Trigrams
    >>> Trigrams()(np.zeros((3, 5, 8), "float32")).shape[-1]
    24
    """

    def call(self, x):
        following = ops.pad(x[:, 1:], ((0, 0), (0, 1), (0, 0)))
        previous = ops.pad(x[:, :-1], ((0, 0), (1, 0), (0, 0)))
        return ops.concatenate([following, x, previous], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3 * input_shape[-1])
