"""ELECTRA: BERT trained to tell real tokens from made up ones, with narrow embeddings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hub_tasks.families._family import (
    BERT_TOKENS,
    TINY,
    Encoder,
    Family,
    Field,
    Head,
    base_fields,
    segments_field,
)
from hub_tasks.families._weights import bert_layers, dense, embedding, norm

_FIELDS = base_fields("gelu_approximate")


def _narrow(config: Mapping[str, Any], at: Mapping[str, Any]) -> bool:
    return config["embedding_dim"] != config["hidden_dim"]


FAMILY = Family(
    name="electra",
    prefix="Electra",
    title="ELECTRA",
    paper="Clark et al., 2020, https://arxiv.org/abs/2003.10555",
    tokenizer="wordpiece",
    base="electra.",
    architecture="ElectraForSequenceClassification",
    special_tokens=BERT_TOKENS,
    config=(
        replace(_FIELDS[0], keras="vocab_size"),
        *_FIELDS[1:],
        Field("embedding_dim", "embedding_size", 1, 65_536, transformers_default=128),
        segments_field(),
    ),
    fixed={"position_embedding_type": ("absolute", None)},
    encoder=Encoder(projection="if_narrower"),
    classifier=Head(activation="gelu", input_dropout=True),
    layers=(
        embedding("token_embedding", "embeddings.word_embeddings", "reversible_embedding"),
        embedding("position_embedding", "embeddings.position_embeddings", "position_embedding"),
        embedding("segment_embedding", "embeddings.token_type_embeddings", "embedding"),
        norm("embeddings_layer_norm", "embeddings.LayerNorm", "layer_normalization"),
        replace(dense("embeddings_projection", "embeddings_project", "dense"), when=_narrow),
        *bert_layers(),
    ),
    head=(
        dense("pooled_dense", "classifier.dense"),
        dense("logits", "classifier.out_proj"),
    ),
    ignored=(
        "discriminator_predictions.",
        "generator_predictions.",
        "generator_lm_head.",
        "embeddings.position_ids",
    ),
    keras_hub=("Backbone", "Tokenizer"),
    keras_unused=(
        replace(dense("pooled_dense", "", "dense_1"), when=_narrow),
        replace(dense("pooled_dense", "", "dense"), when=lambda c, at: not _narrow(c, at)),
    ),
    tiny={**TINY, "embedding_dim": 6},
)
