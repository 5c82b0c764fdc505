"""MobileBERT's layer: attention and several feed-forward blocks between bottlenecks."""

import keras
from keras import ops

from hub_tasks.layers.attention import attend, key_mask
from hub_tasks.layers.feed_forward import FeedForward
from hub_tasks.layers.initializers import random_weights
from hub_tasks.layers.mechanisms import BLOCKS
from hub_tasks.layers.normalization import Scale


@keras.saving.register_keras_serializable(package="hub_tasks")
class ScaledDense(keras.layers.Layer):
    """A dense layer, what is added to it, and a `Scale`: the way into a bottleneck or out.

    Args:
        units: the size of the output.
        dropout: share of the dense layer's output dropped in training.

    Call arguments:
        x: `(..., dim)`.
        residual: `(..., units)`, or None.

    Returns:
        `(..., units)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import ScaledDense
    >>> ScaledDense(4)(np.zeros((3, 5, 8), "float32")).shape[-1]
    4
    """

    def __init__(self, units: int, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dropout = dropout

    def build(self, input_shape):
        policy = self.dtype_policy
        self.dense = keras.layers.Dense(
            self.units, kernel_initializer=random_weights(), dtype=policy, name="dense"
        )
        self.dense.build(input_shape)
        self.norm = Scale(dtype=policy, name="norm")
        self.norm.build((*input_shape[:-1], self.units))
        self.output_dropout = keras.layers.Dropout(self.dropout, dtype=policy)

    def call(self, x, residual=None, training=False):
        x = self.output_dropout(self.dense(x), training=training)
        return self.norm(x if residual is None else x + residual)

    def compute_output_shape(self, input_shape, **shapes):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="hub_tasks")
class BottleneckLayer(keras.layers.Layer):
    """Self-attention and feed-forward blocks that are narrower than the hidden states.

    Queries and keys have a bottleneck of their own, values are made of the hidden states.
    Reference: Sun et al., 2020, https://arxiv.org/abs/2004.02984.

    Args:
        num_heads: the number of attention heads.
        intermediate_dim: the inner size of the feed-forward blocks.
        bottleneck_dim: the size between the bottlenecks.
        num_inner_feed_forwards: feed-forward blocks before the last one.
        activation: of the feed-forward blocks, see `hub_tasks.layers.FeedForward`.
        dropout: share dropped from attention weights and from the layer's output.

    Call arguments:
        x: `(batch, length, dim)`.
        padding_mask: `(batch, length)`, true at real tokens.

    Returns:
        `(batch, length, dim)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import BottleneckLayer
    >>> layer = BottleneckLayer(num_heads=2, intermediate_dim=16, bottleneck_dim=4)
    >>> layer(np.zeros((3, 5, 8), "float32")).shape[-1]
    8
    """

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        bottleneck_dim: int = 128,
        num_inner_feed_forwards: int = 3,
        activation: str = "relu",
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.bottleneck_dim = bottleneck_dim
        self.num_inner_feed_forwards = num_inner_feed_forwards
        self.activation = activation
        self.dropout = dropout

    @classmethod
    def of(cls, config, index, **kwargs):
        """Layer `index` of an encoder of this configuration."""
        return cls(
            config["num_heads"],
            config["intermediate_dim"],
            config["bottleneck_dim"],
            config["num_inner_feed_forwards"],
            config["activation"],
            config["dropout"],
            **kwargs,
        )

    def build(self, input_shape):
        policy, narrow = self.dtype_policy, (*input_shape[:-1], self.bottleneck_dim)

        def built(layer, shape):
            layer.build(shape)
            return layer

        def dense(name, units, shape):
            made = keras.layers.Dense(
                units, kernel_initializer=random_weights(), dtype=policy, name=name
            )
            return built(made, shape)

        def feed_forward(name):
            made = FeedForward(self.intermediate_dim, self.activation, dtype=policy, name=name)
            norm = Scale(dtype=policy, name=f"{name}_norm")
            return built(made, narrow), built(norm, narrow)

        def scaled(name, units, shape, dropout=0.0):
            return built(ScaledDense(units, dropout, dtype=policy, name=name), shape)

        dim = self.bottleneck_dim
        self.bottleneck = scaled("bottleneck", dim, input_shape)
        self.attention_bottleneck = scaled("attention_bottleneck", dim, input_shape)
        self.query_key = dense("query_key", 2 * dim, narrow)
        self.value = dense("value", dim, input_shape)
        self.attention_output = dense("attention_output", dim, narrow)
        self.attention_norm = built(Scale(dtype=policy, name="attention_norm"), narrow)
        names = [f"feed_forward_{k}" for k in range(self.num_inner_feed_forwards)]
        self.feed_forwards = [feed_forward(name) for name in (*names, "feed_forward")]
        self.output_bottleneck = scaled("output", input_shape[-1], narrow, self.dropout)
        self.attention_dropout = keras.layers.Dropout(self.dropout, dtype=policy)

    def call(self, x, padding_mask=None, training=False):
        inner = self.attention_norm(
            self._attend(x, padding_mask, training) + self.bottleneck(x, training=training)
        )
        for feed_forward, norm in self.feed_forwards:
            inner = norm(feed_forward(inner) + inner)
        return self.output_bottleneck(inner, residual=x, training=training)

    def _attend(self, x, padding_mask, training):
        head_dim = self.bottleneck_dim // self.num_heads
        shape = (ops.shape(x)[0], ops.shape(x)[1], self.num_heads, head_dim)
        projected = self.query_key(self.attention_bottleneck(x, training=training))
        query, key = (ops.reshape(part, shape) for part in ops.split(projected, 2, axis=-1))
        value = ops.reshape(self.value(x), shape)
        joined = attend(query, key, value, key_mask(padding_mask), self.attention_dropout, training)
        return self.attention_output(ops.reshape(joined, (*shape[:2], self.bottleneck_dim)))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "bottleneck_dim": self.bottleneck_dim,
            "num_inner_feed_forwards": self.num_inner_feed_forwards,
            "activation": self.activation,
            "dropout": self.dropout,
        }


BLOCKS.register("bottleneck", BottleneckLayer)
