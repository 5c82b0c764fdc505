"""A bidirectional LSTM."""

from typing import Any

import keras

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import MaskedPooling, bidirectional


class BiLSTMBackbone(EncoderBackbone, encoder="bilstm", title="BiLSTM"):
    """A bidirectional LSTM, of whose states each entry's largest value is kept.

    References: Hochreiter and Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735;
    Conneau et al., 2017, https://arxiv.org/abs/1705.02364.

    Hyper-parameters:
        units: the size of the state of each direction.
        embedding_dropout: share of the entries of tokens' vectors dropped in training.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("bilstm")["units"]
    128
    """

    def encode(self, x: Any, mask: Any, *, units: int = 128, embedding_dropout: float = 0.3) -> Any:
        x = keras.layers.Dropout(embedding_dropout)(x)
        x = bidirectional("lstm", units, return_sequences=True)(x, mask=mask)
        return MaskedPooling("max")(x, padding_mask=mask)
