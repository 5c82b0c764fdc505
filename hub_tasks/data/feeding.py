"""Batches -> what Keras's trainer takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from hub_tasks.data.batches import Batch, Batches, MemoryBatches, StreamBatches
from hub_tasks.data.tf_data import feed_few, feed_tensorflow
from hub_tasks.errors import DataError, received

_FEW = 8  # batches that TensorFlow is given at once


@contextmanager
def original_errors(*batches: Any) -> Iterator[None]:
    """Raises what went wrong in a stream, in place of what TensorFlow makes of it."""
    try:
        yield
    except Exception as error:
        for original in (getattr(b, "error", None) for b in batches):
            if original is not None and original is not error:
                raise original from None
        raise


class _Feed(keras.utils.PyDataset):
    """Batches as a `PyDataset` that Keras reads in order.

    Index 0 begins a pass. `num_batches` None means as many as Keras asks for, pass upon pass.
    """

    def __init__(self, batches: Batches):
        super().__init__()
        self._batches = batches
        self._pass: Iterator[Batch] = iter(())

    @property
    def num_batches(self) -> int | None:
        return self._batches.num_batches

    def __getitem__(self, index: int) -> Batch:
        if index == 0:
            self._pass = iter(self._batches)
        try:
            return next(self._pass)
        except StopIteration:
            self._pass = iter(self._batches)
            return next(self._pass)


def feed(batches: MemoryBatches | StreamBatches, passes: int = 1, steps: int | None = None) -> Any:
    """What Keras's trainer takes on the current backend.

    Args:
        batches: what to feed.
        passes: how often they will be read from the start.
        steps: how many batches Keras will take in a pass, if the user says so.

    Raises:
        DataError: an endless source without `steps`, or several passes over a generator.
    """
    if isinstance(batches, StreamBatches) and steps is None:
        _bound(batches, passes)
        batches.ahead = True  # all of it will be asked for
    unknown = batches.num_batches is None
    repeat = unknown and passes > 1 and batches.restartable
    if keras.backend.backend() == "tensorflow":
        if isinstance(batches, MemoryBatches) and passes == 1 and batches.num_batches <= _FEW:
            return feed_few(batches)
        return feed_tensorflow(
            lambda: iter(batches), batches.num_batches, batches.restartable, repeat
        )
    return (batch for batch in batches) if unknown and not repeat else _Feed(batches)


def _bound(batches: StreamBatches, passes: int) -> None:
    """Learns the length of a stream where several passes need it, or says what is missing."""
    source = batches.source
    if source.endless:
        raise DataError(
            "The data set never ends: say how many batches make an epoch with `steps_per_epoch=` "
            "(or `steps=`, `validation_steps=`). Received: steps=None"
        )
    if passes > 1 and not source.restartable:
        raise DataError(
            "A generator can be read once: pass `steps_per_epoch=`, a list, or a "
            f"keras.utils.PyDataset. {received(epochs=passes)}"
        )
    if passes > 1 and source.num_batches is None:
        batches.num_batches = sum(1 for rows in source.batches() if len(rows))
