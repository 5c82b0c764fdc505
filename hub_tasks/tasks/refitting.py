"""Training anew on all rows, once those held out have said what they can."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from hub_tasks.tasks.inference import watched
from hub_tasks.tasks.scoring import ValidationCallback

_REPORTING = (
    keras.callbacks.CSVLogger,
    keras.callbacks.History,
    keras.callbacks.ProgbarLogger,
    keras.callbacks.RemoteMonitor,
    keras.callbacks.TensorBoard,
)


class Beginning:
    """The state of a compiled model before training, and the way back to it.

    Args:
        model: its weights and what its optimizer, which is built, remembers are kept.
    """

    def __init__(self, model: keras.Model):
        variables = [*model.weights, *model.optimizer.variables]
        # Copied: on some backends the array shares the memory of the variable.
        self._values = [(v, np.array(ops.convert_to_numpy(v))) for v in variables]

    def restore(self) -> None:
        """Undoes the training, once; random numbers go on where they were."""
        while self._values:
            variable, value = self._values.pop()
            variable.assign(value)


def best_epoch(losses: Sequence[float]) -> int:
    """How many epochs led to the lowest loss on the rows held out, of which NaN is none."""
    return int(np.argmin(np.nan_to_num(losses, nan=np.inf))) + 1


def repeatable(
    callbacks: Any, initial_epoch: int, steps_per_epoch: int | None, validation_freq: Any
) -> bool:
    """Whether a training with these arguments of `fit` may be followed by another one.

    Callbacks may report on the first, but neither steer it nor keep its weights. A class that
    is derived from one of Keras's may do anything.
    """
    whole = not (initial_epoch or steps_per_epoch) and validation_freq == 1
    given = watched(callbacks)
    reporting = (type(c) in _REPORTING or isinstance(c, ValidationCallback) for c in given)
    return whole and all(reporting)
