"""Convolutions whose outputs are weighed by attention."""

from typing import Any

from keras import ops

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import AttentionPooling, MaskedPooling, bag_of_vectors, convolution


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

    def encode(
        self, x: Any, mask: Any, *, filters: int = 100, widths: tuple[int, ...] = (2, 3, 4)
    ) -> Any:
        found = ops.concatenate([convolution(filters, width)(x) for width in widths], axis=-1)
        pooled = [
            pool(found, padding_mask=mask) for pool in (AttentionPooling(), MaskedPooling("max"))
        ]
        return ops.concatenate([*pooled, bag_of_vectors(x, mask)], axis=-1)
