"""How weights begin: at random, or at zero where a file will overwrite them."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod, sqrt
from typing import Any

import keras
import numpy as np
from keras import ops

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


def _truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    values = rng.standard_normal(shape, "float32")
    while (far := np.abs(values) > 2).any():
        values[far] = rng.standard_normal(np.count_nonzero(far), "float32")
    return values * np.float32(0.02)


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], limit: float = 0.05) -> np.ndarray:
    return (2 * rng.random(shape, "float32") - 1) * np.float32(limit)


def _glorot_uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    fans = prod(shape[:-2]) * (shape[-2] + shape[-1])
    return _uniform(rng, shape, sqrt(6 / fans))


def _orthogonal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    rows, columns = sorted(shape, reverse=True)
    q, r = np.linalg.qr(rng.standard_normal((rows, columns), "float32"))
    q *= np.sign(np.diag(r))
    return q if q.shape == shape else q.T


_DRAWN: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "truncated_normal": _truncated_normal,
    "uniform": _uniform,
    "glorot_uniform": _glorot_uniform,
    "orthogonal": _orthogonal,
}


@keras.saving.register_keras_serializable(package="hub_tasks")
class _Drawn(keras.initializers.Initializer):
    """Keras's initializers, drawn by NumPy: JAX would compile a function for each shape.

    A seed gives the same weights on every backend.
    """

    def __init__(self, kind: str, seed: int | None = None):
        self.kind = kind
        # Of the generator that `keras.utils.set_random_seed` sets, as Keras takes its seeds.
        self.seed = random.randint(1, 10**9) if seed is None else seed

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        values = _DRAWN[self.kind](np.random.default_rng(self.seed), tuple(shape))
        return ops.convert_to_tensor(values, dtype=dtype or keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        return {"kind": self.kind, "seed": self.seed}


def random_weights(kind: str = "truncated_normal") -> Any:
    """The initializer of kernels and embeddings; zeros within `to_be_loaded`.

    Args:
        kind: "truncated_normal" (with a deviation of 0.02, as BERT's), "glorot_uniform",
            "orthogonal" (of matrices), "uniform" (from -0.05 to 0.05), or "zeros".
    """
    if _TO_BE_LOADED.get() is not None:
        return _Overwritten()
    return keras.initializers.Zeros() if kind == "zeros" else _Drawn(kind)


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
