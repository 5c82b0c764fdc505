"""Texts a few at a time, where the vectors of a whole batch are more than a processor holds."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

_AT_ONCE = 2**20  # numbers, which a processor keeps at hand


def in_slices(compute: Callable[..., Any], inputs: Mapping[str, Any], size: int) -> Any:
    """What a function says of a batch, computed for a few texts after the other.

    On JAX and a processor, where one program computes all of them. The vectors of a batch of
    1,024 texts go through memory at each operation otherwise, which takes longer than the
    operations.

    Args:
        compute: a dict of arrays `(batch, length)` -> a dict of arrays `(batch, ...)`, each row
            by itself.
        inputs: what it is called with.
        size: of a token's vector.
    """
    rows, length = next(iter(inputs.values())).shape
    if keras.backend.backend() != "jax" or not isinstance(rows, int):
        return compute(inputs)
    texts = 1 << max((_AT_ONCE // (length * size)).bit_length() - 1, 0)
    if not (texts < rows and rows % texts == 0 and _on_one_processor()):
        return compute(inputs)
    slices = {key: ops.reshape(x, (-1, texts, length)) for key, x in inputs.items()}
    found = ops.map(compute, slices)
    return {key: ops.reshape(x, (rows, *x.shape[2:])) for key, x in found.items()}


def _on_one_processor() -> bool:
    import jax

    return jax.default_backend() == "cpu" and keras.distribution.distribution() is None
