"""A Keras model that is trained and asked with texts."""

import contextlib
import math
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from hub_tasks.data import (
    LabelSpace,
    MemoryBatches,
    Rows,
    Source,
    StreamBatches,
    check_sample_weight,
    feed,
    open_data,
    original_errors,
)
from hub_tasks.data.hold_out import hold_out
from hub_tasks.errors import DataError, received
from hub_tasks.tasks.preprocessor import TextClassifierPreprocessor

_BATCH_SIZE = 32


class Task(keras.Model):
    """A functional Keras model with a preprocessor before it and a label space behind it.

    `fit`, `evaluate` and `predict` have the arguments and results of Keras's, and take
    texts and labels in any form that `hub_tasks.data` reads. With `preprocessor=None`
    they take what Keras takes.
    """

    preprocessor: TextClassifierPreprocessor | None
    label_space: LabelSpace

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
                for pairs; or a `tf.data.Dataset`, a generator or a
                `keras.utils.PyDataset` that yields `(texts, labels)`.
            y: label names or ids; lists of them, or an indicator matrix, for several per
                text; numbers for regression.
            class_weight: weights by label name or id, or "balanced".
            sample_weight: one weight per row; may be given beside `class_weight`.

        Raises:
            DataError: before the first step where the data is in memory.
        """
        passes = epochs - initial_epoch
        read: list[Any] = []
        if self.preprocessor is None:
            train = self._tokenised(x, y, class_weight, sample_weight)
            data = {
                **dict(zip(("x", "y", "sample_weight"), train, strict=True)),
                "batch_size": batch_size,
                "validation_split": validation_split,
                "validation_data": self._tokenised_validation(validation_data),
                "validation_batch_size": validation_batch_size,
                "shuffle": shuffle,
                "class_weight": self._class_weights_of_stream(y, class_weight),
            }
            steps = steps_per_epoch or _steps_of_arrays(x, batch_size or _BATCH_SIZE)
        else:
            size = batch_size or _BATCH_SIZE
            train, held_out = self._open_training(x, y, sample_weight, validation_split, size)
            if validation_data is not None:
                held_out = _open_validation(validation_data, validation_batch_size or size)
            batches = self._batches(train, size, class_weight, shuffle)
            read.append(batches)
            data = {"x": feed(batches, passes, steps_per_epoch), "shuffle": False}
            if held_out is not None:
                validation = self._batches(held_out, validation_batch_size or size)
                read.append(validation)
                self._warn_of_absent_classes(batches, validation)
                data["validation_data"] = feed(validation, passes, validation_steps)
            steps = steps_per_epoch or batches.num_batches
        self._start_training(steps, passes)
        with _reading(*read):
            return super().fit(
                **data,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
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
        size = batch_size or _BATCH_SIZE
        batches = self._batches(open_data(x, y, sample_weight, size), size)
        with _reading(batches):
            return super().evaluate(feed(batches, 1, steps), **rest)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> np.ndarray:
        """The model's outputs for texts, in the order of the texts.

        Args:
            x: texts, as in `fit`, without labels.
            batch_size: texts per batch; 32 by default.
            verbose, steps, callbacks: as in `keras.Model.predict`.

        Returns:
            `(rows, num_classes)`, float32: logits, unless the task has an activation.
        """
        rest = dict(verbose=verbose, steps=steps, callbacks=callbacks)
        if self.preprocessor is None:
            return super().predict(x, batch_size=batch_size, **rest)
        size = batch_size or _BATCH_SIZE
        opened = open_data(x, None, None, size)
        if not isinstance(opened, Rows):
            batches = StreamBatches(opened, lambda rows, _: (self._pack(rows),))
            with _reading(batches):
                return super().predict(feed(batches, 1, steps), **rest)
        if not len(opened):
            return np.zeros((0, *self.output_shape[1:]), "float32")
        ordered = self._in_memory(opened.texts, None, None, size, by_length=True)
        outputs = super().predict(feed(ordered, 1, steps), **rest)[: len(opened)]
        restored = np.empty_like(outputs)
        restored[ordered.order[: len(outputs)]] = outputs
        return restored

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

    def _batches(
        self,
        opened: Rows | Source,
        batch_size: int,
        class_weight: Any = None,
        shuffle: bool = False,
    ) -> MemoryBatches | StreamBatches:
        if isinstance(opened, Source):
            by_class = self._class_weights(class_weight, None)

            def collate(rows: Rows, start: int) -> tuple[Any, ...]:
                targets = self.label_space.encode(rows.labels, start)
                weights = _row_weights(rows, by_class, targets)
                inputs = self._pack(rows)
                return (inputs, targets) if weights is None else (inputs, targets, weights)

            return StreamBatches(opened, collate)
        if not len(opened):
            raise DataError("The data set is empty. Received: texts=[]")
        targets = self.label_space.encode(opened.labels)
        weights = _row_weights(opened, self._class_weights(class_weight, targets), targets)
        return self._in_memory(opened.texts, targets, weights, batch_size, shuffle=shuffle)

    def _in_memory(
        self, texts: Any, targets: Any, weights: Any, batch_size: int, **order: bool
    ) -> MemoryBatches:
        tokenize, packer = self.preprocessor.tokenizer.tokenize, self.preprocessor.packer
        return MemoryBatches(texts, targets, weights, tokenize, packer, batch_size, **order)

    def _pack(self, rows: Rows) -> dict[str, np.ndarray]:
        columns = [self.preprocessor.tokenizer.tokenize(column) for column in rows.texts]
        return self.preprocessor.packer.pack(list(zip(*columns, strict=True)))

    def _class_weights(self, class_weight: Any, targets: np.ndarray | None) -> np.ndarray | None:
        return None if class_weight is None else self.label_space.weights(class_weight, targets)

    def _tokenised(self, x: Any, y: Any, class_weight: Any, sample_weight: Any) -> Any:
        """Labels and weights of data that is already tokenised, encoded where in memory."""
        if y is None:
            return x, y, sample_weight
        self._adapt_to_labels(y)
        targets = self.label_space.encode(y)
        rows = Rows(([""] * len(targets),), y, sample_weight)
        return x, targets, _row_weights(rows, self._class_weights(class_weight, targets), targets)

    def _class_weights_of_stream(self, y: Any, class_weight: Any) -> dict[int, float] | None:
        """Weights that Keras itself applies, since it alone sees the labels of a stream."""
        if y is not None or class_weight is None:
            return None
        return dict(enumerate(self._class_weights(class_weight, None).tolist()))

    def _tokenised_validation(self, data: Any) -> Any:
        if not isinstance(data, tuple) or len(data) < 2:
            return data
        x, y, sample_weight = (*data, None)[:3]
        return self._tokenised(x, y, None, sample_weight)

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


def _row_weights(rows: Rows, by_class: np.ndarray | None, targets: np.ndarray) -> np.ndarray | None:
    weights = None
    if rows.weights is not None:
        weights = check_sample_weight(rows.weights, len(rows))
    if by_class is not None:
        weights = by_class[targets] * (1 if weights is None else weights)
    return None if weights is None else weights.astype("float32")
