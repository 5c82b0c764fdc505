"""Outputs beside targets: what measures a task during training is built on this."""

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any

import keras
import numpy as np
from keras import ops

from hub_tasks.data import FILL, MemoryBatches, RunReport, StreamBatches, feed
from hub_tasks.errors import DataError, PredictionError
from hub_tasks.tasks.inference import InferenceTask


class LabelledBatches:
    """Data with labels that a task predicts for, over and over.

    Args:
        task: predicts.
        data: batches; or what is already tokenised: `(inputs, labels)` or a data set of such.
        batch_size: rows per batch.
        steps: how many batches a pass has; None for all.
    """

    def __init__(self, task: Any, data: Any, batch_size: int | None, steps: int | None = None):
        self._task, self._data, self._steps = task, data, steps
        self._size = batch_size or task.recipe.predict_batch_size
        stream = data if isinstance(data, StreamBatches) else None
        if isinstance(data, Iterator) or (stream and not stream.restartable):
            raise DataError(
                "The validation data is a generator, which can be read once, and a callback reads "
                "it again: pass a list, or a data set that can be read over and over."
            )
        if stream and stream.source.endless and steps is None:
            raise DataError(
                "The validation data never ends: say how many batches to read with "
                "`validation_steps=`. Received: validation_steps=None"
            )

    def predict(self) -> tuple[np.ndarray, np.ndarray]:
        """Targets as the label space encodes them, and outputs, row by row in one order.

        Raises:
            PredictionError: an output is NaN or infinite.
        """
        with _random_state_kept():
            if isinstance(self._data, MemoryBatches | StreamBatches):
                targets, outputs = self._batched()
            elif isinstance(self._data, tuple):
                targets, outputs = self._arrays(*self._data[:2])
            else:
                targets, outputs = self._data_set()
        if not np.isfinite(outputs).all():
            raise PredictionError(
                "The model's outputs for the validation data are not finite; its weights are "
                "damaged, or too large for its dtype."
            )
        return targets, outputs

    def _batched(self) -> tuple[np.ndarray, np.ndarray]:
        batches = _Recorded(self._data, self._steps)
        outputs = self._predict_inputs(feed(batches))
        real = np.concatenate(batches.real)
        return np.concatenate(batches.targets)[real], outputs[real]

    def _arrays(self, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        if self._steps:
            x, y = _cut((x, y), slice(self._steps * self._size))
        return self._encode(y), self._predict_inputs(x, batch_size=self._size)

    def _data_set(self) -> tuple[np.ndarray, np.ndarray]:
        items = self._data
        if isinstance(items, keras.utils.PyDataset):
            items = map(items.__getitem__, range(items.num_batches or self._steps or 0))
        targets, outputs = [], []
        for x, y, *_ in islice(iter(items), self._steps):
            targets.append(self._encode(ops.convert_to_numpy(y)))
            outputs.append(ops.convert_to_numpy(self._task.predict_on_batch(x)))
        return np.concatenate(targets), np.concatenate(outputs)

    def _predict_inputs(self, inputs: Any, **options: Any) -> np.ndarray:
        """Keras's `predict`, past the task's own, which takes texts."""
        return super(InferenceTask, self._task).predict(inputs, verbose=0, **options)

    def _encode(self, labels: Any) -> np.ndarray:
        return self._task.label_space.encode(labels)


def labelled_batches(task: Any, x: Any, y: Any, batch_size: int | None) -> LabelledBatches:
    """Opens texts and labels in any form that `Task.evaluate` takes."""
    size = batch_size or task.recipe.predict_batch_size
    if task.preprocessor is None:
        return LabelledBatches(task, x if y is None else (x, y), size)
    reader = task._reader("evaluate", size, RunReport())
    return LabelledBatches(task, reader.labelled(task.open(x, y, None, size)), size)


def held_out_batches(
    task: Any, batches: list[Any], told: dict[str, Any], batch_size: int, steps: int | None
) -> LabelledBatches | None:
    """The validation data of a `fit`, or None.

    Args:
        task: predicts.
        batches: of the training data and of the validation data, where they came as texts.
        told: else what Keras's `fit` is told.
        batch_size, steps: of validation.
    """
    data = batches[1] if len(batches) > 1 else None
    if task.preprocessor is None:
        data, share = told["validation_data"], told["validation_split"]
        if data is None and share:  # which Keras cuts off in this way
            rows = slice(math.floor(len(told["y"]) * (1 - share)), None)
            data = _cut((told["x"], told["y"]), rows)
    return None if data is None else LabelledBatches(task, data, batch_size, steps)


class ValidationCallback(keras.callbacks.Callback):
    """A callback that reads the validation data of `Task.fit`.

    `fit` runs it before all others, which so find in `logs` what it adds to them.

    Attributes:
        held_out: opens the validation data, or gives None; None outside of `fit`.
    """

    held_out: Callable[[], LabelledBatches | None] | None = None


def show_validation(
    callbacks: Any, held_out: Callable[[], LabelledBatches | None]
) -> list[keras.callbacks.Callback]:
    """Callbacks as a list, those first that read the validation data, which they are shown."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    given = keras.tree.flatten(callbacks) if callbacks else []
    readers = [callback for callback in given if isinstance(callback, ValidationCallback)]
    for reader in readers:
        reader.held_out = held_out
    return [*readers, *(callback for callback in given if callback not in readers)]


def _random_state_kept() -> Any:
    """Measuring must not change training: Torch's loaders draw from what dropout draws from."""
    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    return torch.random.fork_rng(devices=[])  # loaders draw on the processor


def _cut(arrays: Any, rows: slice) -> Any:
    return keras.tree.map_structure(lambda array: array[rows], arrays)


class _Recorded:
    """Batches without targets, which are kept for later; the last pass counts."""

    restartable = True

    def __init__(self, batches: MemoryBatches | StreamBatches, steps: int | None):
        self._batches, self._steps = batches, steps
        known = batches.num_batches
        self.num_batches = None if known is None else min(known, steps or known)
        self.targets: list[np.ndarray] = []
        self.real: list[np.ndarray] = []

    def __iter__(self) -> Iterator[tuple[Any]]:
        targets, real = [], []
        self.targets, self.real = targets, real
        for inputs, target, *weights in islice(iter(self._batches), self._steps):
            targets.append(target)
            real.append(weights[0] != FILL if weights else np.ones(len(target), bool))
            yield (inputs,)
