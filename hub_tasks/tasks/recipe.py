"""What "auto" means in `compile`: optimizer, loss and metrics for a problem."""

from typing import Any

import keras
from keras import ops

_WARMUP = 0.1  # share of the steps


@keras.saving.register_keras_serializable(package="hub_tasks")
class WarmupLinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that climbs from zero to `peak`, then falls to zero in a line.

    Args:
        peak: the highest learning rate.
        start: the optimizer's step at which the schedule begins.
        steps: how many steps it lasts; 0 for a constant rate after the warm-up.
        warmup: how many of them climb.
    """

    def __init__(self, peak: float, start: int, steps: int, warmup: int):
        self.peak, self.start, self.steps, self.warmup = peak, start, steps, warmup

    def __call__(self, step):
        done = ops.cast(step, "float32") - self.start
        factor = ops.minimum((done + 1) / max(self.warmup, 1), 1.0)
        if self.steps:
            left = (self.steps - done) / max(self.steps - self.warmup, 1)
            factor = ops.minimum(factor, ops.maximum(left, 0.0))
        return self.peak * factor

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "start": self.start,
            "steps": self.steps,
            "warmup": self.warmup,
        }


def peak_learning_rate(hidden_dim: int) -> float:
    """The learning rate for fine-tuning an encoder: small models want larger steps.

    2e-4 at 384 (MiniLM), 5e-5 at 768 (BERT base), 2.8e-5 at 1024, at most 1e-3.
    """
    return min(2e-4 * (384 / hidden_dim) ** 2, 1e-3)


def auto_optimizer(hidden_dim: int, variable_dtype: str) -> keras.optimizers.Optimizer:
    """AdamW with weight decay on kernels alone and gradients clipped to norm 1."""
    # Keras cannot clip TensorFlow's sparse gradients of variables in half precision.
    clipnorm = 1.0 if variable_dtype in ("float32", "float64") else None
    optimizer = keras.optimizers.AdamW(
        peak_learning_rate(hidden_dim), weight_decay=0.01, global_clipnorm=clipnorm
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def start_schedule(
    optimizer: keras.optimizers.Optimizer, hidden_dim: int, steps: int | None
) -> None:
    """Gives the optimizer of `auto_optimizer` a schedule over the next `steps` steps."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # within loss scaling
    warmup = int(_WARMUP * steps) if steps else 100
    inner.learning_rate = WarmupLinearDecay(
        peak_learning_rate(hidden_dim), int(inner.iterations), steps or 0, warmup
    )


def auto_loss(problem_type: str, activation: str) -> keras.losses.Loss:
    """The loss of a problem."""
    from_logits = activation == "linear"
    if problem_type == "regression":
        return keras.losses.MeanSquaredError()
    if problem_type == "multi_label_classification":
        return keras.losses.BinaryCrossentropy(from_logits=from_logits)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)


def auto_metrics(problem_type: str, activation: str) -> list[keras.metrics.Metric]:
    """The metrics of a problem."""
    if problem_type == "regression":
        return [keras.metrics.MeanAbsoluteError(name="mean_absolute_error")]
    if problem_type == "multi_label_classification":
        threshold = 0.0 if activation == "linear" else 0.5
        return [keras.metrics.BinaryAccuracy(name="binary_accuracy", threshold=threshold)]
    return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
