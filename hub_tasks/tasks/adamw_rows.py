"""Gradients of single rows of a table, as TensorFlow and our step on JAX have them.

Such a gradient is a `tf.IndexedSlices` or a `RowGradient`: `values`, one for each token of a
batch, and `indices`, their rows, of which a token that is there twice has two.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from keras import ops


class RowGradient(NamedTuple):
    """A gradient of the rows of a table that were looked up.

    Attributes:
        values: `(tokens, dim)`.
        indices: `(tokens,)`, the rows.
        dense_shape: of the table.
    """

    values: Any
    indices: Any
    dense_shape: Any


def has_rows(gradient: Any) -> bool:
    """Whether a gradient is one of rows."""
    return hasattr(gradient, "dense_shape")


def with_values(gradient: Any, values: Any) -> Any:
    """The gradient with other values."""
    if not has_rows(gradient):
        return values
    return type(gradient)(values, gradient.indices, gradient.dense_shape)


def fits(tensors: Iterable[Any]) -> bool:
    """Whether gradients like these can be computed with."""
    return all(tensor is not None for tensor in tensors)


def whole(gradient: Any) -> Any:
    """The gradient as large as the table."""
    if not has_rows(gradient):
        return gradient
    return ops.segment_sum(gradient.values, gradient.indices, gradient.dense_shape[0])


def joined(grads: list[Any], by_row: bool) -> list[Any]:
    """Gradients with one value for each row, or whole ones.

    Of two values for one row neither is the gradient; Keras takes them as they are where it
    clips nothing.
    """
    return [_of_rows(grad) if by_row and has_rows(grad) else whole(grad) for grad in grads]


def _of_rows(gradient: Any) -> Any:
    """The sum of a row's values where it stands last in the batch, 0 where it stands before."""
    tokens = ops.arange(ops.shape(gradient.indices)[0])
    last = ops.segment_max(tokens, gradient.indices, gradient.dense_shape[0])
    places = ops.take(last, gradient.indices)
    return with_values(gradient, ops.segment_sum(gradient.values, places, ops.shape(tokens)[0]))


def clip(grads: list[Any], most: float) -> list[Any]:
    """Gradients with a global norm of at most this."""
    values = [grad.values if has_rows(grad) else grad for grad in grads]
    norm = ops.sqrt(sum(ops.sum(ops.square(ops.cast(value, "float32"))) for value in values))
    share = most / ops.maximum(norm, most)
    return [
        with_values(grad, value * ops.cast(share, value.dtype))
        for grad, value in zip(grads, values, strict=True)
    ]


def decay(optimizer: Any, variables: list[Any]) -> None:
    """Shrinks weights; Keras would trace the schedule of the rate once for each of them."""
    share = optimizer.learning_rate * optimizer.weight_decay
    for variable in variables:
        optimizer.assign_sub(variable, variable * ops.cast(share, variable.dtype))
