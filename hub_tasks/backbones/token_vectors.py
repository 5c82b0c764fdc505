"""Token ids -> the vectors of tokens, of their pairs and of their parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from hub_tasks.backbones.backbone import Backbone
from hub_tasks.layers import (
    PARTS,
    RUNS,
    Frozen,
    HashedBigrams,
    HashedRuns,
    PartRows,
    VectorTable,
    WideScores,
    WordParts,
    random_weights,
)


@dataclass(frozen=True)
class TokenVectors:
    """The vectors that an encoder begins with, each `(batch, length, embedding_dim)`.

    Args:
        tokens: zeros at padding.
        pairs: what is added for a token and the next one; None without such.
        parts: what the beginnings and endings of words add up to, and what runs of characters
            do, where there are such; beside each its rows, `(batch, length, n)`, 0 for none.
        table: the layer that `tokens` come from.
        wide: the scores of a linear model, `(batch, wide_dim)`; None without such.
    """

    tokens: Any
    pairs: Any
    parts: list[tuple[Any, Any]]
    table: keras.layers.Layer
    wide: Any


def token_vectors(
    inputs: Mapping[str, Any], embedding: Backbone | None, config: Mapping[str, Any]
) -> TokenVectors:
    """The vectors that an encoder begins with, with dropout.

    Args:
        inputs: `token_ids` and `padding_mask`.
        embedding: a backbone whose hidden states are the tokens' vectors; None for a table.
        config: of the encoder.
    """
    token_ids, mask, size = inputs["token_ids"], inputs["padding_mask"], config["embedding_dim"]
    said = token_ids  # that a word is unknown, and what it begins with
    of_parts = None
    if config["part_buckets"]:
        of_parts = WordParts(
            config["part_buckets"], size, config["vocabulary_size"], name="word_parts"
        )
        token_ids = of_parts.known(token_ids)
    if embedding is None:
        table = _table(config)
        x = table(token_ids)
    else:
        table = embedding
        zeros = ops.zeros_like(token_ids)
        known = {"token_ids": token_ids, "padding_mask": mask}
        states = table if config["trainable_embedding"] else Frozen(table)
        x = states({key: known.get(key, zeros) for key in table.input})["sequence_output"]
    x = _with_dropout(x, config)
    x *= ops.cast(mask[:, :, None], x.dtype)
    pairs = None
    if config["bigram_buckets"]:
        of_pairs = HashedBigrams(config["bigram_buckets"], x.shape[-1], name="bigrams")
        pairs = keras.layers.SpatialDropout1D(config["embedding_dropout"])(
            of_pairs(token_ids, padding_mask=words_of(token_ids, mask, config))
        )
    parts = []
    if of_parts is not None:
        parts.append((_with_dropout(of_parts(said), config), PartRows(of_parts, PARTS)(said)))
    if config["run_buckets"]:
        sizes = config["run_buckets"], size, config["vocabulary_size"]
        of_runs = HashedRuns(*sizes, name="character_runs")
        rows = PartRows(of_runs, len(RUNS))(token_ids)
        parts.append((_with_dropout(of_runs(token_ids), config), rows))
    wide = None
    if config["wide_dim"]:
        scores = _wide(of_parts, config)(said, padding_mask=words_of(token_ids, mask, config))
        wide = ops.cast(scores, x.dtype)
    return TokenVectors(x, pairs, parts, table, wide)


def _wide(of_parts: WordParts | None, config: Mapping[str, Any]) -> WideScores:
    words = config["vocabulary_size"] - config["ngram_rows"]
    sizes = config["wide_dim"], config["wide_buckets"], config["wide_runs"]
    return WideScores(*sizes, words, of_parts, name="wide")


def _table(config: Mapping[str, Any]) -> VectorTable:
    return VectorTable(
        config["vocabulary_size"],
        config["embedding_dim"],
        embeddings_initializer=random_weights("uniform"),
        name="embedding",
    )


def words_of(token_ids: Any, mask: Any, config: Mapping[str, Any]) -> Any:
    """The mask of tokens that are no n-grams, which come after them."""
    first = config["vocabulary_size"] - config["ngram_rows"]
    return mask * ops.cast(token_ids < first, mask.dtype) if config["ngram_rows"] else mask


def _with_dropout(vectors: Any, config: Mapping[str, Any]) -> Any:
    """In training without those of some tokens, and without some entries throughout a text."""
    whole = keras.layers.Dropout(config["word_dropout"], noise_shape=(None, None, 1))(vectors)
    return keras.layers.SpatialDropout1D(config["embedding_dropout"])(whole)
