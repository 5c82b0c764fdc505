"""hub_tasks: classify text with Keras 3 on JAX, TensorFlow and PyTorch."""
# ruff: noqa: F403, F405 - the public names are imported in names.py

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub_tasks.version import __version__

# All at once, so that Keras knows the classes of a model that it loads. The command alone
# waits: most of its verbs need no Keras, whose import takes seconds.
if TYPE_CHECKING or Path(sys.argv[0] if sys.argv else "").stem != "hub-tasks":
    from hub_tasks.names import *

__all__ = [
    "AlbertBackbone",
    "AlbertTextClassifier",
    "AlbertTextClassifierPreprocessor",
    "AlbertTokenizer",
    "Backbone",
    "BertBackbone",
    "BertTextClassifier",
    "BertTextClassifierPreprocessor",
    "BertTokenizer",
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
    "list_presets",
    "save_to_transformers",
    "set_offline",
    "upload_preset",
    "write_model_card",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.names"), name)
