"""Convolutions over the tokens of a text."""

import keras

from hub_tasks.layers.initializers import random_weights


def convolution(filters: int, width: int, activation: str = "relu") -> keras.layers.Layer:
    """A convolution with as many outputs as there are tokens.

    What it computes near a text's end does not depend on how far the batch is padded, as
    long as vectors of padding are zeros.

    Args:
        filters: how many patterns are looked for.
        width: how many neighbouring tokens a pattern has.
        activation: of the outputs.
    """
    return keras.layers.Conv1D(
        filters,
        width,
        padding="same",
        activation=activation,
        kernel_initializer=random_weights("glorot_uniform"),
        name=f"convolution_{width}",
    )
