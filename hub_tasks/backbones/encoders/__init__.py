"""The small encoders: one file each."""

from hub_tasks.backbones.encoders.average_embedding import AverageEmbeddingBackbone
from hub_tasks.backbones.encoders.bigru import BiGRUBackbone
from hub_tasks.backbones.encoders.bilstm import BiLSTMBackbone
from hub_tasks.backbones.encoders.cnn import CNNBackbone
from hub_tasks.backbones.encoders.cnn_attention import CNNAttentionBackbone
from hub_tasks.backbones.encoders.cnn_gru import CNNGRUBackbone
from hub_tasks.backbones.encoders.cnn_lstm import CNNLSTMBackbone
from hub_tasks.backbones.encoders.fast_ngram import FastNgramBackbone
from hub_tasks.backbones.encoders.kim_cnn import KimCNNBackbone

__all__ = [
    "AverageEmbeddingBackbone",
    "BiGRUBackbone",
    "BiLSTMBackbone",
    "CNNAttentionBackbone",
    "CNNBackbone",
    "CNNGRUBackbone",
    "CNNLSTMBackbone",
    "FastNgramBackbone",
    "KimCNNBackbone",
]
