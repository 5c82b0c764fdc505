"""Keras layers of which the backbones are made."""

from hub_tasks.layers.attention import SelfAttention
from hub_tasks.layers.embeddings import PositionEmbedding
from hub_tasks.layers.feed_forward import ACTIVATIONS, FeedForward
from hub_tasks.layers.initializers import random_weights, to_be_loaded
from hub_tasks.layers.transformer import TransformerLayer

__all__ = [
    "ACTIVATIONS",
    "FeedForward",
    "PositionEmbedding",
    "SelfAttention",
    "TransformerLayer",
    "random_weights",
    "to_be_loaded",
]
