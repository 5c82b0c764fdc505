"""What `AdamW` computes by itself on TensorFlow: weights in float32 by its kernel.

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
    dense_rate = learning_rate * ops.sqrt(unbiased[1]) / unbiased[0]
    settings = _kernel_settings(optimizer)
    for grad, variable in zip(grads, variables, strict=True):
        rate = optimizer.rate_of(variable)
        if optimizer.is_lazy(variable):
            if has_rows(grad):
                _update_rows(optimizer, grad, variable, learning_rate * rate)
            else:
                optimizer.update_step(grad, variable, learning_rate)
        elif variable.dtype == "float32" and not getattr(rate, "shape", ()):
            _update_fused(optimizer, whole(grad), variable, _product(dense_rate, rate), settings)
        else:
            _update_dense(optimizer, whole(grad), variable, dense_rate * rate)


def _product(learning_rate: Any, rate: Any) -> Any:
    """Of most weights the rate is 1, and each product would be one more operation to trace."""
    return learning_rate if isinstance(rate, float) and rate == 1 else learning_rate * rate


def _kernel_settings(optimizer: Any) -> dict[str, Any]:
    """What the kernel wants to know beside a variable, its gradient and its rate."""
    settings = {
        "beta1_power": 0.0,  # the rate is that of moments without bias
        "beta2_power": 0.0,
        "beta1": optimizer.beta_1,
        "beta2": optimizer.beta_2,
        "epsilon": optimizer.epsilon,
    }
    return {name: ops.convert_to_tensor(value, "float32") for name, value in settings.items()}


def _update_fused(
    optimizer: Any, gradient: Any, variable: Any, rate: Any, settings: dict[str, Any]
) -> None:
    import tensorflow as tf

    first, second = optimizer.moments(variable)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.value.handle,
        m=first.value.handle,
        v=second.value.handle,
        lr=rate,
        grad=ops.cast(gradient, "float32"),
        **settings,
    )


def _update_rows(optimizer: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
    """The lazy step of rows that have a gradient; where it is 0, nothing is added."""
    moment = optimizer.moments(variable)[1]
    before = moment.value.sparse_read(gradient.indices)
    step, moved = optimizer.lazy_step(gradient.values, before)
    step = step * ops.cast(learning_rate, variable.dtype)
    optimizer.assign_add(moment, with_values(gradient, moved - before))
    optimizer.assign_sub(variable, with_values(gradient, step))


def _update_dense(optimizer: Any, gradient: Any, variable: Any, rate: Any) -> None:
    """The same step by plain operations: for other precisions, or a rate for each output."""
    gradient = ops.cast(gradient, variable.dtype)
    first, second = (moment.value for moment in optimizer.moments(variable))
    mean = first + (gradient - first) * (1 - optimizer.beta_1)
    square = second + (gradient * gradient - second) * (1 - optimizer.beta_2)
    first.assign(mean)
    second.assign(square)
    step = ops.cast(rate, variable.dtype) * mean / (ops.sqrt(square) + optimizer.epsilon)
    variable.value.assign_sub(step)
