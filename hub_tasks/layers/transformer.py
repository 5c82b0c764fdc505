"""One layer of a transformer encoder."""

from typing import ClassVar

import keras

from hub_tasks.layers.attention import SelfAttention
from hub_tasks.layers.feed_forward import FeedForward
from hub_tasks.layers.mechanisms import BLOCKS


@keras.saving.register_keras_serializable(package="hub_tasks")
class TransformerLayer(keras.layers.Layer):
    """Self-attention and feed-forward, each added to its input and normalised after.

    Reference: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762.

    Args:
        num_heads: the number of attention heads.
        intermediate_dim: the inner size of the feed-forward block.
        activation: of the feed-forward block, see `hub_tasks.layers.FeedForward`.
        dropout: share dropped from attention weights and from both blocks' outputs.
        layer_norm_epsilon: added to the variance.

    Call arguments:
        x: `(batch, length, dim)`.
        padding_mask: `(batch, length)`, true at real tokens.
        relation: what attention is told of the distance of tokens; None for nothing.

    Returns:
        `(batch, length, dim)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import TransformerLayer
    >>> TransformerLayer(num_heads=2, intermediate_dim=16)(np.zeros((3, 5, 8), "float32")).shape[-1]
    8
    """

    attention_class: ClassVar[type[SelfAttention]] = SelfAttention

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        activation: str = "gelu",
        dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-12,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.activation = activation
        self.dropout = dropout
        self.layer_norm_epsilon = layer_norm_epsilon

    @classmethod
    def of(cls, config, index, **kwargs):
        """Layer `index` of an encoder of this configuration."""
        entries = ("num_heads", "intermediate_dim", "activation", "dropout", "layer_norm_epsilon")
        return cls(*(config[entry] for entry in entries), **kwargs)

    def build(self, input_shape):
        policy = self.dtype_policy

        def norm(name):
            layer = keras.layers.LayerNormalization(
                epsilon=self.layer_norm_epsilon, dtype=policy, name=name
            )
            layer.build(input_shape)
            return layer

        self.attention = self.attention_class(
            self.num_heads, self.dropout, dtype=policy, name="attention"
        )
        self.attention.build(input_shape)
        self.attention_layer_norm = norm("attention_layer_norm")
        self.feed_forward = FeedForward(
            self.intermediate_dim, self.activation, dtype=policy, name="feed_forward"
        )
        self.feed_forward.build(input_shape)
        self.feed_forward_layer_norm = norm("feed_forward_layer_norm")
        self.output_dropout = keras.layers.Dropout(self.dropout, dtype=policy)

    def call(self, x, padding_mask=None, relation=None, training=False):
        attended = self.attention(
            x, padding_mask=padding_mask, relation=relation, training=training
        )
        x = self.attention_layer_norm(x + self.output_dropout(attended, training=training))
        fed = self.feed_forward(x)
        return self.feed_forward_layer_norm(x + self.output_dropout(fed, training=training))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "activation": self.activation,
            "dropout": self.dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
        }


BLOCKS.register("post_norm", TransformerLayer)
