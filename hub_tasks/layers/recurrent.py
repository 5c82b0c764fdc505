"""Recurrent layers over padded texts."""

from typing import Any

import keras
from keras import ops

from hub_tasks.layers.initializers import random_weights

_KINDS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


@keras.saving.register_keras_serializable(package="hub_tasks")
class _Orthogonal(keras.initializers.Orthogonal):
    """Orthogonal rows in any type: the decomposition is there for float32 and float64 alone."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return ops.cast(super().__call__(shape, "float32"), dtype or keras.config.floatx())


def bidirectional(kind: str, units: int) -> keras.layers.Layer:
    """A recurrent layer that reads a text from both ends, the two states of a token joined.

    Keras takes the backend's fast kernels where a GPU has them. Call it with `mask=`.

    References: Hochreiter and Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735;
    Cho et al., 2014, https://arxiv.org/abs/1406.1078.

    Args:
        kind: "lstm" or "gru".
        units: the size of the state of each direction.
    """
    layer = _KINDS[kind](units, return_sequences=True, name=kind, **_initializers())
    return keras.layers.Bidirectional(layer, name=f"bidirectional_{kind}")


def _initializers() -> dict[str, Any]:
    return {
        "kernel_initializer": random_weights("glorot_uniform"),
        "recurrent_initializer": random_weights(_Orthogonal()),
    }
