"""ALBERT: BERT whose layers share their weights, with narrow embeddings."""

from hub_tasks.families._family import TINY, Encoder, Family, Field, base_fields, segments_field
from hub_tasks.families._weights import bert_layers, dense, embedding, norm

FAMILY = Family(
    name="albert",
    prefix="Albert",
    title="ALBERT",
    paper="Lan et al., 2019, https://arxiv.org/abs/1909.11942",
    tokenizer="sentencepiece",
    steps=("straight_quotes", "nfkd", "strip_accents", "lowercase", "charsmap"),
    whole_words=True,
    base="albert.",
    architecture="AlbertForSequenceClassification",
    special_tokens={
        "start": "[CLS]",
        "end": "[SEP]",
        "pad": "<pad>",
        "unknown": "<unk>",
        "mask": "[MASK]",
    },
    config=(
        *base_fields("gelu_approximate", dropout_rate=0.0, in_transformers="gelu_approximate"),
        Field("embedding_dim", "embedding_size", 1, 65_536, transformers_default=128),
        Field("num_groups", "num_hidden_groups", 1, 512, default=1),
        Field("num_inner_repetitions", "inner_group_num", 1, 512, default=1),
        segments_field(),
    ),
    fixed={"position_embedding_type": ("absolute", None)},
    encoder=Encoder(projection="after", pooler=True),
    layers=(
        embedding("token_embedding", "embeddings.word_embeddings", "reversible_embedding"),
        embedding("position_embedding", "embeddings.position_embeddings", "position_embedding"),
        embedding("segment_embedding", "embeddings.token_type_embeddings", "embedding"),
        norm("embeddings_layer_norm", "embeddings.LayerNorm", "layer_normalization"),
        dense("embeddings_projection", "encoder.embedding_hidden_mapping_in", "dense"),
        *bert_layers(
            "encoder.albert_layer_groups.{g}.albert_layers.{j}.",
            ours="group_{g}_layer_{j}/",
            query_key_value="attention.{part}",
            attention_output="attention.dense",
            attention_layer_norm="attention.LayerNorm",
            intermediate="ffn",
            output="ffn_output",
            feed_forward_layer_norm="full_layer_layer_norm",
        ),
        dense("pooled_dense", "pooler", "dense_1"),
    ),
    head=(dense("logits", "classifier", "dense"),),
    dropout="classifier_dropout_prob",
    head_dropout=0.1,
    ignored=("predictions.", "sop_classifier.", "embeddings.position_ids"),
    optional=("pooled_dense",),
    tiny={**TINY, "num_layers": 4, "num_groups": 2, "num_inner_repetitions": 2, "embedding_dim": 6},
)
