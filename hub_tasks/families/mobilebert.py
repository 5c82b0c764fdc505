"""MobileBERT: thin layers between bottlenecks, with several feed-forward blocks each."""

from dataclasses import replace

from hub_tasks.families._family import (
    BERT_TOKENS,
    TINY,
    Encoder,
    Family,
    Field,
    base_fields,
    segments_field,
)
from hub_tasks.families._weights import LayerRule, dense, embedding, in_each_layer, norm

FAMILY = Family(
    name="mobilebert",
    prefix="MobileBert",
    title="MobileBERT",
    paper="Sun et al., 2020, https://arxiv.org/abs/2004.02984",
    tokenizer="wordpiece",
    base="mobilebert.",
    architecture="MobileBertForSequenceClassification",
    special_tokens=BERT_TOKENS,
    config=(
        *base_fields("relu", dropout_rate=0.0, in_transformers="relu"),
        Field("embedding_dim", "embedding_size", 1, 65_536, transformers_default=128),
        Field("bottleneck_dim", "intra_bottleneck_size", 1, 65_536, transformers_default=128),
        Field("num_inner_feed_forwards", "num_feedforward_networks", 0, 64, default=3, offset=1),
        Field("pooler", "classifier_activation", default=True, choices={True: True, False: False}),
        segments_field(),
    ),
    fixed={
        "trigram_input": (True, None),
        "use_bottleneck": (True, None),
        "key_query_shared_bottleneck": (True, None),
        "use_bottleneck_attention": (False, None),
        "normalization_type": ("no_norm", None),
    },
    encoder=Encoder(projection="before", embedding_norm="scale", block="bottleneck", pooler=True),
    layers=(
        embedding("token_embedding", "embeddings.word_embeddings"),
        dense("embeddings_projection", "embeddings.embedding_transformation"),
        embedding("position_embedding", "embeddings.position_embeddings"),
        embedding("segment_embedding", "embeddings.token_type_embeddings"),
        norm("embeddings_layer_norm", "embeddings.LayerNorm"),
        *in_each_layer(
            "encoder.layer.{i}.",
            "",
            dense("bottleneck/dense", "bottleneck.input.dense"),
            norm("bottleneck/norm", "bottleneck.input.LayerNorm"),
            dense("attention_bottleneck/dense", "bottleneck.attention.dense"),
            norm("attention_bottleneck/norm", "bottleneck.attention.LayerNorm"),
            LayerRule(
                "query_key", "attention.self.{part}", "", ("kernel", "bias"), ("query", "key")
            ),
            dense("value", "attention.self.value"),
            dense("attention_output", "attention.output.dense"),
            norm("attention_norm", "attention.output.LayerNorm"),
            dense("feed_forward_{k}/intermediate", "ffn.{k}.intermediate.dense"),
            dense("feed_forward_{k}/output", "ffn.{k}.output.dense"),
            norm("feed_forward_{k}_norm", "ffn.{k}.output.LayerNorm"),
            dense("feed_forward/intermediate", "intermediate.dense"),
            dense("feed_forward/output", "output.dense"),
            norm("feed_forward_norm", "output.LayerNorm"),
            dense("output/dense", "output.bottleneck.dense"),
            norm("output/norm", "output.bottleneck.LayerNorm"),
        ),
        replace(dense("pooled_dense", "pooler.dense"), when=lambda c, at: c["pooler"]),
    ),
    head=(dense("logits", "classifier"),),
    ignored=("cls.", "embeddings.position_ids"),
    optional=("pooled_dense",),
    keras_hub=(),
    tiny={**TINY, "embedding_dim": 6, "bottleneck_dim": 4, "num_inner_feed_forwards": 2},
)
