"""A convolution whose outputs are weighed by attention."""

from typing import Any

import keras
from keras import ops

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import AttentionPooling, MaskedPooling, convolution


class CNNAttentionBackbone(EncoderBackbone, encoder="cnn_attention", title="CNN with attention"):
    """A convolution; the mean of its outputs by learned weights, beside the largest of each.

    Reference: Lin et al., 2017, https://arxiv.org/abs/1703.03130.

    Hyper-parameters:
        filters: patterns of the convolution.
        width: how many tokens a pattern has.
        embedding_dropout: share of the entries of tokens' vectors dropped in training.
        dropout: share of the entries of the text's vector dropped in training.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("cnn_attention")["filters"]
    128
    """

    def encode(
        self,
        x: Any,
        mask: Any,
        *,
        filters: int = 128,
        width: int = 3,
        embedding_dropout: float = 0.2,
        dropout: float = 0.5,
    ) -> Any:
        x = keras.layers.Dropout(embedding_dropout)(x)
        x = convolution(filters, width)(x)
        pooled = [
            AttentionPooling()(x, padding_mask=mask),
            MaskedPooling("max")(x, padding_mask=mask),
        ]
        return keras.layers.Dropout(dropout)(ops.concatenate(pooled, axis=-1))
