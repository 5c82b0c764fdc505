"""ModernBERT: pre-norm layers with rotary positions, gates, and mostly local attention."""

from dataclasses import replace

from hub_tasks.families._family import BERT_TOKENS, TINY, Encoder, Family, Field, Head, base_fields
from hub_tasks.families._weights import dense, embedding, in_each_layer, kernel, scale

_GLOBAL = ("layer_types", "full_attention")  # how transformers 5 says which layers are global
_BIASES = ("attention_bias", "mlp_bias", "norm_bias", "classifier_bias")


def _theta(ours: str, transformers: str, default: float, kind: str) -> Field:
    return Field(
        ours, transformers, 1.0, 1e12, default, path=("rope_parameters", kind, "rope_theta")
    )


FAMILY = Family(
    name="modernbert",
    prefix="ModernBert",
    title="ModernBERT",
    paper="Warner et al., 2024, https://arxiv.org/abs/2412.13663",
    tokenizer="byte_pair",
    base="model.",
    architecture="ModernBertForSequenceClassification",
    special_tokens=BERT_TOKENS,
    config=(
        *base_fields(
            epsilon=1e-5,
            positions=8192,
            dropout_rate=0.0,
            dropout="mlp_dropout",
            activation="hidden_activation",
            layer_norm_epsilon="norm_eps",
        ),
        Field("global_interval", "global_attn_every_n_layers", 1, 512, 3, spacing=_GLOBAL),
        Field("local_window", "local_attention", 2, 1_048_576, 128),
        _theta("global_theta", "global_rope_theta", 160_000.0, "full_attention"),
        _theta("local_theta", "local_rope_theta", 10_000.0, "sliding_attention"),
    ),
    fixed=dict.fromkeys(_BIASES, (False, None)) | {"classifier_activation": ("gelu", None)},
    encoder=Encoder(
        positions=False,
        segments=False,
        embedding_norm="scaled_norm",
        block="rotary",
        final_norm=True,
    ),
    classifier=Head(activation="gelu", bias=False, norm=True),
    layers=(
        embedding("token_embedding", "embeddings.tok_embeddings"),
        scale("embeddings_layer_norm", "embeddings.norm"),
        *in_each_layer(
            "layers.{i}.",
            "",
            replace(scale("attention_norm", "attn_norm"), when=lambda c, at: at["i"] > 0),
            kernel("query_key_value", "attn.Wqkv"),
            kernel("attention_output", "attn.Wo"),
            scale("feed_forward_norm", "mlp_norm"),
            kernel("intermediate", "mlp.Wi"),
            kernel("output", "mlp.Wo"),
        ),
        scale("final_norm", "final_norm"),
    ),
    head=(
        kernel("pooled_dense", "head.dense"),
        scale("pooled_norm", "head.norm"),
        dense("logits", "classifier"),
    ),
    attention_dropout="attention_dropout",
    head_dropout=0.0,
    pooling="classifier_pooling",
    ignored=("decoder.",),
    keras_hub=(),
    pairs="one_end",
    tiny={**TINY, "num_layers": 4, "local_window": 4},
)
