"""A bidirectional GRU."""

from typing import Any

import keras

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import MaskedPooling, bidirectional


class BiGRUBackbone(EncoderBackbone, encoder="bigru", title="BiGRU"):
    """A bidirectional GRU, of whose states each entry's largest value is kept.

    References: Cho et al., 2014, https://arxiv.org/abs/1406.1078; Conneau et al., 2017,
    https://arxiv.org/abs/1705.02364.

    Hyper-parameters:
        units: the size of the state of each direction.
        embedding_dropout: share of the entries of tokens' vectors dropped in training.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("bigru")["units"]
    128
    """

    def encode(self, x: Any, mask: Any, *, units: int = 128, embedding_dropout: float = 0.3) -> Any:
        x = keras.layers.Dropout(embedding_dropout)(x)
        x = bidirectional("gru", units, return_sequences=True)(x, mask=mask)
        return MaskedPooling("max")(x, padding_mask=mask)
