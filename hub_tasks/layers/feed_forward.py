"""The position-wise feed-forward block."""

import keras
from keras import ops

from hub_tasks.layers.initializers import random_weights


def gelu_approximate(x):
    """GELU by its tanh approximation (Hendrycks and Gimpel, 2016)."""
    return ops.gelu(x, approximate=True)


def gelu(x):
    """GELU by the error function, exactly."""
    return ops.gelu(x, approximate=False)


ACTIVATIONS = {
    "gelu": gelu,
    "gelu_approximate": gelu_approximate,
    "relu": ops.relu,
    "silu": ops.silu,
}


@keras.saving.register_keras_serializable(package="hub_tasks")
class FeedForward(keras.layers.Layer):
    """Two dense layers with an activation between them, at every position alike.

    Args:
        intermediate_dim: the size between the two layers.
        activation: a name in `ACTIVATIONS`.

    Call arguments:
        x: `(batch, length, dim)`.

    Returns:
        `(batch, length, dim)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import FeedForward
    >>> FeedForward(16, "gelu")(np.zeros((3, 5, 8), "float32")).shape[-1]
    8
    """

    def __init__(self, intermediate_dim: int, activation: str = "gelu", **kwargs):
        super().__init__(**kwargs)
        self.intermediate_dim = intermediate_dim
        self.activation = activation

    def build(self, input_shape):
        def dense(units, name, activation=None):
            return keras.layers.Dense(
                units,
                activation=activation,
                kernel_initializer=random_weights(),
                dtype=self.dtype_policy,
                name=name,
            )

        self.intermediate = dense(
            self.intermediate_dim, "intermediate", ACTIVATIONS[self.activation]
        )
        self.intermediate.build(input_shape)
        self.output_dense = dense(input_shape[-1], "output")
        self.output_dense.build((*input_shape[:-1], self.intermediate_dim))

    def call(self, x):
        # With one axis of tokens XLA need transpose nothing for the gradients of the kernels.
        tokens = ops.reshape(x, (-1, x.shape[-1]))
        return ops.reshape(self.output_dense(self.intermediate(tokens)), ops.shape(x))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "intermediate_dim": self.intermediate_dim,
            "activation": self.activation,
        }
