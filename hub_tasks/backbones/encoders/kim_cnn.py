"""Kim's convolutional network."""

from typing import Any

import keras
from keras import ops

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import MaskedPooling, convolution


class KimCNNBackbone(EncoderBackbone, encoder="kim_cnn", title="KimCNN"):
    """Convolutions of several widths side by side, of each the largest value in the text.

    Reference: Kim, 2014, https://arxiv.org/abs/1408.5882.

    Hyper-parameters:
        filters: patterns of each width.
        widths: how many tokens a pattern has.
        embedding_dropout: share of the entries of tokens' vectors dropped in training.
        dropout: share of the entries of the text's vector dropped in training.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("kim_cnn")["widths"]
    (3, 4, 5)
    """

    def encode(
        self,
        x: Any,
        mask: Any,
        *,
        filters: int = 100,
        widths: tuple[int, ...] = (3, 4, 5),
        embedding_dropout: float = 0.2,
        dropout: float = 0.5,
    ) -> Any:
        x = keras.layers.Dropout(embedding_dropout)(x)
        found = [
            MaskedPooling("max")(convolution(filters, width)(x), padding_mask=mask)
            for width in widths
        ]
        return keras.layers.Dropout(dropout)(ops.concatenate(found, axis=-1))
