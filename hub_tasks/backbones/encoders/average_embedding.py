"""The mean of the tokens' vectors."""

from typing import Any

import keras

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import MaskedPooling


class AverageEmbeddingBackbone(EncoderBackbone, title="averaged embeddings"):
    """The mean of the tokens' vectors: the smallest encoder, and the fastest.

    Reference: Iyyer et al., 2015, https://aclanthology.org/P15-1162.

    Hyper-parameters:
        embedding_dropout: share of the entries of tokens' vectors dropped in training.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("average_embedding")["embedding_dropout"]
    0.3
    """

    def encode(self, x: Any, mask: Any, *, embedding_dropout: float = 0.3) -> Any:
        x = keras.layers.Dropout(embedding_dropout)(x)
        return MaskedPooling("mean")(x, padding_mask=mask)
