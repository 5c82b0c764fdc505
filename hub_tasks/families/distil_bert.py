"""DistilBERT: BERT with half the layers, without segments and pooler."""

from hub_tasks.families._family import BERT_TOKENS, TINY, Encoder, Family, Head, base_fields
from hub_tasks.families._weights import bert_layers, dense, embedding, norm

FAMILY = Family(
    name="distil_bert",
    model_type="distilbert",
    prefix="DistilBert",
    title="DistilBERT",
    paper="Sanh et al., 2019, https://arxiv.org/abs/1910.01108",
    tokenizer="wordpiece",
    base="distilbert.",
    architecture="DistilBertForSequenceClassification",
    special_tokens=BERT_TOKENS,
    config=base_fields(
        num_layers="n_layers",
        num_heads="n_heads",
        hidden_dim="dim",
        intermediate_dim="hidden_dim",
        dropout="dropout",
        activation="activation",
    ),
    encoder=Encoder(segments=False),
    classifier=Head(activation="relu"),
    layers=(
        embedding(
            "token_embedding",
            "embeddings.word_embeddings",
            "token_and_position_embedding/token_embedding",
        ),
        embedding(
            "position_embedding",
            "embeddings.position_embeddings",
            "token_and_position_embedding/position_embedding",
        ),
        norm("embeddings_layer_norm", "embeddings.LayerNorm", "layer_normalization"),
        *bert_layers(
            "transformer.layer.{i}.",
            query_key_value="attention.{p}_lin",
            attention_output="attention.out_lin",
            attention_layer_norm="sa_layer_norm",
            intermediate="ffn.lin1",
            output="ffn.lin2",
            feed_forward_layer_norm="output_layer_norm",
        ),
    ),
    head=(
        dense("pooled_dense", "pre_classifier", "dense"),
        dense("logits", "classifier", "dense_1"),
    ),
    attention_dropout="attention_dropout",
    dropout="seq_classif_dropout",
    head_dropout=0.2,
    ignored=("vocab_transform.", "vocab_layer_norm.", "vocab_projector."),
    pairs="one_end",
    tiny=TINY,
)
