"""MPNet: RoBERTa's encoder with a bias for the distance of tokens, over WordPiece."""

from hub_tasks.families._family import (
    ROBERTA_TOKENS,
    TINY,
    Encoder,
    Family,
    Field,
    Head,
    base_fields,
)
from hub_tasks.families._weights import bert_layers, dense, embedding, norm

FAMILY = Family(
    name="mpnet",
    prefix="MPNet",
    title="MPNet",
    paper="Song et al., 2020, https://arxiv.org/abs/2004.09297",
    tokenizer="wordpiece",
    base="mpnet.",
    architecture="MPNetForSequenceClassification",
    special_tokens={**ROBERTA_TOKENS, "unknown": "[UNK]"},
    config=(
        *base_fields(offset=2),
        Field("num_buckets", "relative_attention_num_buckets", 32, 1024, default=32),
    ),
    encoder=Encoder(position_offset=2, segments=False, relation="bias"),
    classifier=Head(activation="tanh", input_dropout=True),
    layers=(
        embedding("token_embedding", "embeddings.word_embeddings"),
        embedding("position_embedding", "embeddings.position_embeddings"),
        norm("embeddings_layer_norm", "embeddings.LayerNorm"),
        embedding("relation", "encoder.relative_attention_bias"),
        *bert_layers(
            query_key_value="attention.attn.{p}",
            attention_output="attention.attn.o",
            attention_layer_norm="attention.LayerNorm",
        ),
    ),
    head=(dense("pooled_dense", "classifier.dense"), dense("logits", "classifier.out_proj")),
    dropout="hidden_dropout_prob",
    ignored=("lm_head.", "pooler.", "embeddings.position_ids"),
    keras_hub=(),
    pairs="two_ends",
    tiny=TINY,
)
