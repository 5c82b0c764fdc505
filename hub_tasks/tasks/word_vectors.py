"""Pretrained vectors for the words of a vocabulary, from a file or from a preset."""

import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from hub_tasks import presets
from hub_tasks.errors import DataError, PresetFormatError, received
from hub_tasks.tokenizers import (
    Tokenizer,
    TrainedTokenizer,
    WordVectors,
    read_word_vectors,
    tokenizer_class,
)

_FEW = 0.5  # share of words without a vector from which on a warning is due
_SPREAD = 0.1  # root mean square of vectors that are trained, which suits the rate of tables


@dataclass(frozen=True)
class WordVectorSource:
    """Where vectors come from, and what becomes of them.

    Args:
        source: a file in the format of word2vec or GloVe, or a preset of averaged embeddings.
        trainable: whether they are trained.
        dimensions: the size that they must have; None for any.
    """

    source: str | os.PathLike[str]
    trainable: bool
    dimensions: int | None

    def read(self, tokenizer: TrainedTokenizer, config: dict[str, Any]) -> np.ndarray:
        """The table of embeddings; `config` is told its size.

        Vectors that are trained are brought to one scale, whichever their source has. Words
        without a vector begin at random, with the spread of the others.
        """
        no_words = {*tokenizer.special_tokens, *tokenizer.marks}
        words = [word for word in tokenizer.vocabulary if word not in no_words]
        handle = os.fspath(self.source)
        if os.path.isdir(handle) or handle in presets.CATALOGUE or "://" in handle:
            vectors = self._from_preset(words)
        else:
            vectors = read_word_vectors(
                handle, words, tokenizer.options["lowercase"], self.dimensions
            )
        self._report(vectors)
        config["embedding_dim"] = vectors.dimensions
        config["trainable_embedding"] = self.trainable
        known = vectors.values[vectors.found]
        squares = np.square(known, dtype="float64")
        spread = float(np.sqrt(squares.mean())) if known.any() else _SPREAD
        if self.trainable:
            known, spread = known * np.float32(_SPREAD / spread), _SPREAD
        random = np.random.default_rng(np.random.randint(2**31))
        shape = (tokenizer.vocabulary_size(), vectors.dimensions)
        table = random.normal(0.0, spread, shape).astype("float32")
        rows = [tokenizer.token_to_id(word) for word in words]
        table[np.array(rows)[vectors.found]] = known
        return table

    def _from_preset(self, words: list[str]) -> WordVectors:
        """The mean of the vectors of a word's pieces."""
        with presets.opened(self.source) as data:
            if data.family.name != "average_embedding" or data.tokenizer is None:
                raise PresetFormatError(
                    "`word_vectors` must be a file of vectors, or a preset of averaged embeddings "
                    f"with its tokenizer. {received(word_vectors=self.source)}"
                )
            family = data.tokenizer_family
            tokenizer = tokenizer_class(family).from_data(family, data.tokenizer, self.source)
            shape = data.backbone["vocabulary_size"], data.backbone["embedding_dim"]
            if self.dimensions not in (None, shape[1]):
                raise DataError(
                    f"The vectors of preset {self.source} have {shape[1]} dimensions. "
                    f"{received(embedding_dim=self.dimensions)}"
                )
            table = dict(data.weights.read({"embedding/embeddings": shape}))["embedding/embeddings"]
        return _of_pieces(words, tokenizer, table)

    def _report(self, vectors: WordVectors) -> None:
        print(vectors.summary())
        if vectors.missing_share > _FEW:
            warnings.warn(
                f"{vectors.summary()}: most words begin at random. Are the vectors of the texts' "
                "language, and is `lowercase` as in their file?",
                stacklevel=5,
            )


def _of_pieces(words: list[str], tokenizer: Tokenizer, table: np.ndarray) -> WordVectors:
    unknown = tokenizer.special_ids["unknown"]
    values = np.zeros((len(words), table.shape[1]), "float32")
    found = np.zeros(len(words), "bool")
    for row, ids in enumerate(tokenizer.tokenize(words)):
        known = [i for i in ids if i != unknown]
        if known:
            values[row], found[row] = table[known].mean(axis=0), True
    return WordVectors(values, found)
