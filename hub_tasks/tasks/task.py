"""A Keras model that is trained and asked with texts."""

import contextlib
import math
import warnings
from collections.abc import Iterator
from typing import Any

import keras

from hub_tasks.data import (
    Rows,
    RunReport,
    Source,
    feed,
    open_data,
    original_errors,
    warn_of_doubts,
)
from hub_tasks.data.hold_out import hold_out
from hub_tasks.errors import DataError, received
from hub_tasks.tasks.inference import BATCH_SIZE, InferenceTask, watched
from hub_tasks.tasks.progress import LossWatch, TestStopwatch, TrainingStopwatch
from hub_tasks.tasks.reading import encode_tokenised


class Task(InferenceTask):
    """A functional Keras model with a preprocessor before it and a label space behind it.

    `fit`, `evaluate` and `predict` have the arguments and results of Keras's, and take
    texts and labels in any form that `hub_tasks.data` reads. With `preprocessor=None`
    they take what Keras takes.
    """

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> keras.callbacks.History:
        """Trains on texts and labels; arguments as in `keras.Model.fit`.

        Args:
            x: texts: a list, tuple, NumPy array or pandas column; a tuple of two columns
                for pairs; or a `tf.data.Dataset`, a Torch `DataLoader`, a Hugging Face or
                Grain data set, a generator or a `keras.utils.PyDataset` that yields
                `(texts, labels)`.
            y: label names or ids; lists of them, or an indicator matrix, for several per
                text; numbers for regression.
            class_weight: weights by label name or id, or "balanced".
            sample_weight: one weight per row; may be given beside `class_weight`.

        Raises:
            DataError: before the first step where the data is in memory.
            TrainingError: after a step whose loss is not finite.
        """
        passes = epochs - initial_epoch
        size = batch_size or BATCH_SIZE
        report = RunReport()
        watch = TrainingStopwatch(lambda: self._warn_of_truncation(report))
        read: list[Any] = []
        if self.preprocessor is None:
            data = self._tokenised_training(
                x, y, sample_weight, class_weight, validation_data, validation_batch_size
            )
            data |= dict(batch_size=batch_size, validation_split=validation_split, shuffle=shuffle)
            steps = steps_per_epoch or _steps_of_arrays(x, size)
        else:
            train, held_out = self._open_training(x, y, sample_weight, validation_split, size)
            if validation_data is not None:
                held_out = _open_validation(validation_data, validation_batch_size or size)
            batches = self._reader("fit", size, report).labelled(
                train, class_weight, "shuffled" if shuffle else "given"
            )
            read.append(batches)
            self._warn_of_doubts(train, batches)
            data = {"x": feed(batches, passes, steps_per_epoch), "shuffle": False}
            if held_out is not None:
                reader = self._reader("evaluate", validation_batch_size or size, RunReport())
                validation = reader.labelled(held_out)
                read.append(validation)
                self._warn_of_absent_classes(batches, validation)
                data["validation_data"] = feed(validation, passes, validation_steps)
            steps = steps_per_epoch or batches.num_batches
        self._start_training(steps, passes)
        with _reading(*read), self._reporting(report, watch):
            return super().fit(
                **data,
                epochs=epochs,
                verbose=verbose,
                callbacks=watched(callbacks, watch, LossWatch()),
                initial_epoch=initial_epoch,
                steps_per_epoch=steps_per_epoch,
                validation_steps=validation_steps,
                validation_freq=validation_freq,
            )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Loss and metrics on texts and labels; arguments as in `keras.Model.evaluate`."""
        rest = dict(
            verbose=verbose, steps=steps, callbacks=callbacks, return_dict=return_dict, **kwargs
        )
        if self.preprocessor is None or kwargs:  # kwargs: Keras's own call within `fit`
            if not kwargs:
                x, y, sample_weight = self._tokenised(x, y, None, sample_weight)
            return super().evaluate(
                x, y, batch_size=batch_size, sample_weight=sample_weight, **rest
            )
        size = batch_size or BATCH_SIZE
        report, watch = RunReport(), TestStopwatch()
        batches = self._reader("evaluate", size, report).labelled(
            open_data(x, y, sample_weight, size)
        )
        rest["callbacks"] = watched(callbacks, watch)
        with _reading(batches), self._reporting(report, watch):
            return super().evaluate(feed(batches, 1, steps), **rest)

    def _adapt_to_labels(self, labels: Any) -> None:
        """Called with all labels before training on data in memory."""

    def _start_training(self, steps: int | None, passes: int) -> None:
        """Called before training with the steps of an epoch, where known."""

    def _open_training(
        self, x: Any, y: Any, sample_weight: Any, validation_split: float, batch_size: int
    ) -> tuple[Rows | Source, Rows | None]:
        opened = open_data(x, y, sample_weight, batch_size)
        if isinstance(opened, Rows):
            self._adapt_to_labels(opened.labels)
            return hold_out(opened, validation_split)
        if validation_split:
            raise DataError(
                "`validation_split` needs data in memory; pass `validation_data=` instead. "
                f"{received(validation_split=validation_split, x=type(x))}"
            )
        return opened, None

    def _tokenised_training(
        self, x: Any, y: Any, weights: Any, class_weight: Any, validation: Any, size: int | None
    ) -> dict[str, Any]:
        """What Keras's `fit` is told of data that is already tokenised."""
        by_class = None
        if class_weight is not None and y is None:
            # Keras itself applies them to a stream, since it alone sees the labels.
            by_class = dict(enumerate(self.label_space.weights(class_weight, None).tolist()))
        x, y, weights = self._tokenised(x, y, class_weight, weights)
        if isinstance(validation, tuple) and len(validation) > 1:
            vx, vy, vw = (*validation, None)[:3]
            validation = self._tokenised(vx, vy, None, vw)
        return {
            "x": x,
            "y": y,
            "sample_weight": weights,
            "class_weight": by_class,
            "validation_data": validation,
            "validation_batch_size": size,
        }

    def _tokenised(self, x: Any, y: Any, class_weight: Any, sample_weight: Any) -> Any:
        """Labels and weights of data that is already tokenised, encoded where in memory."""
        if y is None:
            return x, y, sample_weight
        self._adapt_to_labels(y)
        return encode_tokenised(x, y, self.label_space, class_weight, sample_weight)

    def _warn_of_doubts(self, train: Rows | Source, batches: Any) -> None:
        if isinstance(train, Rows):
            warn_of_doubts(train, batches.targets, self.label_space.names)

    def _warn_of_absent_classes(self, train: Any, validation: Any) -> None:
        targets = getattr(train, "targets", None), getattr(validation, "targets", None)
        if any(t is None or t.ndim != 1 for t in targets):
            return
        absent = sorted(set(targets[1].tolist()) - set(targets[0].tolist()))
        if absent:
            names = ", ".join(repr(self.label_space.names[i]) for i in absent)
            warnings.warn(
                f"The validation data holds labels that the training data lacks: {names}.",
                stacklevel=3,
            )


@contextlib.contextmanager
def _reading(*batches: Any) -> Iterator[None]:
    """Streams may end without Keras's warning, and their errors arrive as they were raised."""
    with warnings.catch_warnings(), original_errors(*batches):
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        yield


def _steps_of_arrays(x: Any, batch_size: int) -> int | None:
    """The steps of an epoch over a dict of arrays; None for other inputs."""
    if not isinstance(x, dict) or not x:
        return None
    return math.ceil(len(next(iter(x.values()))) / batch_size)


def _open_validation(data: Any, batch_size: int) -> Rows | Source:
    parts = data if isinstance(data, tuple) else (data,)
    x, y, weights = (*parts, None, None)[:3]
    return open_data(x, y, weights, batch_size)
