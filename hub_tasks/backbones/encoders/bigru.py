"""A bidirectional GRU."""

from typing import Any

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import Bidirectional, bag_of_vectors


class BiGRUBackbone(EncoderBackbone, encoder="bigru", title="BiGRU"):
    """A bidirectional GRU: the mean and the largest of its states, beside those of its input.

    References: Cho et al., 2014, https://arxiv.org/abs/1406.1078;
    Conneau et al., 2017, https://arxiv.org/abs/1705.02364.

    Hyper-parameters:
        units: the size of the state of each direction.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("bigru")["units"]
    64
    """

    beside_bag = True
    branch_dropout = 0.5

    def encode(self, x: Any, mask: Any, *, units: int = 64) -> Any:
        states = Bidirectional("gru", units)(x, mask=mask)
        return bag_of_vectors(states, mask)
