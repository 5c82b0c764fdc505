"""What `AdamW` computes by itself on TensorFlow, with operations of Keras and its objects' own.

Gradients of tables come as `tf.IndexedSlices`.
"""

from typing import Any

from keras import ops

from hub_tasks.layers.table import reads_rows
from hub_tasks.tasks.adamw_rows import clip, decay, fits, has_rows, joined, whole, with_values

__all__ = ["clip", "decay", "fits", "joined", "takes", "update"]


def takes(values: list[Any]) -> bool:
    """Whether variables with these values can be trained: none that a strategy distributes."""
    return all(map(reads_rows, values))


def update(optimizer: Any, grads: list[Any], variables: list[Any], learning_rate: Any) -> None:
    """A step of all variables; what they have in common is computed once."""
    steps = ops.cast(optimizer.iterations + 1, "float32")
    unbiased = [1 - ops.power(beta, steps) for beta in (optimizer.beta_1, optimizer.beta_2)]
    for grad, variable in zip(grads, variables, strict=True):
        rate = learning_rate * optimizer.rate_of(variable)
        if not optimizer.is_lazy(variable):
            rate = rate * ops.sqrt(unbiased[1]) / unbiased[0]
            _update_dense(optimizer, whole(grad), variable, rate)
        elif has_rows(grad):
            _update_rows(optimizer, grad, variable, rate)
        else:
            optimizer.update_step(grad, variable, learning_rate)


def _update_rows(optimizer: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
    """The lazy step of rows that have a gradient; where it is 0, nothing is added."""
    moment = optimizer.moments(variable)[1]
    before = moment.value.sparse_read(gradient.indices)
    step, moved = optimizer.lazy_step(gradient.values, before)
    step = step * ops.cast(learning_rate, variable.dtype)
    optimizer.assign_add(moment, with_values(gradient, moved - before))
    optimizer.assign_sub(variable, with_values(gradient, step))


def _update_dense(optimizer: Any, gradient: Any, variable: Any, rate: Any) -> None:
    gradient = ops.cast(gradient, variable.dtype)
    first, second = (moment.value for moment in optimizer.moments(variable))
    mean = first + (gradient - first) * (1 - optimizer.beta_1)
    square = second + (gradient * gradient - second) * (1 - optimizer.beta_2)
    first.assign(mean)
    second.assign(square)
    step = ops.cast(rate, variable.dtype) * mean / (ops.sqrt(square) + optimizer.epsilon)
    variable.value.assign_sub(step)
