"""The public names, which `hub_tasks` imports when one of them is first used."""
# ruff: noqa: E402, F401, I001 - the backend is chosen before anything imports Keras

from hub_tasks.keras_backend import choose_backend

choose_backend()

from hub_tasks.backbones import Backbone
from hub_tasks.presets import list_presets
from hub_tasks.tasks import Prediction, TextClassifier, TextClassifierPreprocessor
from hub_tasks.tasks.named import (
    AlbertBackbone,
    AlbertTextClassifier,
    AlbertTextClassifierPreprocessor,
    AlbertTokenizer,
    BertBackbone,
    BertTextClassifier,
    BertTextClassifierPreprocessor,
    BertTokenizer,
    DebertaV3Backbone,
    DebertaV3TextClassifier,
    DebertaV3TextClassifierPreprocessor,
    DebertaV3Tokenizer,
    DistilBertBackbone,
    DistilBertTextClassifier,
    DistilBertTextClassifierPreprocessor,
    DistilBertTokenizer,
    ElectraBackbone,
    ElectraTextClassifier,
    ElectraTextClassifierPreprocessor,
    ElectraTokenizer,
    MPNetBackbone,
    MPNetTextClassifier,
    MPNetTextClassifierPreprocessor,
    MPNetTokenizer,
    MobileBertBackbone,
    MobileBertTextClassifier,
    MobileBertTextClassifierPreprocessor,
    MobileBertTokenizer,
    ModernBertBackbone,
    ModernBertTextClassifier,
    ModernBertTextClassifierPreprocessor,
    ModernBertTokenizer,
    RobertaBackbone,
    RobertaTextClassifier,
    RobertaTextClassifierPreprocessor,
    RobertaTokenizer,
    XLMRobertaBackbone,
    XLMRobertaTextClassifier,
    XLMRobertaTextClassifierPreprocessor,
    XLMRobertaTokenizer,
)
from hub_tasks.tokenizers import Tokenizer
from hub_tasks.export import save_to_transformers
from hub_tasks.presets.publishing import upload_preset, write_model_card
from hub_tasks.presets.sources.offline import set_offline
