"""The mean of the tokens' vectors."""

from dataclasses import replace
from typing import Any

import keras

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import bag_of_vectors, random_weights


class AverageEmbeddingBackbone(EncoderBackbone, title="averaged embeddings"):
    """The mean of the tokens' vectors, and the largest of each entry beside it.

    The smallest encoder, and the fastest.

    Reference: Iyyer et al., 2015, https://aclanthology.org/P15-1162; Shen et al., 2018,
    https://arxiv.org/abs/1805.09843.

    Hyper-parameters:
        largest: whether the largest values stand beside the mean.
        hidden: neurons of a dense layer over them, which pays where texts are many; 0 for none.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("average_embedding")["largest"]
    True
    """

    recipe = replace(EncoderBackbone.recipe, short_batch_size=4096)
    bag_alone = True

    def encode(self, x: Any, mask: Any, *, largest: bool = True, hidden: int = 0) -> Any:
        bag = bag_of_vectors(x, mask, largest)
        if not hidden:
            return bag
        kernel = random_weights("glorot_uniform")
        return keras.layers.Dense(hidden, "relu", kernel_initializer=kernel, name="hidden")(bag)
