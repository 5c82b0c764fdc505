"""A Keras model that is trained and asked with texts."""

import contextlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import keras

from hub_tasks.backbones import DirectModel, Recipe
from hub_tasks.data import Rows, RunReport, Source, feed, original_errors
from hub_tasks.data.doubts import warn_of_absent_classes, warn_of_doubts
from hub_tasks.data.hold_out import hold_out, hold_out_of_each_class
from hub_tasks.errors import DataError, received
from hub_tasks.tasks.adamw import build_optimizer, sparse_gradients
from hub_tasks.tasks.inference import InferenceTask, watched
from hub_tasks.tasks.progress import LossWatch, TestStopwatch, TrainingStopwatch
from hub_tasks.tasks.reading import encode_tokenised
from hub_tasks.tasks.refitting import Beginning, best_epoch, repeatable
from hub_tasks.tasks.row_step import RowStepModel
from hub_tasks.tasks.scoring import held_out_batches, show_validation


class Task(DirectModel, RowStepModel, InferenceTask):
    """A functional Keras model with a preprocessor before it and a label space behind it.

    `fit`, `evaluate` and `predict` have the arguments and results of Keras's, and take
    texts and labels in any form that `hub_tasks.data` reads. With `preprocessor=None`
    they take what Keras takes.
    """

    _trains_anew = False  # for the second time in one `fit`

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int | None = None,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float | None = None,
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
            batch_size: rows of a step; by default 32, and for an encoder from scratch 8 to
                128, the more rows the more.
            epochs: passes over the data; by default 1. An encoder from scratch is trained for
                at most 10 to 60, the fewer rows the more, until it gets no better on the rows
                held out, and then anew on all of them for as many epochs as were best (twice as
                many where several labels may apply), where they are fewer than 1,000 for all.
            callbacks: as in Keras. With `validation_split`, `validation_data` or callbacks nothing
                is trained anew: the best epoch's weights are kept, so that what was seen is what
                is left. `ClassificationReport`, `TensorBoard` and other loggers of Keras's are no
                hindrance; they see the first training.
            validation_split: share of the rows, the last ones, that is held out; by default
                none. For an encoder from scratch it is a tenth unless there is
                `validation_data`, taken at random with as many of each class.
            class_weight: weights by label name or id, or "balanced".
            sample_weight: one weight per row; may be given beside `class_weight`.

        Raises:
            DataError: before the first step where the data is in memory.
            TrainingError: after a step whose loss is not finite.
        """
        report, read, refit = RunReport(), [], False
        watch = TrainingStopwatch(lambda: self._warn_of_truncation(report))
        anew = repeatable(callbacks, initial_epoch, steps_per_epoch, validation_freq)
        rows = validation_batch_size or batch_size or self.recipe.predict_batch_size
        if self.preprocessor is None:
            validation = validation_split or 0.0, validation_data, validation_batch_size
            data = self._tokenised_training(x, y, sample_weight, class_weight, *validation)
            data |= dict(batch_size=batch_size, shuffle=shuffle)
            epochs, recipe = 1 if epochs is None else epochs, self.recipe
            steps = steps_per_epoch or _steps_of_arrays(x, batch_size or recipe.batch_size)
        else:
            inputs = x, y, sample_weight, validation_split, validation_data
            train, held_out = self._open_training(*inputs, batch_size, rows)
            recipe = self._recipe_for(train)
            reader = self._reader("fit", batch_size or recipe.batch_size, report)
            batches = reader.labelled(train, class_weight, "shuffled" if shuffle else "given")
            read.append(batches)
            epochs = recipe.epochs if epochs is None else epochs
            data = {"x": feed(batches, epochs - initial_epoch, steps_per_epoch), "shuffle": False}
            if held_out is not None:
                read.append(self._validation(held_out, batches, rows))
                data["validation_data"] = feed(read[-1], epochs - initial_epoch, validation_steps)
                callbacks = _stopping_early(callbacks, recipe.patience)
                refit = recipe.refit and anew and validation_split is validation_data is None
            steps = steps_per_epoch or batches.num_batches
        build_optimizer(self)
        begun = Beginning(self) if refit else None
        held = partial(held_out_batches, self, read, data, rows, validation_steps)
        callbacks = watched(show_validation(callbacks, held), watch, LossWatch())
        self._start_training(recipe, steps and steps * (epochs - initial_epoch), callbacks)
        data |= dict(epochs=epochs, initial_epoch=initial_epoch, steps_per_epoch=steps_per_epoch)
        data |= dict(validation_steps=validation_steps, validation_freq=validation_freq)
        with _reading(*read), self._reporting(report, watch), sparse_gradients(self):
            history = super().fit(**data, verbose=verbose, callbacks=callbacks)
        if begun is not None:
            told = dict(batch_size=batch_size or recipe.batch_size, verbose=verbose, x=x, y=y)
            told |= dict(shuffle=shuffle, class_weight=class_weight, sample_weight=sample_weight)
            self._fit_anew(begun, history, report, recipe, epochs, **told)
        return history

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
        size = batch_size or self.recipe.predict_batch_size
        report, watch = RunReport(), TestStopwatch()
        batches = self._reader("evaluate", size, report).labelled(
            self.open(x, y, sample_weight, size)
        )
        rest["callbacks"] = watched(callbacks, watch)
        with _reading(batches), self._reporting(report, watch):
            return super().evaluate(feed(batches, 1, steps), **rest)

    def _fit_anew(
        self, begun: Beginning, history: Any, report: RunReport, recipe: Recipe, most: int, **told
    ) -> None:
        """Trains on all rows, for at most so many epochs."""
        begun.restore()
        best = best_epoch(history.history["val_loss"])
        epochs = most if recipe.refit_whole else min(recipe.refit_times * best, most)
        if told["verbose"]:
            print(f"Training anew on all rows, {epochs} epochs; {best} were best on rows held out:")
        self._trains_anew = True
        try:
            self.fit(epochs=epochs, validation_split=0.0, **told)
        finally:
            self._trains_anew = False
        rows = self.open(told["x"], told["y"], told["sample_weight"], 1)
        self._end_training(rows, told["class_weight"])
        self.last_run.add(report)
        self.history = history

    def _recipe_for(self, train: Rows | Source) -> Recipe:
        if isinstance(train, Rows):
            several = self.label_space.problem_type == "multi_label_classification"
            recipe = replace(self.recipe.for_rows(len(train)), refit_times=2 if several else 1)
            return recipe if self.label_space.has_labels else replace(recipe, refit_whole=False)
        return self.recipe if train.restartable else replace(self.recipe, epochs=1)

    def _validation(self, held_out: Rows | Source, batches: Any, batch_size: int) -> Any:
        validation = self._reader("evaluate", batch_size, RunReport()).labelled(held_out)
        targets = (getattr(data, "targets", None) for data in (batches, validation))
        warn_of_absent_classes(*targets, self.label_space.names)
        return validation

    def _adapt_to_labels(self, labels: Any) -> None:
        """Called with all labels before training on data in memory."""

    def _end_training(self, train: Rows, class_weight: Any) -> None:
        """Called with all rows once they were trained on anew."""

    def _start_training(self, recipe: Recipe, steps: int | None, callbacks: list[Any]) -> None:
        """Called before training with all its steps, where their number is known."""

    def _open_training(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        split: float | None,
        validation: Any,
        batch_size: int | None,
        validation_batch_size: int,
    ) -> tuple[Rows | Source, Rows | Source | None]:
        """What is trained on, and what is held out of it or given for validation."""
        opened = self.open(x, y, sample_weight, batch_size or self.recipe.batch_size)
        if isinstance(opened, Rows):
            self._adapt_to_labels(opened.labels)
        if validation is not None:
            parts = validation if isinstance(validation, tuple) else (validation,)
            held_out: Any = self.open(*(*parts, None, None)[:3], validation_batch_size)
            split = split or 0.0
        if not isinstance(opened, Rows):
            if split:
                raise DataError(
                    "`validation_split` needs data in memory; pass `validation_data=` instead. "
                    f"{received(validation_split=split, x=type(x))}"
                )
            train, held = opened, None
        elif not self.recipe.validation_split:
            train, held = hold_out(opened, split or 0.0)
        else:
            share = self.recipe.validation_split if split is None else split
            names = None if split is None else self.label_space.names
            targets = self.label_space.encode(opened.labels)
            train, held = hold_out_of_each_class(opened, share, targets, names)
        if isinstance(opened, Rows):  # drawn at random, rows would have other numbers
            self._warn_of_doubts(opened if self.recipe.validation_split else train)
        return train, held if validation is None else held_out

    def _tokenised_training(
        self,
        x: Any,
        y: Any,
        weights: Any,
        class_weight: Any,
        split: float,
        validation: Any,
        size: int | None,
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
            "validation_split": split,
            "validation_data": validation,
            "validation_batch_size": size,
        }

    def _tokenised(self, x: Any, y: Any, class_weight: Any, sample_weight: Any) -> Any:
        """Labels and weights of data that is already tokenised, encoded where in memory."""
        if y is None:
            return x, y, sample_weight
        self._adapt_to_labels(y)
        return encode_tokenised(x, y, self.label_space, class_weight, sample_weight)

    def _warn_of_doubts(self, rows: Rows) -> None:
        if not self._trains_anew:
            targets = self.label_space.encode(rows.labels)
            compares = getattr(self.backbone, "compares_pairs", True)
            warn_of_doubts(rows, targets, self.label_space.names, compares)


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


def _stopping_early(callbacks: Any, patience: int) -> Any:
    """Callbacks with a recipe's before them, unless they stop early themselves."""
    given = watched(callbacks)
    if not patience or any(isinstance(c, keras.callbacks.EarlyStopping) for c in given):
        return callbacks
    stop = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
    return [stop, *given]
