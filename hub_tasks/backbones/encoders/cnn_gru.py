"""A convolution under a bidirectional GRU."""

from typing import Any

from keras import ops

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import Bidirectional, Convolution, bag_of_vectors


class CNNGRUBackbone(EncoderBackbone, encoder="cnn_gru", title="CNN and GRU"):
    """A convolution finds phrases, a bidirectional GRU reads them in their order.

    Reference: Zhou et al., 2015, https://arxiv.org/abs/1511.08630.

    Hyper-parameters:
        filters: patterns of the convolution.
        width: how many tokens a pattern has.
        units: the size of the state of each direction.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("cnn_gru")["filters"]
    128
    """

    beside_bag = True
    branch_dropout = 0.5

    def encode(
        self, x: Any, mask: Any, *, filters: int = 128, width: int = 3, units: int = 64
    ) -> Any:
        phrases = Convolution(filters, width)(x) * ops.cast(mask[:, :, None], x.dtype)
        states = Bidirectional("gru", units)(phrases, mask=mask)
        return bag_of_vectors(states, mask)
