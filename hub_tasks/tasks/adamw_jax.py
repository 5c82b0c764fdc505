"""What `AdamW` computes by itself on JAX: steps of the rows in `RowGradient`s.

All else is Keras's, of whose operations XLA makes one pass.
"""

from typing import Any

from keras import ops

from hub_tasks.tasks.adamw_rows import clip, decay, fits, has_rows, joined, whole

__all__ = ["clip", "decay", "fits", "joined", "takes", "update"]


def takes(values: list[Any]) -> bool:
    """Whether variables with these values can be trained."""
    return True


def update(optimizer: Any, grads: list[Any], variables: list[Any], learning_rate: Any) -> None:
    """A step of all variables."""
    for grad, variable in zip(grads, variables, strict=True):
        if has_rows(grad) and optimizer.is_lazy(variable):
            _update_rows(optimizer, grad, variable, learning_rate * optimizer.rate_of(variable))
        else:
            optimizer.update_step(whole(grad), variable, learning_rate)


def _update_rows(optimizer: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
    """The lazy step of rows that have a gradient; where it is 0, nothing is added."""
    rows, values = gradient.indices, ops.cast(gradient.values, variable.dtype)
    moment = optimizer.moments(variable)[1]
    before = ops.take(moment, rows, axis=0)
    step, moved = optimizer.lazy_step(values, before)
    moment.assign(moment.value.at[rows].add(moved - before))
    step = step * ops.cast(learning_rate, variable.dtype)
    variable.assign(variable.value.at[rows].add(-step))
