"""A convolutional network of one width."""

from typing import Any

import keras

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import MaskedPooling, convolution


class CNNBackbone(EncoderBackbone, encoder="cnn", title="CNN"):
    """One convolution, of each of its patterns the largest value in the text.

    Reference: Collobert et al., 2011, https://arxiv.org/abs/1103.0398.

    Hyper-parameters:
        filters: patterns of the convolution.
        width: how many tokens a pattern has.
        embedding_dropout: share of the entries of tokens' vectors dropped in training.
        dropout: share of the entries of the text's vector dropped in training.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("cnn")["width"]
    3
    """

    def encode(
        self,
        x: Any,
        mask: Any,
        *,
        filters: int = 256,
        width: int = 3,
        embedding_dropout: float = 0.2,
        dropout: float = 0.5,
    ) -> Any:
        x = keras.layers.Dropout(embedding_dropout)(x)
        x = MaskedPooling("max")(convolution(filters, width)(x), padding_mask=mask)
        return keras.layers.Dropout(dropout)(x)
