"""Kim's convolutional network."""

from typing import Any

from keras import ops

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import Convolution, MaskedPooling


class KimCNNBackbone(EncoderBackbone, encoder="kim_cnn", title="KimCNN"):
    """Convolutions of several widths side by side, of each the largest value in the text.

    Beside them stands the bag of the tokens' vectors, which Kim's has not.

    Reference: Kim, 2014, https://arxiv.org/abs/1408.5882.

    Hyper-parameters:
        filters: patterns of each width.
        widths: how many tokens a pattern has.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("kim_cnn")["widths"]
    (2, 3, 4)
    """

    beside_bag = True

    def encode(
        self, x: Any, mask: Any, *, filters: int = 100, widths: tuple[int, ...] = (2, 3, 4)
    ) -> Any:
        found = [
            MaskedPooling("max")(Convolution(filters, width)(x), padding_mask=mask)
            for width in widths
        ]
        return ops.concatenate(found, axis=-1)
