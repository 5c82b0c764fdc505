"""Training anew on all rows, once those held out have said for how many epochs."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops


class Beginning:
    """The state of a compiled model before training, and the way back to it.

    Args:
        model: its weights and what its optimizer remembers are kept.
    """

    def __init__(self, model: keras.Model):
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
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
