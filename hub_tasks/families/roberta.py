"""RoBERTa: BERT without segments, whose positions begin at 2, over byte-level BPE."""

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

_EMBEDDINGS = "token_and_position_embedding"

FAMILY = Family(
    name="roberta",
    prefix="Roberta",
    title="RoBERTa",
    paper="Liu et al., 2019, https://arxiv.org/abs/1907.11692",
    tokenizer="byte_pair",
    base="roberta.",
    architecture="RobertaForSequenceClassification",
    special_tokens=ROBERTA_TOKENS,
    config=(
        *base_fields(epsilon=1e-5, offset=2),
        Field("num_segments", "type_vocab_size", 1, 65_536, default=1, keras=None),
    ),
    fixed={"position_embedding_type": ("absolute", None), "pad_token_id": (1, None)},
    encoder=Encoder(position_offset=2, segments="first"),
    classifier=Head(activation="tanh", input_dropout=True),
    layers=(
        embedding(
            "token_embedding", "embeddings.word_embeddings", f"{_EMBEDDINGS}/token_embedding"
        ),
        embedding("position_embedding", "embeddings.position_embeddings"),
        embedding("segment_embedding", "embeddings.token_type_embeddings"),
        norm("embeddings_layer_norm", "embeddings.LayerNorm", "layer_normalization"),
        *bert_layers(),
    ),
    keras_positions=f"{_EMBEDDINGS}/position_embedding",
    head=(
        dense("pooled_dense", "classifier.dense", "dense"),
        dense("logits", "classifier.out_proj", "dense_1"),
    ),
    ignored=("lm_head.", "pooler.", "embeddings.position_ids"),
    pairs="two_ends",
    tiny=TINY,
)
