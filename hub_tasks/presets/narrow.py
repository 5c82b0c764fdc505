"""Weights in fewer bits than they are computed in: what a file stores, and what it stands for.

"float16" rounds every number. "int8" keeps matrices as codes from -127 to 127 and a float32
scale beside them, and all else as float32:

    number = code * scale

A row of a table of vectors has a scale of its own, and so has a column of a kernel, which
belongs to one output. A scale has 17 significant bits and a code 7, so that their product is
a float32 without rounding. The largest number of a row gets code 127: what was read is
stored again as the same codes and scales, however often.
"""

import numpy as np

from hub_tasks.families import Tensor

NARROW = {"float16": np.dtype("float16"), "int8": np.dtype("float32")}  # -> what is not int8
CODES = np.dtype("int8")
SCALES = np.dtype("float32")
LARGEST = 127
_SPARE_BITS = 7  # of a float32's 24, those that a code takes
_SMALLEST = np.finfo(SCALES).smallest_normal
_ENTRY = 128  # bytes that the header says of a scale


def scale_name(name: str) -> str:
    """The name of the scale of a tensor."""
    return f"{name}.scale"


def scale_shape(tensor: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the scale of a file's tensor of `shape`: 1 along the axes that share one."""
    shared = _shared_axes(tensor, len(shape))
    return tuple(1 if axis in shared else size for axis, size in enumerate(shape))


def narrowed(weights_format: str, tensor: Tensor, value: np.ndarray) -> dict[str, np.ndarray]:
    """The tensors of a file that hold one of our variables, scales included: name -> array.

    Args:
        weights_format: of `NARROW`; any other stores numbers as they are.
        tensor: the rule.
        value: the variable.
    """
    stored = dict(zip(tensor.names, tensor.encode(value), strict=True))
    if weights_format not in NARROW:
        return stored
    for name in tensor.names:
        piece = stored[name] = stored[name].astype(NARROW[weights_format])
        if weights_format == "int8" and value.ndim > 1 and _gains(tensor, piece):
            stored[name], stored[scale_name(name)] = quantise(
                piece, _shared_axes(tensor, piece.ndim)
            )
    return stored


def widened(weights_format: str, tensor: Tensor, value: np.ndarray) -> np.ndarray:
    """What is read of a variable that was stored as `narrowed` says."""
    stored = narrowed(weights_format, tensor, value)
    scales = {name: stored.get(scale_name(name)) for name in tensor.names}
    pieces = [
        stored[name] if scale is None else dequantise(stored[name], scale)
        for name, scale in scales.items()
    ]
    return tensor.decode(pieces, value.shape)


def quantise(value: np.ndarray, shared: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Finite float32 numbers -> codes and scale.

    Args:
        value: the numbers.
        shared: the axes along which they share a scale.
    """
    largest = np.abs(value).max(axis=shared, keepdims=True)
    bits = (largest / SCALES.type(LARGEST)).view("int32") >> _SPARE_BITS << _SPARE_BITS
    scale = np.maximum(bits.view(SCALES), _SMALLEST)
    codes = value / scale
    return np.rint(codes, out=codes).astype(CODES), scale


def dequantise(codes: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Codes and scale -> float32 numbers; infinite ones where the scale is too large."""
    with np.errstate(over="ignore"):
        return np.multiply(codes, scale, dtype=SCALES)


def _shared_axes(tensor: Tensor, axes: int) -> tuple[int, ...]:
    if tensor.ours.endswith("embeddings"):
        return tuple(range(1, axes))
    return (0,) if tensor.head_axis == "output" else tuple(range(axes - 1))


def _gains(tensor: Tensor, piece: np.ndarray) -> bool:
    """Whether codes, scale and what the header says of it take at most half of float32."""
    scales = int(np.prod(scale_shape(tensor, piece.shape)))
    return piece.size + scales * SCALES.itemsize + _ENTRY <= piece.nbytes // 2
