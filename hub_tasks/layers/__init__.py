"""Keras layers of which the backbones are made."""

from hub_tasks.layers.attention import SelfAttention
from hub_tasks.layers.bag import bag_fits, bags_at_once, parts_in_bag, tokens_in_bag
from hub_tasks.layers.bigrams import HashedBigrams
from hub_tasks.layers.bottleneck import BottleneckLayer, ScaledDense
from hub_tasks.layers.comparison import comparison
from hub_tasks.layers.convolution import Convolution
from hub_tasks.layers.disentangled import (
    DisentangledLayer,
    DisentangledSelfAttention,
    RelativeVectors,
)
from hub_tasks.layers.embeddings import PositionEmbedding, Trigrams
from hub_tasks.layers.feed_forward import ACTIVATIONS, FeedForward
from hub_tasks.layers.frozen import Frozen
from hub_tasks.layers.initializers import random_weights, to_be_loaded
from hub_tasks.layers.mechanisms import BLOCKS, RELATIONS
from hub_tasks.layers.normalization import Scale, normalization
from hub_tasks.layers.overlap import Overlap
from hub_tasks.layers.pooling import (
    AttentionPooling,
    MaskedPooling,
    bag_of_vectors,
    pool,
)
from hub_tasks.layers.recurrent import Bidirectional
from hub_tasks.layers.relative_bias import RelativePositionBias
from hub_tasks.layers.rotary import RotaryLayer
from hub_tasks.layers.runs import RUNS, HashedRuns, in_runs
from hub_tasks.layers.table import Lookups, VectorTable
from hub_tasks.layers.transformer import TransformerLayer
from hub_tasks.layers.wide import WideScores
from hub_tasks.layers.word_parts import BEGINNINGS, PARTS, PartRows, WordParts, parts_of

__all__ = [
    "ACTIVATIONS",
    "BEGINNINGS",
    "BLOCKS",
    "PARTS",
    "RELATIONS",
    "RUNS",
    "AttentionPooling",
    "Bidirectional",
    "BottleneckLayer",
    "Convolution",
    "DisentangledLayer",
    "DisentangledSelfAttention",
    "FeedForward",
    "Frozen",
    "HashedBigrams",
    "HashedRuns",
    "Lookups",
    "MaskedPooling",
    "Overlap",
    "PartRows",
    "PositionEmbedding",
    "RelativePositionBias",
    "RelativeVectors",
    "RotaryLayer",
    "Scale",
    "ScaledDense",
    "SelfAttention",
    "TransformerLayer",
    "Trigrams",
    "VectorTable",
    "WideScores",
    "WordParts",
    "bag_fits",
    "bag_of_vectors",
    "bags_at_once",
    "comparison",
    "in_runs",
    "normalization",
    "parts_in_bag",
    "parts_of",
    "pool",
    "random_weights",
    "to_be_loaded",
    "tokens_in_bag",
]
