"""hub_tasks: classify text with Keras 3 on JAX, TensorFlow and PyTorch."""
# ruff: noqa: F403, F405 - the public names are imported in names.py

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hub_tasks.collector import collector_paused
from hub_tasks.importing import on_first_use
from hub_tasks.version import __version__

# The classes at once, so that Keras knows those of a model that it loads. The command alone
# waits: most of its verbs need no Keras, whose import takes seconds.
if TYPE_CHECKING or Path(sys.argv[0] if sys.argv else "").stem != "hub-tasks":
    with collector_paused():
        from hub_tasks.names import *

__all__ = [
    "AlbertBackbone",
    "AlbertTextClassifier",
    "AlbertTextClassifierPreprocessor",
    "AlbertTokenizer",
    "AverageEmbeddingBackbone",
    "Backbone",
    "BertBackbone",
    "BertTextClassifier",
    "BertTextClassifierPreprocessor",
    "BertTokenizer",
    "BiGRUBackbone",
    "BiLSTMBackbone",
    "CNNAttentionBackbone",
    "CNNBackbone",
    "CNNGRUBackbone",
    "CNNLSTMBackbone",
    "DebertaV3Backbone",
    "DebertaV3TextClassifier",
    "DebertaV3TextClassifierPreprocessor",
    "DebertaV3Tokenizer",
    "DistilBertBackbone",
    "DistilBertTextClassifier",
    "DistilBertTextClassifierPreprocessor",
    "DistilBertTokenizer",
    "ElectraBackbone",
    "ElectraTextClassifier",
    "ElectraTextClassifierPreprocessor",
    "ElectraTokenizer",
    "EncoderBackbone",
    "FastNgramBackbone",
    "KimCNNBackbone",
    "MPNetBackbone",
    "MPNetTextClassifier",
    "MPNetTextClassifierPreprocessor",
    "MPNetTokenizer",
    "MobileBertBackbone",
    "MobileBertTextClassifier",
    "MobileBertTextClassifierPreprocessor",
    "MobileBertTokenizer",
    "ModernBertBackbone",
    "ModernBertTextClassifier",
    "ModernBertTextClassifierPreprocessor",
    "ModernBertTokenizer",
    "Prediction",
    "RobertaBackbone",
    "RobertaTextClassifier",
    "RobertaTextClassifierPreprocessor",
    "RobertaTokenizer",
    "TextClassifier",
    "TextClassifierPreprocessor",
    "Tokenizer",
    "XLMRobertaBackbone",
    "XLMRobertaTextClassifier",
    "XLMRobertaTextClassifierPreprocessor",
    "XLMRobertaTokenizer",
    "__version__",
    "callbacks",
    "distill_vectors",
    "encoder_defaults",
    "list_presets",
    "save_to_transformers",
    "set_offline",
    "upload_preset",
    "write_model_card",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_first_use(__name__, {"hub_tasks.names": __all__})
