"""How weights begin: at random, or at zero where a file will overwrite them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod
from typing import Any

import keras

from hub_tasks.errors import PresetFormatError, received


class _Budget:
    """How many parameters may still be built; None for any number."""

    def __init__(self, left: int | None):
        self.most = self.left = left

    def take(self, shape: tuple[int, ...]) -> None:
        if self.left is None:
            return
        self.left -= prod(shape)
        if self.left < 0:
            raise PresetFormatError(
                f"The configuration of the preset implies a model of more than {self.most} "
                f"parameters, the most that are built for weights of this size. If this is meant, "
                f"raise `max_parameters`. {received(shape=shape)}"
            )


_TO_BE_LOADED: ContextVar[_Budget | None] = ContextVar("weights are to be loaded", default=None)


@keras.saving.register_keras_serializable(package="hub_tasks")
class _Overwritten(keras.initializers.Zeros):
    """Zeros, as long as the budget lasts; layers that Keras copies have the same one."""

    def __init__(self) -> None:
        self._budget = _TO_BE_LOADED.get()

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        if self._budget is not None:
            self._budget.take(tuple(shape))
        return super().__call__(shape, dtype)


def random_weights(initializer: Any = None) -> Any:
    """The initializer of kernels and embeddings; zeros within `to_be_loaded`.

    Args:
        initializer: as Keras takes it; by default BERT's.
    """
    if _TO_BE_LOADED.get() is not None:
        return _Overwritten()
    return initializer or keras.initializers.TruncatedNormal(stddev=0.02)


@contextmanager
def to_be_loaded(most: int | None = None) -> Iterator[None]:
    """Layers that are built within draw no random numbers, which their weights would lose.

    Args:
        most: how many parameters they may have together.
    """
    token = _TO_BE_LOADED.set(_Budget(most))
    try:
        yield
    finally:
        _TO_BE_LOADED.reset(token)
