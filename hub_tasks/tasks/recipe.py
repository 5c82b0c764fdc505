"""What "auto" means in `compile`: optimizer, loss and metrics for a problem."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras import ops

from hub_tasks.tasks.adamw import AdamW, at_hand

_WARMUP = 0.1  # share of the steps
_NUMBERS = SimpleNamespace(minimum=min, maximum=max, where=lambda first, a, b: a if first else b)
RATE_CALLBACKS = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)


@keras.saving.register_keras_serializable(package="hub_tasks")
class WarmupLinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that climbs from zero to `peak`, then falls to zero in a line.

    Args:
        peak: the highest learning rate.
        start: the optimizer's step at which the schedule begins.
        steps: how many steps it lasts; 0 for a constant rate after the warm-up.
        warmup: how many of them climb.
        held: a constant rate in place of all this; none where negative.

    All but the first are numbers, or variables of the optimizer's: those can change without
    the training step being traced again.
    """

    def __init__(
        self, peak: float, start: Any = 0, steps: Any = 0, warmup: Any = 0, held: Any = -1.0
    ):
        self.peak, self.start, self.steps, self.warmup = peak, start, steps, warmup
        self.held = held

    def __call__(self, step):
        given = step, self.start, self.steps, self.warmup, self.held
        in_python = all(map(at_hand, given))
        number, lib = (float, _NUMBERS) if in_python else (partial(ops.cast, dtype="float32"), ops)
        step, start, steps, warmup, held = map(number, given)
        done = step - start
        climbing = lib.minimum((done + 1) / lib.maximum(warmup, 1.0), 1.0)
        left = lib.maximum((steps - done) / lib.maximum(steps - warmup, 1.0), 0.0)
        falling = lib.where(steps > 0, lib.minimum(left, 1.0), 1.0)
        return lib.where(held < 0, self.peak * lib.minimum(climbing, falling), held)

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "start": int(self.start.numpy()),
            "steps": int(self.steps.numpy()),
            "warmup": int(self.warmup.numpy()),
            "held": float(self.held.numpy()),
        }


def peak_learning_rate(hidden_dim: int) -> float:
    """The learning rate for fine-tuning an encoder: small models want larger steps.

    2e-4 at 384 (MiniLM), 5e-5 at 768 (BERT base), 2.8e-5 at 1024, at most 1e-3.
    """
    return min(2e-4 * (384 / hidden_dim) ** 2, 1e-3)


def auto_optimizer(
    learning_rate: float, variable_dtype: str, **options: Any
) -> keras.optimizers.Optimizer:
    """AdamW with weight decay on kernels alone and gradients clipped to norm 1.

    Args:
        learning_rate: the highest.
        variable_dtype: of the weights.
        **options: further arguments of the optimizer.
    """
    # Keras cannot clip TensorFlow's sparse gradients of variables in half precision.
    clipnorm = 1.0 if variable_dtype in ("float32", "float64") else None
    schedule = WarmupLinearDecay(learning_rate)
    optimizer = AdamW(schedule, global_clipnorm=clipnorm, **options)
    for name in ("start", "steps", "warmup"):
        setattr(schedule, name, optimizer.add_variable((), dtype="int32", name=f"schedule_{name}"))
    none = keras.initializers.Constant(-1.0)
    schedule.held = optimizer.add_variable((), none, dtype="float32", name="schedule_held")
    optimizer.schedule = schedule
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def start_schedule(
    optimizer: keras.optimizers.Optimizer, steps: int | None, bigram_rate: float
) -> None:
    """Lets the schedule of `auto_optimizer` begin anew.

    Args:
        optimizer: made by `auto_optimizer`.
        steps: how many steps the schedule lasts; None where that is not known.
        bigram_rate: see `Recipe`.
    """
    inner = _inner(optimizer)
    inner.bigram_rate.assign(bigram_rate)
    schedule = inner.schedule
    schedule.start.assign(int(inner.iterations.numpy()))
    schedule.steps.assign(steps or 0)
    schedule.warmup.assign(int(_WARMUP * steps) if steps else 100)


def scale_outputs(optimizer: keras.optimizers.Optimizer, amounts: np.ndarray) -> None:
    """Lets the outputs of a regression take steps that suit the amounts to be learnt.

    A step of Adam's is of about one size, whatever the gradient: amounts in the hundreds would
    else take hundreds of thousands of them.

    Args:
        optimizer: made by `auto_optimizer` with an `output_rate`.
        amounts: `(rows, outputs)`.
    """
    _inner(optimizer).output_rate.assign(spread(amounts))


def spread(amounts: np.ndarray) -> np.ndarray:
    """The standard deviation of each output's amounts, 1 where they are all the same."""
    found = amounts.std(axis=0)
    return np.where(found > 0, found, 1.0)


def hold_peak(optimizer: keras.optimizers.Optimizer) -> None:
    """Puts the highest rate in place of the schedule, unless a rate was set before.

    What sets the rate itself must not begin with the first step of the warm-up.
    """
    schedule = _inner(optimizer).schedule
    if schedule.held.numpy() < 0:
        schedule.held.assign(schedule.peak)


def keep_rate(before: keras.optimizers.Optimizer, after: keras.optimizers.Optimizer) -> None:
    """Hands a rate that was set on to the next optimizer of `auto_optimizer`."""
    held = _inner(before).schedule.held
    _inner(after).schedule.held.assign(float(held.numpy()))  # on JAX both would have one array


def _inner(optimizer: keras.optimizers.Optimizer) -> Any:
    return getattr(optimizer, "inner_optimizer", optimizer)  # within loss scaling


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
    name = "binary_accuracy" if problem_type == "multi_label_classification" else "accuracy"
    return [accuracy(problem_type, activation, name)]


def accuracy(problem_type: str, activation: str, name: str) -> keras.metrics.Metric:
    """The share of right labels, or of right entries where several may apply."""
    if problem_type == "multi_label_classification":
        threshold = 0.0 if activation == "linear" else 0.5
        return keras.metrics.BinaryAccuracy(name=name, threshold=threshold)
    return keras.metrics.SparseCategoricalAccuracy(name=name)
