"""DeBERTa-v3: attention in which contents and distances of tokens meet separately."""

from hub_tasks.families._family import BERT_TOKENS, TINY, Encoder, Family, Field, Head, base_fields
from hub_tasks.families._weights import bert_layers, dense, embedding, norm

FAMILY = Family(
    name="deberta_v3",
    model_type="deberta-v2",
    prefix="DebertaV3",
    title="DeBERTa-v3",
    paper="He et al., 2021, https://arxiv.org/abs/2111.09543",
    tokenizer="sentencepiece",
    steps=("join_white_space", "nfc", "strip_right"),
    base="deberta.",
    architecture="DebertaV2ForSequenceClassification",
    special_tokens=BERT_TOKENS,
    config=(
        *base_fields(epsilon=1e-7),
        Field("bucket_size", "position_buckets", 2, 65_536, default=256),
    ),
    fixed={
        "relative_attention": (True,),
        "position_biased_input": (False,),
        "share_att_key": (True,),
        "norm_rel_ebd": ("layer_norm",),
        "pos_att_type": (["p2c", "c2p"], ["c2p", "p2c"], "p2c|c2p", "c2p|p2c"),
        "type_vocab_size": (0, None),
        "conv_kernel_size": (0, None),
        "max_relative_positions": (-1, None),
        "pooler_hidden_act": ("gelu", None),
    },
    encoder=Encoder(
        positions=False, segments=False, masked=True, block="disentangled", relation="vectors"
    ),
    classifier=Head(activation="gelu"),
    layers=(
        embedding("token_embedding", "embeddings.word_embeddings", "reversible_embedding"),
        norm("embeddings_layer_norm", "embeddings.LayerNorm", "layer_normalization"),
        embedding("relation", "encoder.rel_embeddings", "relative_embedding"),
        norm("relation/layer_norm", "encoder.LayerNorm", "relative_embedding/layer_norm"),
        *bert_layers(disentangled=True, query_key_value="attention.self.{part}_proj"),
    ),
    head=(dense("pooled_dense", "pooler.dense", "dense"), dense("logits", "classifier", "dense_1")),
    dropout="cls_dropout",
    ignored=("lm_predictions.", "mask_predictions.", "cls.", "embeddings.position_ids"),
    tiny={**TINY, "bucket_size": 4},
)
