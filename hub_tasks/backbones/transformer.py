"""The transformer encoder: the only one, of which every family is a configuration."""

from typing import Any

import keras

from hub_tasks.backbones.backbone import Backbone
from hub_tasks.backbones.precision import auto_dtype
from hub_tasks.layers import PositionEmbedding, TransformerLayer, random_weights


class TransformerBackbone(Backbone):
    """A bidirectional transformer encoder with absolute positions and segments.

    Args:
        vocabulary_size: the number of tokens.
        num_layers: the number of transformer layers.
        num_heads: attention heads per layer; must divide `hidden_dim`.
        hidden_dim: the size of hidden states.
        intermediate_dim: the inner size of the feed-forward blocks.
        dropout: share dropped in training.
        max_sequence_length: the number of positions.
        num_segments: the number of segment ids.
        activation: of the feed-forward blocks.
        layer_norm_epsilon: added to the variance in layer normalisation.
        dtype: a Keras dtype or dtype policy, or "auto", see `auto_dtype`.
        name, trainable: as in Keras.

    Inputs:
        A dict of `token_ids`, `segment_ids` and `padding_mask` (1 at real tokens), each
        `(batch, length)`, int32.

    Outputs:
        A dict of `sequence_output`, `(batch, length, hidden_dim)`, and `pooled_output`,
        `(batch, hidden_dim)`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        num_segments: int = 2,
        activation: str = "gelu_approximate",
        layer_norm_epsilon: float = 1e-12,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ):
        config = {
            "vocabulary_size": vocabulary_size,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "hidden_dim": hidden_dim,
            "intermediate_dim": intermediate_dim,
            "dropout": dropout,
            "max_sequence_length": max_sequence_length,
            "num_segments": num_segments,
            "activation": activation,
            "layer_norm_epsilon": layer_norm_epsilon,
        }
        if dtype == "auto":
            dtype = auto_dtype(hidden_dim, intermediate_dim, num_heads)
        inputs = {
            key: keras.Input((None,), dtype="int32", name=key)
            for key in ("token_ids", "segment_ids", "padding_mask")
        }
        x = _embed(inputs, config, dtype)
        for i in range(num_layers):
            x = TransformerLayer(
                num_heads,
                intermediate_dim,
                activation,
                dropout,
                layer_norm_epsilon,
                dtype=dtype,
                name=f"transformer_layer_{i}",
            )(x, padding_mask=inputs["padding_mask"])
        outputs = {"sequence_output": x, "pooled_output": _pool(x, dtype)}
        super().__init__(inputs, outputs, name=name, trainable=trainable)
        self.dtype_policy = keras.dtype_policies.get(dtype)
        self.config = config


def _embed(inputs: dict[str, Any], config: dict[str, Any], dtype: Any) -> Any:
    """The sum of token, position and segment vectors, normalised."""

    def table(rows: str, name: str) -> keras.layers.Embedding:
        return keras.layers.Embedding(
            config[rows],
            config["hidden_dim"],
            embeddings_initializer=random_weights(),
            dtype=dtype,
            name=name,
        )

    tokens = table("vocabulary_size", "token_embedding")(inputs["token_ids"])
    segments = table("num_segments", "segment_embedding")(inputs["segment_ids"])
    positions = PositionEmbedding(
        config["max_sequence_length"], dtype=dtype, name="position_embedding"
    )(tokens)
    x = keras.layers.LayerNormalization(
        epsilon=config["layer_norm_epsilon"], dtype=dtype, name="embeddings_layer_norm"
    )(tokens + positions + segments)
    return keras.layers.Dropout(config["dropout"], dtype=dtype, name="embeddings_dropout")(x)


def _pool(x: Any, dtype: Any) -> Any:
    """A dense layer with tanh over the first token."""
    return keras.layers.Dense(
        x.shape[-1],
        activation="tanh",
        kernel_initializer=random_weights(),
        dtype=dtype,
        name="pooled_dense",
    )(x[:, 0])
