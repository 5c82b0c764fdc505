"""Convolutions whose outputs are weighed by attention."""

from typing import Any

from keras import ops

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import AttentionPooling, Convolution, MaskedPooling


class CNNAttentionBackbone(EncoderBackbone, encoder="cnn_attention", title="CNN with attention"):
    """Convolutions of several widths; the mean of their outputs by learned weights.

    Beside it stand the largest of their outputs, and the bag of the tokens' vectors.

    Reference: Lin et al., 2017, https://arxiv.org/abs/1703.03130.

    Hyper-parameters:
        filters: patterns of each width.
        widths: how many tokens a pattern has.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("cnn_attention")["widths"]
    (2, 3, 4)
    """

    beside_bag = True

    def encode(
        self, x: Any, mask: Any, *, filters: int = 100, widths: tuple[int, ...] = (2, 3, 4)
    ) -> Any:
        found = ops.concatenate([Convolution(filters, width)(x) for width in widths], axis=-1)
        weighed = AttentionPooling()(found, padding_mask=mask)
        largest = MaskedPooling("max")(found, padding_mask=mask)
        return ops.concatenate([weighed, largest], axis=-1)
