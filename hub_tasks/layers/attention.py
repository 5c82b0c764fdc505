"""Multi-head self-attention."""

from typing import Any

import keras
from keras import ops

from hub_tasks.layers.initializers import random_weights


@keras.saving.register_keras_serializable(package="hub_tasks")
class SelfAttention(keras.layers.Layer):
    """Multi-head self-attention with one fused projection to query, key and value.

    Reference: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762.

    Args:
        num_heads: the number of heads; must divide the size of the input.
        dropout: share of attention weights dropped in training.

    Call arguments:
        x: `(batch, length, dim)`.
        padding_mask: `(batch, length)`, true where a key may be attended to; None for all.
        relation: what is added to the scores, `(1, num_heads, length, length)`; None for
            nothing.

    Returns:
        `(batch, length, dim)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import SelfAttention
    >>> SelfAttention(num_heads=2)(np.zeros((3, 5, 8), "float32")).shape[-1]
    8
    """

    def __init__(self, num_heads: int, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.dropout = dropout

    def build(self, input_shape):
        dim = input_shape[-1]
        if dim % self.num_heads:
            raise ValueError(
                f"The input size must be a multiple of `num_heads`. "
                f"Received: size={dim}, num_heads={self.num_heads}"
            )
        self.head_dim = dim // self.num_heads
        self.query_key_value = keras.layers.Dense(
            3 * dim,
            kernel_initializer=random_weights(),
            dtype=self.dtype_policy,
            name="query_key_value",
        )
        self.query_key_value.build(input_shape)
        self.output_dense = keras.layers.Dense(
            dim, kernel_initializer=random_weights(), dtype=self.dtype_policy, name="output"
        )
        self.output_dense.build(input_shape)
        self.attention_dropout = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy)

    def call(self, x, padding_mask=None, relation=None, training=False):
        batch, length = ops.shape(x)[0], ops.shape(x)[1]
        # With one axis of tokens XLA need transpose nothing for the gradients of the kernels.
        projected = self.query_key_value(ops.reshape(x, (-1, x.shape[-1])))
        heads = ops.reshape(projected, (batch, length, 3, self.num_heads, self.head_dim))
        query, key, value = heads[:, :, 0], heads[:, :, 1], heads[:, :, 2]
        bias, scale = self._relate(query, key, relation, training)
        joined = attend(
            query, key, value, key_mask(padding_mask), self.attention_dropout, training, bias, scale
        )
        output = self.output_dense(ops.reshape(joined, (-1, x.shape[-1])))
        return ops.reshape(output, (batch, length, x.shape[-1]))

    def _relate(self, query, key, relation, training):
        """What is added to the scores, and what these are multiplied by before."""
        return relation, self.head_dim**-0.5

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads, "dropout": self.dropout}


def key_mask(padding_mask: Any) -> Any:
    """A mask of tokens, `(batch, length)` -> of scores, `(batch, 1, 1, length)`, boolean."""
    return None if padding_mask is None else ops.cast(padding_mask[:, None, None, :], "bool")


def attend(
    query: Any,
    key: Any,
    value: Any,
    mask: Any,
    dropout: keras.layers.Layer,
    training: bool,
    bias: Any = None,
    scale: float | None = None,
) -> Any:
    """The values that the queries see, `(batch, length, heads, dim)` as these three.

    Args:
        query, key, value: `(batch, length, heads, dim)`.
        mask: `(batch or 1, 1, length or 1, length)`, true where a key is seen; None for all.
        dropout: applied to the weights in training.
        bias: added to the scores, `(batch or 1, heads, length, length)`.
        scale: of the scores; by default one over the root of `dim`.
    """
    scale = scale or query.shape[-1] ** -0.5
    lowest = -3e4 if keras.backend.standardize_dtype(query.dtype) == "float16" else -1e9
    # Fused attention drops no weights, and JAX's does not run in float16 on processors.
    if (training and dropout.rate) or lowest == -3e4:
        scores = ops.einsum("bqhd,bkhd->bhqk", query * scale, key)
        scores = scores if bias is None else scores + bias
        if mask is not None:
            scores = ops.where(mask, scores, ops.cast(lowest, scores.dtype))
        weights = dropout(ops.softmax(scores), training=training)
        return ops.einsum("bhqk,bkhd->bqhd", weights, value)
    if bias is None:
        return _attend_fused(query, key, value, mask, scale)
    if mask is not None:
        bias = ops.where(mask, bias, ops.cast(lowest, bias.dtype))
    return ops.dot_product_attention(query, key, value, bias=bias, scale=scale)


def _attend_fused(query, key, value, mask, scale):
    """The backend's own attention, without a mask where it hides nothing.

    Only on TensorFlow does a mask cost time, a tenth of a layer at 512 tokens; JAX is no
    faster without, and PyTorch would have to wait for the device to look at it.
    """

    def attend(mask):
        return ops.dot_product_attention(query, key, value, mask=mask, scale=scale)

    if mask is None or keras.backend.backend() != "tensorflow":
        return attend(mask)
    return ops.cond(ops.all(mask), lambda: attend(None), lambda: attend(mask))
