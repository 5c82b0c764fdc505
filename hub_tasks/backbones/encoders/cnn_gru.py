"""A convolution under a bidirectional GRU."""

from typing import Any

import keras
from keras import ops

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import MaskedPooling, bidirectional, convolution


class CNNGRUBackbone(EncoderBackbone, encoder="cnn_gru", title="CNN and GRU"):
    """A convolution finds phrases, a bidirectional GRU reads them in their order.

    Reference: Zhou et al., 2015, https://arxiv.org/abs/1511.08630.

    Hyper-parameters:
        filters: patterns of the convolution.
        width: how many tokens a pattern has.
        units: the size of the state of each direction.
        embedding_dropout: share of the entries of tokens' vectors dropped in training.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("cnn_gru")["filters"]
    128
    """

    def encode(
        self,
        x: Any,
        mask: Any,
        *,
        filters: int = 128,
        width: int = 3,
        units: int = 128,
        embedding_dropout: float = 0.3,
    ) -> Any:
        x = keras.layers.Dropout(embedding_dropout)(x)
        x = convolution(filters, width)(x) * ops.cast(mask[:, :, None], x.dtype)
        x = bidirectional("gru", units, return_sequences=True)(x, mask=mask)
        return MaskedPooling("max")(x, padding_mask=mask)
