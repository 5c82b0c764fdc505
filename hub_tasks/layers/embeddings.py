"""Embeddings that do not depend on the tokens."""

import keras
from keras import ops

from hub_tasks.layers.initializers import random_weights


@keras.saving.register_keras_serializable(package="hub_tasks")
class PositionEmbedding(keras.layers.Layer):
    """A learned vector for each position, counted from 0.

    Args:
        max_length: the number of positions.

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

    def __init__(self, max_length: int, **kwargs):
        super().__init__(**kwargs)
        self.max_length = max_length

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            shape=(self.max_length, input_shape[-1]),
            initializer=random_weights(),
            name="embeddings",
        )

    def call(self, x):
        table = ops.convert_to_tensor(self.embeddings, dtype=self.compute_dtype)
        return table[None, : ops.shape(x)[1]]

    def compute_output_shape(self, input_shape):
        return (1, *input_shape[1:])

    def get_config(self):
        return {**super().get_config(), "max_length": self.max_length}
