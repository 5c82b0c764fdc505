"""The public names: the classes at once, so that Keras knows them, functions on first use."""
# ruff: noqa: E402, F401, I001 - the backend is chosen before anything imports Keras

from typing import TYPE_CHECKING

from hub_tasks.keras_backend import choose_backend
from hub_tasks.importing import on_first_use

choose_backend()

from hub_tasks import callbacks
from hub_tasks.backbones import Backbone, EncoderBackbone, encoder_defaults
from hub_tasks.backbones.encoders import (
    AverageEmbeddingBackbone,
    BiGRUBackbone,
    BiLSTMBackbone,
    CNNAttentionBackbone,
    CNNBackbone,
    CNNGRUBackbone,
    CNNLSTMBackbone,
    FastNgramBackbone,
    KimCNNBackbone,
)
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

if TYPE_CHECKING:
    from hub_tasks.export import save_to_transformers
    from hub_tasks.presets import list_presets
    from hub_tasks.presets.publishing import upload_preset, write_model_card
    from hub_tasks.presets.sources.offline import set_offline
    from hub_tasks.training import distill_vectors
else:
    __getattr__, __dir__ = on_first_use(
        __name__,
        {
            "hub_tasks.export": ["save_to_transformers"],
            "hub_tasks.presets": ["list_presets"],
            "hub_tasks.presets.publishing": ["upload_preset", "write_model_card"],
            "hub_tasks.presets.sources.offline": ["set_offline"],
            "hub_tasks.training": ["distill_vectors"],
        },
    )
