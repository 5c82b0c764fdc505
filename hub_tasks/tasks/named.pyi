from typing import Any

from hub_tasks.backbones.transformer import TransformerBackbone
from hub_tasks.tasks.preprocessor import TextClassifierPreprocessor
from hub_tasks.tasks.text_classifier import TextClassifier
from hub_tasks.tokenizers.byte_pair import BytePairTokenizer
from hub_tasks.tokenizers.sentencepiece import SentencePieceTokenizer
from hub_tasks.tokenizers.wordpiece import WordPieceTokenizer

class AlbertBackbone(TransformerBackbone):
    def __init__(
        self,
        *,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.0,
        max_sequence_length: int = 512,
        activation: str = "gelu_approximate",
        layer_norm_epsilon: float = 1e-12,
        embedding_dim: int,
        num_groups: int = 1,
        num_inner_repetitions: int = 1,
        num_segments: int = 2,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None: ...

class AlbertTokenizer(SentencePieceTokenizer): ...
class AlbertTextClassifierPreprocessor(TextClassifierPreprocessor): ...
class AlbertTextClassifier(TextClassifier): ...

class BertBackbone(TransformerBackbone):
    def __init__(
        self,
        *,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        activation: str = "gelu_approximate",
        layer_norm_epsilon: float = 1e-12,
        num_segments: int = 2,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None: ...

class BertTokenizer(WordPieceTokenizer): ...
class BertTextClassifierPreprocessor(TextClassifierPreprocessor): ...
class BertTextClassifier(TextClassifier): ...

class DebertaV3Backbone(TransformerBackbone):
    def __init__(
        self,
        *,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        activation: str = "gelu",
        layer_norm_epsilon: float = 1e-07,
        bucket_size: int = 256,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None: ...

class DebertaV3Tokenizer(SentencePieceTokenizer): ...
class DebertaV3TextClassifierPreprocessor(TextClassifierPreprocessor): ...
class DebertaV3TextClassifier(TextClassifier): ...

class DistilBertBackbone(TransformerBackbone):
    def __init__(
        self,
        *,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        activation: str = "gelu",
        layer_norm_epsilon: float = 1e-12,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None: ...

class DistilBertTokenizer(WordPieceTokenizer): ...
class DistilBertTextClassifierPreprocessor(TextClassifierPreprocessor): ...
class DistilBertTextClassifier(TextClassifier): ...

class ElectraBackbone(TransformerBackbone):
    def __init__(
        self,
        *,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        activation: str = "gelu_approximate",
        layer_norm_epsilon: float = 1e-12,
        embedding_dim: int,
        num_segments: int = 2,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None: ...

class ElectraTokenizer(WordPieceTokenizer): ...
class ElectraTextClassifierPreprocessor(TextClassifierPreprocessor): ...
class ElectraTextClassifier(TextClassifier): ...

class MobileBertBackbone(TransformerBackbone):
    def __init__(
        self,
        *,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.0,
        max_sequence_length: int = 512,
        activation: str = "relu",
        layer_norm_epsilon: float = 1e-12,
        embedding_dim: int,
        bottleneck_dim: int,
        num_inner_feed_forwards: int = 3,
        pooler: bool = True,
        num_segments: int = 2,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None: ...

class MobileBertTokenizer(WordPieceTokenizer): ...
class MobileBertTextClassifierPreprocessor(TextClassifierPreprocessor): ...
class MobileBertTextClassifier(TextClassifier): ...

class ModernBertBackbone(TransformerBackbone):
    def __init__(
        self,
        *,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.0,
        max_sequence_length: int = 8192,
        activation: str = "gelu",
        layer_norm_epsilon: float = 1e-05,
        global_interval: int = 3,
        local_window: int = 128,
        global_theta: float = 160000.0,
        local_theta: float = 10000.0,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None: ...

class ModernBertTokenizer(BytePairTokenizer): ...
class ModernBertTextClassifierPreprocessor(TextClassifierPreprocessor): ...
class ModernBertTextClassifier(TextClassifier): ...

class MPNetBackbone(TransformerBackbone):
    def __init__(
        self,
        *,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        activation: str = "gelu",
        layer_norm_epsilon: float = 1e-12,
        num_buckets: int = 32,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None: ...

class MPNetTokenizer(WordPieceTokenizer): ...
class MPNetTextClassifierPreprocessor(TextClassifierPreprocessor): ...
class MPNetTextClassifier(TextClassifier): ...

class RobertaBackbone(TransformerBackbone):
    def __init__(
        self,
        *,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        activation: str = "gelu",
        layer_norm_epsilon: float = 1e-05,
        num_segments: int = 1,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None: ...

class RobertaTokenizer(BytePairTokenizer): ...
class RobertaTextClassifierPreprocessor(TextClassifierPreprocessor): ...
class RobertaTextClassifier(TextClassifier): ...

class XLMRobertaBackbone(TransformerBackbone):
    def __init__(
        self,
        *,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        activation: str = "gelu",
        layer_norm_epsilon: float = 1e-05,
        num_segments: int = 1,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None: ...

class XLMRobertaTokenizer(SentencePieceTokenizer): ...
class XLMRobertaTextClassifierPreprocessor(TextClassifierPreprocessor): ...
class XLMRobertaTextClassifier(TextClassifier): ...
