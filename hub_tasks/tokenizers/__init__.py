"""Tokenizers: text -> token ids, in Rust, from the vocabulary of a preset."""

from hub_tasks.tokenizers.byte_pair import BytePairTokenizer
from hub_tasks.tokenizers.long_texts import first_tokens
from hub_tasks.tokenizers.sentencepiece import SentencePieceTokenizer
from hub_tasks.tokenizers.splitting import joined
from hub_tasks.tokenizers.tokenizer import TOKENIZERS, Tokenizer, tokenizer_class
from hub_tasks.tokenizers.trained import TrainedTokenizer
from hub_tasks.tokenizers.word_vectors import WordVectors, read_word_vectors
from hub_tasks.tokenizers.wordpiece import WordPieceTokenizer

__all__ = [
    "TOKENIZERS",
    "BytePairTokenizer",
    "SentencePieceTokenizer",
    "Tokenizer",
    "TrainedTokenizer",
    "WordPieceTokenizer",
    "WordVectors",
    "first_tokens",
    "joined",
    "read_word_vectors",
    "tokenizer_class",
]
