"""The half of a task that predicts, and the report of what a run did."""

import contextlib
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

import keras
import numpy as np

from hub_tasks.backbones import Recipe
from hub_tasks.data import LabelSpace, Rows, RunReport, Source, feed, open_data
from hub_tasks.errors import DataError, PredictionError, received
from hub_tasks.tasks.preprocessor import TextClassifierPreprocessor
from hub_tasks.tasks.progress import Progress, Stopwatch, warn_of_truncation
from hub_tasks.tasks.reading import Reader
from hub_tasks.tasks.real_rows import RealRowsModel

_WINDOW = 256  # batches that `predict` sorts by length at a time
_SHORT = 256  # characters


class InferenceTask(RealRowsModel):
    """A functional Keras model with a preprocessor before it that predicts for texts.

    Attributes:
        preprocessor: texts -> inputs; None where data comes already tokenised.
        label_space: what the outputs stand for.
        last_run: what the last `fit`, `evaluate` or `predict` over texts did.
        recipe: what they do by default.
    """

    preprocessor: TextClassifierPreprocessor | None
    label_space: LabelSpace
    last_run: RunReport | None = None
    recipe: Recipe = Recipe()

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """As in Keras; losses and metrics are those of the real rows of each batch."""
        super().compile(*args, **kwargs)
        self._known_widths: dict[Any, set[int]] = {}
        self._warned_of_truncation = False

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
            batch_size: texts per batch; by default 32, or 1,024 for encoders from scratch (4,096
                for averages of texts in memory of which none has more than 256 characters).
            verbose, steps, callbacks: as in `keras.Model.predict`.

        Returns:
            `(rows, num_classes)`, float32: logits, unless the task has an activation.

        Raises:
            PredictionError: an output is NaN or infinite.
        """
        if self.preprocessor is None:
            outputs = super().predict(
                x, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks
            )
            return check_finite(outputs, 0)
        opened = self.open(x, None, None, batch_size or self.recipe.predict_batch_size)
        size = batch_size or self._predict_batch_size(opened)
        if isinstance(opened, Rows) and steps:
            opened = Rows(tuple(column[: steps * size] for column in opened.texts))
        if isinstance(opened, Source) and opened.endless and steps is None:
            raise DataError(
                "The data set never ends: say how many batches to read with `steps=`, or take "
                "outputs one by one from `predict_iter`. Received: steps=None"
            )
        window = None if callbacks else _WINDOW * size  # callbacks see one prediction, not many
        parts = list(self._predict_windows(opened, size, window, verbose, steps, callbacks))
        empty = np.zeros((0, *self.output_shape[1:]), "float32")
        return np.concatenate(parts) if parts else empty

    def predict_iter(
        self, x: Any, batch_size: int | None = None, verbose: Any = 0, window: int | None = None
    ) -> Iterator[np.ndarray]:
        """Yields the outputs of one text after another, in the order of the texts.

        Holds no more than three windows of texts in memory, so `x` may be a stream of any
        length, or without end.

        Args:
            x: texts, as in `predict`.
            batch_size: texts per batch; by default 32, or 1,024 for encoders from scratch.
            verbose: 1 for a progress bar.
            window: how many texts are read, sorted by length and computed together; by
                default 256 batches. A small window yields sooner, a large one pads less.

        Yields:
            `(num_classes,)`, float32, for each text.

        Example:

        >>> import itertools, hub_tasks
        >>> clf = hub_tasks.TextClassifier.from_preset("bert_tiny_en_sentiment")
        >>> lines = itertools.repeat("a fine film")
        >>> next(clf.predict_iter(lines, window=64)).shape
        (2,)
        """
        if self.preprocessor is None:
            raise DataError("`predict_iter` takes texts, and this classifier has no preprocessor.")
        size = batch_size or self.recipe.predict_batch_size
        opened = self.open(x, None, None, size)
        parts = self._predict_windows(opened, size, window or _WINDOW * size, verbose)
        return chain.from_iterable(parts)

    def open(self, x: Any, y: Any, sample_weight: Any, batch_size: int) -> Rows | Source:
        """Texts in any accepted form, with their labels and weights."""
        return open_data(x, y, sample_weight, batch_size, self.preprocessor.takes_tokens)

    def _predict_batch_size(self, opened: Rows | Source) -> int:
        """How many texts a batch has by default."""
        size, most = self.recipe.predict_batch_size, self.recipe.short_batch_size
        if most is None or not isinstance(opened, Rows):
            return size
        short = all(len(text) <= _SHORT for column in opened.texts for text in column)
        return most if short else size

    def _predict_windows(
        self,
        opened: Rows | Source,
        size: int,
        window: int | None,
        verbose: Any,
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Iterator[np.ndarray]:
        report = RunReport()
        watch = Progress(len(opened) if isinstance(opened, Rows) else None, size, verbose)
        reader = self._reader("predict", size, report)
        with self._reporting(report, watch):
            for batches in reader.unlabelled(opened, window, steps):
                outputs = super().predict(
                    feed(batches), verbose=0, callbacks=watched(callbacks, watch)
                )
                watch.settle(report)
                self._warn_of_truncation(report)
                yield check_finite(batches.restore(outputs), report.texts - len(outputs))
            watch.finish(report.texts)

    def _reader(self, kind: str, batch_size: int, report: RunReport) -> Reader:
        known = self._known_widths.setdefault((kind, batch_size), set())
        # A training uses its shapes over and over.
        cost = (Recipe if kind == "fit" else self.recipe).compile_cost
        compiled = keras.backend.backend() == "jax" or self.jit_compile
        rest = batch_size, known, cost if compiled else 0.0, report
        return Reader(self.preprocessor, self.label_space, *rest)

    @contextlib.contextmanager
    def _reporting(self, report: RunReport, watch: Stopwatch) -> Iterator[None]:
        """Fills the report in, and warns the first time that texts are cut."""
        if self.preprocessor is None:
            yield
            return
        self._warn_of_truncation(report)  # of what is in memory, before the work
        began = time.perf_counter()
        yield
        report.seconds = time.perf_counter() - began
        watch.settle(report)
        self._warn_of_truncation(report)
        self.last_run = report

    def _warn_of_truncation(self, report: RunReport) -> None:
        if report.truncated and not self._warned_of_truncation:
            self._warned_of_truncation = True
            positions = getattr(self.backbone, "config", {}).get("max_sequence_length")
            warn_of_truncation(report, self.preprocessor.sequence_length, positions)


def check_finite(outputs: np.ndarray, start: int) -> np.ndarray:
    """The outputs, all of which are numbers; `start` counts the rows before them.

    Raises:
        PredictionError: one is NaN or infinite.
    """
    bad = np.flatnonzero(~np.isfinite(outputs).reshape(len(outputs), -1).all(axis=1))
    if bad.size:
        raise PredictionError(
            f"The model's output for texts[{start + int(bad[0])}] is not finite, as of {bad.size} "
            f"of {len(outputs)} texts; its weights are damaged, or too large for its dtype. "
            f"{received(output=outputs[bad[0]].tolist())}"
        )
    return outputs


def watched(callbacks: Any, *watches: keras.callbacks.Callback) -> Any:
    """Callbacks with ours before them."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    given = callbacks if isinstance(callbacks, list | tuple) else [callbacks] if callbacks else []
    return [*watches, *given]
