"""What `AdamW` computes by itself on TensorFlow, with operations of Keras and its objects' own.

Gradients of tables come as `tf.IndexedSlices`: `values`, one for each token of a batch, and
`indices`, their rows, of which a token that is there twice has two.
"""

from collections.abc import Iterable
from typing import Any

from keras import ops

from hub_tasks.layers.table import reads_rows


def fits(tensors: Iterable[Any]) -> bool:
    """Whether gradients like these can be computed with here."""
    return all(tensor is not None for tensor in tensors)


def takes(values: list[Any]) -> bool:
    """Whether variables with these values can be trained: none that a strategy distributes."""
    return all(map(reads_rows, values))


def joined(grads: list[Any], by_row: bool) -> list[Any]:
    """Gradients with one value for each row, or whole ones.

    Of two values for one row neither is the gradient; Keras takes them as they are where it
    clips nothing.
    """
    return [_of_rows(grad) if by_row and _has_rows(grad) else _whole(grad) for grad in grads]


def _has_rows(gradient: Any) -> bool:
    return type(gradient).__name__ == "IndexedSlices"


def _whole(gradient: Any) -> Any:
    if not _has_rows(gradient):
        return gradient
    return ops.segment_sum(gradient.values, gradient.indices, gradient.dense_shape[0])


def _of_rows(gradient: Any) -> Any:
    """The sum of a row's values where it stands last in the batch, 0 where it stands before."""
    tokens = ops.arange(ops.shape(gradient.indices)[0])
    last = ops.segment_max(tokens, gradient.indices, gradient.dense_shape[0])
    places = ops.take(last, gradient.indices)
    return _with_values(gradient, ops.segment_sum(gradient.values, places, ops.shape(tokens)[0]))


def clip(grads: list[Any], most: float) -> list[Any]:
    """Gradients with a global norm of at most this."""
    values = [grad.values if _has_rows(grad) else grad for grad in grads]
    norm = ops.sqrt(sum(ops.sum(ops.square(ops.cast(value, "float32"))) for value in values))
    share = most / ops.maximum(norm, most)
    return [
        _with_values(grad, value * ops.cast(share, value.dtype))
        for grad, value in zip(grads, values, strict=True)
    ]


def _with_values(gradient: Any, values: Any) -> Any:
    if not _has_rows(gradient):
        return values
    return type(gradient)(values, gradient.indices, gradient.dense_shape)


def decay(optimizer: Any, variables: list[Any]) -> None:
    """Shrinks weights; Keras would trace the schedule of the rate once for each of them."""
    share = optimizer.learning_rate * optimizer.weight_decay
    for variable in variables:
        optimizer.assign_sub(variable, variable * ops.cast(share, variable.dtype))


def update(optimizer: Any, grads: list[Any], variables: list[Any], learning_rate: Any) -> None:
    """A step of all variables; what they have in common is computed once."""
    steps = ops.cast(optimizer.iterations + 1, "float32")
    unbiased = [1 - ops.power(beta, steps) for beta in (optimizer.beta_1, optimizer.beta_2)]
    for grad, variable in zip(grads, variables, strict=True):
        rate = learning_rate * optimizer.rate_of(variable)
        if not optimizer.is_lazy(variable):
            rate = rate * ops.sqrt(unbiased[1]) / unbiased[0]
            _update_dense(optimizer, _whole(grad), variable, rate)
        elif _has_rows(grad):
            _update_rows(optimizer, grad, variable, rate)
        else:
            optimizer.update_step(grad, variable, learning_rate)


def _update_rows(optimizer: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
    """The lazy step of rows that have a gradient; where it is 0, nothing is added."""
    moment = optimizer.moments(variable)[1]
    before = moment.value.sparse_read(gradient.indices)
    step, moved = optimizer.lazy_step(gradient.values, before)
    step = step * ops.cast(learning_rate, variable.dtype)
    optimizer.assign_add(moment, _with_values(gradient, moved - before))
    optimizer.assign_sub(variable, _with_values(gradient, step))


def _update_dense(optimizer: Any, gradient: Any, variable: Any, rate: Any) -> None:
    gradient = ops.cast(gradient, variable.dtype)
    first, second = (moment.value for moment in optimizer.moments(variable))
    mean = first + (gradient - first) * (1 - optimizer.beta_1)
    square = second + (gradient * gradient - second) * (1 - optimizer.beta_2)
    first.assign(mean)
    second.assign(square)
    step = ops.cast(rate, variable.dtype) * mean / (ops.sqrt(square) + optimizer.epsilon)
    variable.value.assign_sub(step)
