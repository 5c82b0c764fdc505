"""A bidirectional LSTM."""

from typing import Any

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import Bidirectional, bag_of_vectors


class BiLSTMBackbone(EncoderBackbone, encoder="bilstm", title="BiLSTM"):
    """A bidirectional LSTM: the mean and the largest of its states, beside those of its input.

    References: Hochreiter and Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735;
    Conneau et al., 2017, https://arxiv.org/abs/1705.02364.

    Hyper-parameters:
        units: the size of the state of each direction.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("bilstm")["units"]
    64
    """

    beside_bag = True
    branch_dropout = 0.5

    def encode(self, x: Any, mask: Any, *, units: int = 64) -> Any:
        states = Bidirectional("lstm", units)(x, mask=mask)
        return bag_of_vectors(states, mask)
