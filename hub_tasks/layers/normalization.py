"""What follows a block: normalisation, or the little that MobileBERT has in its place."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="hub_tasks")
class Scale(keras.layers.Layer):
    """A scale and an offset for each entry, without normalisation.

    Reference: Sun et al., 2020, https://arxiv.org/abs/2004.02984 ("NoNorm").

    Call arguments:
        x: `(..., dim)`.

    Returns:
        The same shape.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import Scale
    >>> Scale()(np.ones((3, 5, 8), "float32")).shape[-1]
    8
    """

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    def call(self, x):
        gamma = keras.ops.convert_to_tensor(self.gamma, dtype=self.compute_dtype)
        return x * gamma + keras.ops.convert_to_tensor(self.beta, dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


def normalization(kind: str, epsilon: float, **kwargs: Any) -> keras.layers.Layer:
    """A layer that a family names: "layer_norm", "scaled_norm" (no offset) or "scale"."""
    if kind == "scale":
        return Scale(**kwargs)
    return keras.layers.LayerNormalization(epsilon=epsilon, center=kind == "layer_norm", **kwargs)
