"""hub_tasks: classify text with Keras 3 on JAX, TensorFlow and PyTorch."""
# ruff: noqa: E402, I001 - the backend is chosen before anything imports Keras

from hub_tasks.keras_backend import choose_backend

choose_backend()

from hub_tasks.backbones import Backbone
from hub_tasks.presets import list_presets
from hub_tasks.tasks import Prediction, TextClassifier, TextClassifierPreprocessor
from hub_tasks.tasks.named import (
    BertBackbone,
    BertTextClassifier,
    BertTextClassifierPreprocessor,
    BertTokenizer,
)
from hub_tasks.tokenizers import Tokenizer
from hub_tasks.presets.upload import upload_preset
from hub_tasks.version import __version__

__all__ = [
    "Backbone",
    "BertBackbone",
    "BertTextClassifier",
    "BertTextClassifierPreprocessor",
    "BertTokenizer",
    "Prediction",
    "TextClassifier",
    "TextClassifierPreprocessor",
    "Tokenizer",
    "__version__",
    "list_presets",
    "upload_preset",
]
