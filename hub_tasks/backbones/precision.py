"""The dtype of layers; `"auto"` is bfloat16 where it is measured to be faster, else float32."""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from hub_tasks.layers import TransformerLayer, to_be_loaded

_WORTHWHILE = 1.15  # how much faster bfloat16 must be, for the digits that it costs
_LEAST_SECONDS = 0.005  # below it, what is measured is not the arithmetic
_LENGTH = 64
_REPEATS = 10


@contextmanager
def layers_of(dtype: Any) -> Iterator[keras.DTypePolicy]:
    """Lets layers that say no dtype have this one."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(keras.dtype_policies.get(dtype))
    try:
        yield keras.config.dtype_policy()
    finally:
        keras.config.set_dtype_policy(before)


@functools.cache
def auto_dtype(hidden_dim: int, intermediate_dim: int, num_heads: int) -> str:
    """The dtype policy in which this machine computes an encoder of these sizes fastest.

    Times one transformer layer on the current backend and device, in both, once in a
    process. Some processors multiply in bfloat16 twice as fast as in float32; others, and
    some backends on the same processor, convert to float32 and back and are slower.

    Returns:
        "mixed_bfloat16" (weights float32, computation bfloat16) or "float32".

    Example:

    >>> from hub_tasks.backbones import auto_dtype
    >>> auto_dtype(hidden_dim=64, intermediate_dim=128, num_heads=2) in (
    ...     "float32", "mixed_bfloat16")
    True
    """
    rows = 16
    while True:
        x = np.random.default_rng(0).normal(size=(rows, _LENGTH, hidden_dim)).astype("float32")
        runs = {}
        for dtype in ("float32", "mixed_bfloat16"):
            with to_be_loaded():  # weights are not drawn: seeded runs stay as they are
                layer = TransformerLayer(num_heads, intermediate_dim, dtype=dtype)
                model = keras.Sequential([keras.Input(x.shape[1:]), layer])
            runs[dtype] = functools.partial(model.predict_on_batch, x)
        seconds = least_seconds(runs)
        if seconds["float32"] > _LEAST_SECONDS or rows >= 512:
            break
        rows *= 4
    faster = seconds["float32"] > _WORTHWHILE * seconds["mixed_bfloat16"]
    return "mixed_bfloat16" if faster else "float32"


def least_seconds(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The least time that each takes, after one run to warm up, all taking turns."""
    for run in runs.values():
        run()
    seconds = dict.fromkeys(runs, float("inf"))
    for _ in range(_REPEATS):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - began)
    return seconds
