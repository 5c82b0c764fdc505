"""Hidden states of tokens -> one vector for the text, padding left out."""

from typing import Any

import keras
from keras import ops

from hub_tasks.layers.initializers import random_weights


@keras.saving.register_keras_serializable(package="hub_tasks")
class AttentionPooling(keras.layers.Layer):
    """A weighted mean of hidden states, the weights by a learned query.

    Reference: Lin et al., 2017, https://arxiv.org/abs/1703.03130.

    Call arguments:
        x: `(batch, length, dim)`.
        padding_mask: `(batch, length)`, true at real tokens.

    Returns:
        `(batch, dim)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import AttentionPooling
    >>> x = np.zeros((3, 5, 8), "float32")
    >>> AttentionPooling()(x, padding_mask=np.ones((3, 5), "int32")).shape[-1]
    8
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True  # Keras's own, which says what `padding_mask` says

    def compute_mask(self, *inputs, **masks):
        return None

    def build(self, input_shape):
        self.query = self.add_weight(
            shape=(input_shape[-1], 1), initializer=random_weights(), name="kernel"
        )

    def call(self, x, padding_mask):
        scores = ops.matmul(x, ops.convert_to_tensor(self.query, dtype=x.dtype))
        real = ops.cast(padding_mask[:, :, None], "bool")
        scores = ops.where(real, scores, ops.cast(-1e9, x.dtype))
        return ops.sum(x * ops.softmax(scores, axis=1), axis=1)

    def compute_output_shape(self, input_shape, **shapes):
        return (input_shape[0], input_shape[-1])


@keras.saving.register_keras_serializable(package="hub_tasks")
class MaskedPooling(keras.layers.Layer):
    """The mean of hidden states, or the largest value of each entry; zeros without a token.

    Args:
        kind: "mean" or "max".

    Call arguments:
        x: `(batch, length, dim)`.
        padding_mask: `(batch, length)`, true at real tokens.

    Returns:
        `(batch, dim)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import MaskedPooling
    >>> x = np.zeros((3, 5, 8), "float32")
    >>> MaskedPooling("max")(x, padding_mask=np.ones((3, 5), "int32")).shape[-1]
    8
    """

    def __init__(self, kind: str, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind
        self.supports_masking = True  # Keras's own, which says what `padding_mask` says

    def compute_mask(self, *inputs, **masks):
        return None

    def call(self, x, padding_mask, training=False):
        real = ops.cast(padding_mask[:, :, None], "bool")
        if self.kind == "max":
            least = ops.cast(-1e9, x.dtype)
            if training:
                largest = ops.max(ops.where(real, x, least), axis=1)
            else:
                # Adding takes less time. But gradients divide by how many entries equal the
                # largest: none where XLA rounds the sum otherwise, fused with products before it.
                largest = ops.max(x + ops.where(real, ops.zeros_like(least), least), axis=1)
            return ops.where(ops.any(real, axis=1), largest, ops.zeros_like(least))
        weights = ops.cast(real, x.dtype)
        return ops.sum(x * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1)

    def compute_output_shape(self, input_shape, **shapes):
        return (input_shape[0], input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "kind": self.kind}


def pool(kind: str, **kwargs: Any) -> keras.layers.Layer:
    """The layer for "mean", "max" or "attention"."""
    return AttentionPooling(**kwargs) if kind == "attention" else MaskedPooling(kind, **kwargs)


def bag_of_vectors(x: Any, mask: Any, largest: bool = True) -> Any:
    """The mean of a text's vectors and, where wanted, the largest value of each entry."""
    kinds = ("mean", "max") if largest else ("mean",)
    pooled = [MaskedPooling(kind)(x, padding_mask=mask) for kind in kinds]
    return ops.concatenate(pooled, axis=-1) if largest else pooled[0]
