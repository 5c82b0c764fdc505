"""Convolutions over the tokens of a text."""

import keras

from hub_tasks.layers.initializers import random_weights


@keras.saving.register_keras_serializable(package="hub_tasks")
class Convolution(keras.layers.Conv1D):
    """A convolution with as many outputs as there are tokens.

    What it computes near a text's end does not depend on how far the batch is padded, as
    long as vectors of padding are zeros.

    Args:
        filters: how many patterns are looked for.
        width: how many neighbouring tokens a pattern has.

    Call arguments:
        x: `(batch, length, dim)`.

    Returns:
        `(batch, length, filters)`, none below zero.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import Convolution
    >>> Convolution(4, width=3)(np.zeros((2, 5, 8), "float32")).shape[-1]
    4
    """

    def __init__(self, filters: int, width: int, **kwargs):
        kernel = random_weights("glorot_uniform")
        options = {"padding": "same", "activation": "relu", "kernel_initializer": kernel}
        super().__init__(filters, width, **options, **kwargs)
