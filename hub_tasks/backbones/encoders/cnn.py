"""A convolutional network of one width."""

from typing import Any

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import Convolution, bag_of_vectors


class CNNBackbone(EncoderBackbone, encoder="cnn", title="CNN"):
    """One convolution: the mean and the largest of its outputs, beside those of its input.

    Reference: Collobert et al., 2011, https://arxiv.org/abs/1103.0398.

    Hyper-parameters:
        filters: patterns of the convolution.
        width: how many tokens a pattern has.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("cnn")["width"]
    3
    """

    beside_bag = True

    def encode(self, x: Any, mask: Any, *, filters: int = 256, width: int = 3) -> Any:
        return bag_of_vectors(Convolution(filters, width)(x), mask)
