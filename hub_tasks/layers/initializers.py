"""How weights begin: at random, or at zero where a file will overwrite them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import keras

_TO_BE_LOADED: ContextVar[bool] = ContextVar("weights are to be loaded", default=False)


def random_weights() -> keras.initializers.Initializer:
    """The initializer of kernels and embeddings, as in BERT; zeros within `to_be_loaded`."""
    if _TO_BE_LOADED.get():
        return keras.initializers.Zeros()
    return keras.initializers.TruncatedNormal(stddev=0.02)


@contextmanager
def to_be_loaded() -> Iterator[None]:
    """Layers that are built within draw no random numbers, which their weights would lose."""
    token = _TO_BE_LOADED.set(True)
    try:
        yield
    finally:
        _TO_BE_LOADED.reset(token)
