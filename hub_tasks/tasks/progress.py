"""What a run is watched with: its report, its progress bar, its one warning."""

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import keras

from hub_tasks.data import RunReport
from hub_tasks.errors import TrainingError


class Stopwatch(keras.callbacks.Callback):
    """Times the steps of a run, for the time of compilation in its report."""

    def __init__(self) -> None:
        super().__init__()
        self.durations: list[float] = []
        self._began = 0.0

    def settle(self, report: RunReport) -> None:
        """Enters the steps since the last call in the report."""
        if self.durations:
            report.count_steps(self.durations, keras.backend.backend() != "torch")
            self.durations = []

    def _begin(self, batch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()

    def _end(self, batch: int, logs: Any = None) -> None:
        self.durations.append(time.perf_counter() - self._began)


class TrainingStopwatch(Stopwatch):
    """Times training steps, each until the next one begins: nothing waits for its results.

    Args:
        after_epoch: called after each epoch.
    """

    def __init__(self, after_epoch: Callable[[], None]):
        super().__init__()
        self._after_epoch, self._running = after_epoch, False

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._stop()
        self._running = True
        self._begin(batch)

    def on_test_begin(self, logs: Any = None) -> None:
        self._stop()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._stop()
        self._after_epoch()

    def _stop(self) -> None:
        if self._running:
            self._end(0)
        self._running = False


class LossWatch(keras.callbacks.Callback):
    """Ends training at the first step whose loss is not finite, before anything is saved.

    JAX computes a step while Keras makes the next batch, as long as no callback waits for the
    loss: there Keras calls this one from a thread of its own, and raises what it raised a step
    or two later.
    """

    def __init__(self) -> None:
        super().__init__()
        self.async_safe = keras.backend.backend() == "jax"  # Keras's own name for it

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss} after step {batch + 1} of epoch {self._epoch + 1}, and "
                "training stops: the weights are of no more use. Load them again, and train with a "
                "smaller learning rate, or with a wider dtype than float16."
            )


class TestStopwatch(Stopwatch):
    """Times evaluation steps."""

    on_test_batch_begin, on_test_batch_end = Stopwatch._begin, Stopwatch._end


class Progress(Stopwatch):
    """Times prediction steps, and shows texts and texts per second as they go.

    Args:
        texts: how many there are, or None.
        batch_size: texts in a step.
        verbose: "auto" or 1 for a bar, 2 for a line at the end, 0 for nothing.
    """

    def __init__(self, texts: int | None, batch_size: int, verbose: Any):
        super().__init__()
        verbose = 1 if verbose == "auto" else int(verbose)
        self._bar = (
            keras.utils.Progbar(texts, verbose=verbose, unit_name="text") if verbose else None
        )
        self._texts, self._batch_size, self._done = texts, batch_size, 0
        self._start = time.perf_counter()

    on_predict_batch_begin = Stopwatch._begin

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self._end(batch)
        self._done += self._batch_size
        if self._bar and (self._texts is None or self._done < self._texts):
            self._bar.update(self._done, [("texts/s", self._rate(self._done))], finalize=False)

    def finish(self, texts: int) -> None:
        """Ends the bar."""
        if self._bar:
            self._bar.target = texts
            self._bar.update(texts, [("texts/s", self._rate(texts))], finalize=True)

    def _rate(self, texts: int) -> float:
        return texts / (time.perf_counter() - self._start)


def warn_of_truncation(report: RunReport, sequence_length: int, positions: int | None) -> None:
    """Says which share of the texts was cut, and what would keep them whole."""
    if positions is None or report.longest <= positions:
        fix = f"Pass `sequence_length={report.longest}` to `from_preset` to keep them whole."
    else:
        fix = (
            f"The encoder has {positions} positions: `sequence_length={positions}` keeps most of "
            "them."
            if sequence_length < positions
            else f"The encoder has no more than {positions} positions; split long texts."
        )
    warnings.warn(
        f"{report.truncated_share:.1%} of the texts ({report.truncated} so far) are longer than "
        f"`sequence_length={sequence_length}` tokens and are cut; the longest has "
        f"{report.longest}. {fix}",
        stacklevel=5,
    )
