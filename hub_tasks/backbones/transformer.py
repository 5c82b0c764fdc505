"""The transformer encoder: the only one, of which every family is a configuration."""

from collections.abc import Mapping
from typing import Any

import keras

from hub_tasks.backbones.backbone import Backbone
from hub_tasks.backbones.precision import auto_dtype
from hub_tasks.families import Encoder
from hub_tasks.layers import (
    BLOCKS,
    RELATIONS,
    PositionEmbedding,
    Trigrams,
    normalization,
    random_weights,
)


class TransformerBackbone(Backbone):
    """A bidirectional transformer encoder.

    Args:
        dtype: a Keras dtype or dtype policy, or "auto", see `auto_dtype`.
        name, trainable: as in Keras.
        **config: the sizes of the encoder; the family says which there are.

    Inputs:
        A dict of `token_ids`, `padding_mask` (1 at real tokens) and, where the family has
        them, `segment_ids`, each `(batch, length)`, int32.

    Outputs:
        A dict of `sequence_output`, `(batch, length, hidden_dim)`, and `pooled_output`,
        `(batch, hidden_dim)`: a dense layer over the first token where the family has one,
        else that token as it is.
    """

    def __init__(
        self, *, dtype: Any = None, name: str | None = None, trainable: bool = True, **config: Any
    ):
        config, encoder = self.family.complete(config), self.family.encoder
        if dtype == "auto":
            dtype = auto_dtype(
                config["hidden_dim"], config["intermediate_dim"], config["num_heads"]
            )
        inputs = {key: keras.Input((None,), dtype="int32", name=key) for key in encoder.inputs}
        x = _embed(inputs, encoder, config, dtype)
        common = {"padding_mask": inputs["padding_mask"]}
        if encoder.relation:
            relation = RELATIONS[encoder.relation].of(config, dtype=dtype, name="relation")
            common["relation"] = relation(x)
        for block in _blocks(BLOCKS[encoder.block], config, dtype):
            x = block(x, **common)
        if encoder.final_norm:
            x = _norm(encoder, config, dtype, "final_norm")(x)
        pooled = x[:, 0]
        if encoder.pooler and config.get("pooler", True):
            pooled = _dense(x.shape[-1], dtype, "pooled_dense", "tanh")(pooled)
        outputs = {"sequence_output": x, "pooled_output": pooled}
        super().__init__(inputs, outputs, name=name, trainable=trainable)
        self.dtype_policy = keras.dtype_policies.get(dtype)
        self.config = config


def _embed(
    inputs: Mapping[str, Any], encoder: Encoder, config: Mapping[str, Any], dtype: Any
) -> Any:
    """Vectors of tokens, with what the family adds to them, normalised."""
    token_ids, mask = inputs["token_ids"], inputs["padding_mask"][:, :, None]
    dim = config.get("embedding_dim", config["hidden_dim"])
    x = _table(config["vocabulary_size"], dim, dtype, "token_embedding")(token_ids)
    if encoder.projection == "before":
        # Zeros in place of padding, so that a text's end does not depend on what follows it.
        x = Trigrams(dtype=dtype)(x * keras.ops.cast(mask, x.dtype))
        dim = config["hidden_dim"]
        x = _dense(dim, dtype, "embeddings_projection")(x)
    if encoder.positions:
        x += PositionEmbedding(
            config["max_sequence_length"],
            encoder.position_offset,
            dtype=dtype,
            name="position_embedding",
        )(x)
    if encoder.segments:
        segments = inputs.get("segment_ids", keras.ops.zeros_like(token_ids))
        x += _table(config["num_segments"], dim, dtype, "segment_embedding")(segments)
    x = _norm(encoder, config, dtype, "embeddings_layer_norm")(x)
    if encoder.masked:
        x *= keras.ops.cast(mask, x.dtype)
    x = keras.layers.Dropout(config["dropout"], dtype=dtype, name="embeddings_dropout")(x)
    wide = dim == config["hidden_dim"]
    if encoder.projection == "after" or (encoder.projection == "if_narrower" and not wide):
        x = _dense(config["hidden_dim"], dtype, "embeddings_projection")(x)
    return x


def _blocks(kind: Any, config: Mapping[str, Any], dtype: Any) -> list[keras.layers.Layer]:
    """The layers in the order in which they are applied, one several times where shared."""
    if "num_groups" not in config:
        return [
            kind.of(config, i, dtype=dtype, name=f"transformer_layer_{i}")
            for i in range(config["num_layers"])
        ]
    repeats = config["num_layers"] // config["num_groups"]
    order = []
    for group in range(config["num_groups"]):
        order += repeats * [
            kind.of(config, j, dtype=dtype, name=f"group_{group}_layer_{j}")
            for j in range(config["num_inner_repetitions"])
        ]
    return order


def _table(rows: int, dim: int, dtype: Any, name: str) -> keras.layers.Embedding:
    return keras.layers.Embedding(
        rows, dim, embeddings_initializer=random_weights(), dtype=dtype, name=name
    )


def _dense(units: int, dtype: Any, name: str, activation: str | None = None) -> keras.layers.Dense:
    return keras.layers.Dense(
        units, activation, kernel_initializer=random_weights(), dtype=dtype, name=name
    )


def _norm(encoder: Encoder, config: Mapping[str, Any], dtype: Any, name: str) -> keras.layers.Layer:
    kind, epsilon = encoder.embedding_norm, config["layer_norm_epsilon"]
    return normalization(kind, epsilon, dtype=dtype, name=name)
