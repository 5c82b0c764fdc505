"""BERT: the post-norm transformer encoder with learned positions and segments."""

from hub_tasks.families._family import ACTIVATIONS, BERT_SPECIAL_TOKENS, Family, Field
from hub_tasks.families._weights import (
    dense,
    embedding,
    fused_heads,
    in_each_layer,
    joined_heads,
    norm,
)

_QKV = "_self_attention_layer/{part}_dense"
_OUT = "_self_attention_layer/output_dense"
_NORM_1, _NORM_2 = "_self_attention_layer_norm", "_feedforward_layer_norm"
_DENSE_1, _DENSE_2 = "_feedforward_intermediate_dense", "_feedforward_output_dense"

FAMILY = Family(
    name="bert",
    prefix="Bert",
    title="BERT",
    paper="Devlin et al., 2018, https://arxiv.org/abs/1810.04805",
    tokenizer="wordpiece",
    base="bert.",
    architecture="BertForSequenceClassification",
    special_tokens=BERT_SPECIAL_TOKENS,
    config=(
        Field("vocabulary_size", "vocab_size", 1, 4_000_000),
        Field("num_layers", "num_hidden_layers", 1, 512),
        Field("num_heads", "num_attention_heads", 1, 512),
        Field("hidden_dim", "hidden_size", 1, 65_536),
        Field("intermediate_dim", "intermediate_size", 1, 1_048_576),
        Field("dropout", "hidden_dropout_prob", 0.0, 0.99, default=0.1),
        Field("max_sequence_length", "max_position_embeddings", 1, 1_048_576, default=512),
        Field("num_segments", "type_vocab_size", 1, 65_536, default=2),
        Field(
            "activation",
            "hidden_act",
            default="gelu_approximate",
            transformers_default="gelu",
            choices=ACTIVATIONS,
            keras=False,
        ),
        Field("layer_norm_epsilon", "layer_norm_eps", 0.0, 0.1, default=1e-12, keras=False),
    ),
    layers=(
        embedding("token_embedding", "embeddings.word_embeddings", "reversible_embedding"),
        embedding("position_embedding", "embeddings.position_embeddings", "position_embedding"),
        embedding("segment_embedding", "embeddings.token_type_embeddings", "embedding"),
        norm("embeddings_layer_norm", "embeddings.LayerNorm", "layer_normalization"),
        *in_each_layer(
            "encoder.layer.{i}.",
            "transformer_encoder{_i}/",
            fused_heads("attention/query_key_value", "attention.self.{part}", _QKV),
            joined_heads("attention/output", "attention.output.dense", _OUT),
            norm("attention_layer_norm", "attention.output.LayerNorm", _NORM_1),
            dense("feed_forward/intermediate", "intermediate.dense", _DENSE_1),
            dense("feed_forward/output", "output.dense", _DENSE_2),
            norm("feed_forward_layer_norm", "output.LayerNorm", _NORM_2),
        ),
        dense("pooled_dense", "pooler.dense", "dense"),
    ),
    head=(dense("logits", "classifier", "dense"),),
    renamed={".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"},
    ignored=("cls.", "embeddings.position_ids"),
    optional=("pooled_dense",),
    tiny={
        "vocabulary_size": 40,
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 8,
        "intermediate_dim": 12,
        "max_sequence_length": 24,
    },
)
