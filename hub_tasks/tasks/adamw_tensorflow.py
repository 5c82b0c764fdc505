"""What `AdamW` computes by itself on TensorFlow, unless a strategy distributes variables."""

from collections.abc import Iterable
from typing import Any

from keras import ops


def fits(tensors: Iterable[Any]) -> bool:
    """Whether gradients or values like these can be computed with here."""
    import tensorflow as tf

    return not tf.distribute.has_strategy() and all(t is not None for t in tensors)


takes = fits


def joined(grads: list[Any], by_row: bool) -> list[Any]:
    """Gradients whose rows stand in them once, or whole ones.

    TensorFlow says what each token of a batch adds to the gradient of a table: a token that is
    there twice has two rows, of which neither is the gradient. Keras takes them as they are
    where it clips nothing.
    """
    import tensorflow as tf

    one = _of_rows if by_row else tf.convert_to_tensor
    return [one(grad) if isinstance(grad, tf.IndexedSlices) else grad for grad in grads]


def _of_rows(gradient: Any) -> Any:
    import tensorflow as tf

    rows, places = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def clip(grads: list[Any], most: float) -> list[Any]:
    """Gradients with a global norm of at most this."""
    import tensorflow as tf

    return tf.clip_by_global_norm(grads, most)[0]


def decay(optimizer: Any, variables: list[Any]) -> None:
    """Shrinks weights; Keras would trace the schedule of the rate once for each of them."""
    share = optimizer.learning_rate * optimizer.weight_decay
    for variable in variables:
        optimizer.assign_sub(variable, variable * ops.cast(share, variable.dtype))


def update(optimizer: Any, grads: list[Any], variables: list[Any], learning_rate: Any) -> None:
    """A step of all variables, one operation for each."""
    import tensorflow as tf

    step = ops.cast(optimizer.iterations + 1, "float32")
    powers = [ops.power(beta, step) for beta in (optimizer.beta_1, optimizer.beta_2)]
    for grad, variable in zip(grads, variables, strict=True):
        rate = ops.cast(learning_rate * optimizer.rate_of(variable), variable.dtype)
        if not optimizer.is_lazy(variable):
            _update_fused(optimizer, tf.convert_to_tensor(grad), variable, rate, powers)
        elif isinstance(grad, tf.IndexedSlices):
            _update_rows(optimizer, grad, variable, rate)
        else:
            optimizer.update_step(grad, variable, learning_rate)


def _update_rows(optimizer: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
    """The lazy step of rows that have a gradient."""
    import tensorflow as tf

    rows, moment = gradient.indices, optimizer.moments(variable)[1].value
    step, moved = optimizer.lazy_step(gradient.values, tf.gather(moment, rows))
    moment.scatter_update(tf.IndexedSlices(moved, rows))
    variable.value.scatter_sub(tf.IndexedSlices(step * learning_rate, rows))


def _update_fused(
    optimizer: Any, gradient: Any, variable: Any, learning_rate: Any, powers: list[Any]
) -> None:
    import tensorflow as tf

    dtype = variable.value.dtype
    first, second = optimizer.moments(variable)
    numbers = {"lr": learning_rate, "beta1_power": powers[0], "beta2_power": powers[1]}
    numbers |= {"beta1": optimizer.beta_1, "beta2": optimizer.beta_2}
    numbers |= {"epsilon": optimizer.epsilon}
    tf.raw_ops.ResourceApplyAdam(
        var=variable.value.handle,
        m=first.value.handle,
        v=second.value.handle,
        grad=tf.cast(gradient, dtype),
        **{name: tf.cast(number, dtype) for name, number in numbers.items()},
    )
