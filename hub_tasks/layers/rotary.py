"""ModernBERT's layer: normalised before, with rotary positions, gates and local attention."""

import keras
import numpy as np
from keras import ops

from hub_tasks.layers.attention import attend, key_mask
from hub_tasks.layers.feed_forward import ACTIVATIONS
from hub_tasks.layers.initializers import random_weights
from hub_tasks.layers.mechanisms import BLOCKS
from hub_tasks.layers.normalization import normalization


@keras.saving.register_keras_serializable(package="hub_tasks")
class RotaryLayer(keras.layers.Layer):
    """Self-attention and a gated feed-forward block, each normalised before and added after.

    Queries and keys are turned by an angle that grows with their position, so that scores
    depend on distances. No layer has a bias. References: Warner et al., 2024,
    https://arxiv.org/abs/2412.13663; Su et al., 2021, https://arxiv.org/abs/2104.09864;
    Shazeer, 2020, https://arxiv.org/abs/2002.05202.

    Args:
        num_heads: the number of attention heads.
        intermediate_dim: the inner size of the feed-forward block.
        theta: the base of the angles' wave lengths.
        window: how many tokens to either side a token sees; None for all.
        first: whether the input is normalised already, as that of the first layer is.
        activation: of the feed-forward block, see `hub_tasks.layers.FeedForward`.
        dropout: share dropped from attention weights and within the feed-forward block.
        layer_norm_epsilon: added to the variance.

    Call arguments:
        x: `(batch, length, dim)`.
        padding_mask: `(batch, length)`, true at real tokens.

    Returns:
        `(batch, length, dim)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import RotaryLayer
    >>> RotaryLayer(num_heads=2, intermediate_dim=16)(np.zeros((3, 5, 8), "float32")).shape[-1]
    8
    """

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        theta: float = 10_000.0,
        window: int | None = None,
        first: bool = False,
        activation: str = "gelu",
        dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.theta = theta
        self.window = window
        self.first = first
        self.activation = activation
        self.dropout = dropout
        self.layer_norm_epsilon = layer_norm_epsilon

    @classmethod
    def of(cls, config, index, **kwargs):
        """Layer `index` of an encoder of this configuration."""
        local = index % config["global_interval"] > 0
        return cls(
            config["num_heads"],
            config["intermediate_dim"],
            config["local_theta"] if local else config["global_theta"],
            config["local_window"] // 2 if local else None,
            index == 0,
            config["activation"],
            config["dropout"],
            config["layer_norm_epsilon"],
            **kwargs,
        )

    def build(self, input_shape):
        dim, policy = input_shape[-1], self.dtype_policy

        def dense(name, units, size):
            layer = keras.layers.Dense(
                units,
                use_bias=False,
                kernel_initializer=random_weights(),
                dtype=policy,
                name=name,
            )
            layer.build((None, size))
            return layer

        def norm(name):
            layer = normalization("scaled_norm", self.layer_norm_epsilon, dtype=policy, name=name)
            layer.build(input_shape)
            return layer

        self.attention_norm = None if self.first else norm("attention_norm")
        self.query_key_value = dense("query_key_value", 3 * dim, dim)
        self.attention_output = dense("attention_output", dim, dim)
        self.feed_forward_norm = norm("feed_forward_norm")
        self.intermediate = dense("intermediate", 2 * self.intermediate_dim, dim)
        self.output_dense = dense("output", dim, self.intermediate_dim)
        self.attention_dropout = keras.layers.Dropout(self.dropout, dtype=policy)
        self.inner_dropout = keras.layers.Dropout(self.dropout, dtype=policy)

    def call(self, x, padding_mask=None, training=False):
        normed = x if self.attention_norm is None else self.attention_norm(x)
        x = x + self._attend(normed, padding_mask, training)
        tokens = ops.reshape(self.feed_forward_norm(x), (-1, x.shape[-1]))
        inner, gate = ops.split(self.intermediate(tokens), 2, axis=-1)
        inner = self.inner_dropout(ACTIVATIONS[self.activation](inner) * gate, training=training)
        return x + ops.reshape(self.output_dense(inner), ops.shape(x))

    def _attend(self, x, padding_mask, training):
        batch, length, dim = ops.shape(x)[0], ops.shape(x)[1], x.shape[-1]
        heads = self.query_key_value(ops.reshape(x, (-1, dim)))
        heads = ops.reshape(heads, (batch, length, 3, self.num_heads, dim // self.num_heads))
        turned = _turn(heads[:, :, :2], self.theta)
        mask = key_mask(padding_mask)
        if self.window is not None:
            positions = ops.arange(length, dtype="int32")
            near = ops.abs(positions[:, None] - positions[None, :]) <= self.window
            mask = near[None, None] if mask is None else ops.logical_and(mask, near[None, None])
        joined = attend(
            turned[:, :, 0],
            turned[:, :, 1],
            heads[:, :, 2],
            mask,
            self.attention_dropout,
            training,
        )
        output = self.attention_output(ops.reshape(joined, (-1, dim)))
        return ops.reshape(output, (batch, length, dim))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "theta": self.theta,
            "window": self.window,
            "first": self.first,
            "activation": self.activation,
            "dropout": self.dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
        }


def _turn(x, theta):
    """Turns `(batch, length, 2, heads, dim)`, entry i with entry i + dim / 2, in float32."""
    dim, dtype = x.shape[-1], x.dtype
    frequencies = theta ** (-np.arange(0, dim, 2, dtype="float32") / dim)
    positions = ops.cast(ops.arange(ops.shape(x)[1], dtype="int32"), "float32")
    angles = ops.multiply(positions[:, None], frequencies.astype("float32"))
    angles = angles[None, :, None, None, :]
    cosine, sine = ops.cos(angles), ops.sin(angles)
    first, second = ops.split(ops.cast(x, "float32"), 2, axis=-1)
    turned = [first * cosine - second * sine, second * cosine + first * sine]
    return ops.cast(ops.concatenate(turned, axis=-1), dtype)


BLOCKS.register("rotary", RotaryLayer)
