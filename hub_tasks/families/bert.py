"""BERT: the post-norm transformer encoder with learned positions and segments."""

from hub_tasks.families._family import (
    BERT_TOKENS,
    TINY,
    Encoder,
    Family,
    base_fields,
    segments_field,
)
from hub_tasks.families._weights import bert_layers, dense, embedding, norm

FAMILY = Family(
    name="bert",
    prefix="Bert",
    title="BERT",
    paper="Devlin et al., 2018, https://arxiv.org/abs/1810.04805",
    tokenizer="wordpiece",
    base="bert.",
    architecture="BertForSequenceClassification",
    special_tokens=BERT_TOKENS,
    config=(*base_fields("gelu_approximate"), segments_field()),
    fixed={"position_embedding_type": ("absolute", None)},
    encoder=Encoder(pooler=True),
    layers=(
        embedding("token_embedding", "embeddings.word_embeddings", "reversible_embedding"),
        embedding("position_embedding", "embeddings.position_embeddings", "position_embedding"),
        embedding("segment_embedding", "embeddings.token_type_embeddings", "embedding"),
        norm("embeddings_layer_norm", "embeddings.LayerNorm", "layer_normalization"),
        *bert_layers(),
        dense("pooled_dense", "pooler.dense", "dense"),
    ),
    head=(dense("logits", "classifier", "dense"),),
    renamed={".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"},
    ignored=("cls.", "embeddings.position_ids"),
    optional=("pooled_dense",),
    tiny=TINY,
)
