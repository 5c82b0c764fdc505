"""Precision, recall and F1 of each label after every epoch."""

from typing import Any

import numpy as np

from hub_tasks.errors import DataError, printable, received
from hub_tasks.tasks.predictions import to_probabilities
from hub_tasks.tasks.scores import AVERAGES, Counts, Report, count_labels
from hub_tasks.tasks.scoring import LabelledBatches, ValidationCallback, labelled_batches
from hub_tasks.tasks.task import Task

_SHOWN = 40  # labels in a table with verbose=1
_NAMED = 5  # labels in a line below it


class ClassificationReport(ValidationCallback):
    """Measures precision, recall and F1 of every label at the end of each epoch of `fit`.

    Measures on the validation data of `fit`, each time that Keras does, or on data of its own.
    `logs` and `history.history` get `val_precision`, `val_recall` and `val_f1`, which other
    callbacks can monitor wherever they stand in the list: `fit` runs this one first.
    Every row counts once, whatever its weight. A label that is never predicted has precision
    0, one that no row has, recall 0; the table says which they are.

    Args:
        x, y: texts and labels in any form that `evaluate` takes, which can be read again; None
            for the validation data of `fit`.
        average: which average `logs` gets: "macro" (each label counts the same), "micro"
            (each row does) or "weighted" (labels by their number of rows).
        threshold: from which probability a label applies, for multi-label problems.
        batch_size: texts per batch of `x`; by default as in `predict`.
        prefix: of the names in `logs`.
        verbose: 1 or "auto" prints a table after each epoch, of at most the 40 labels with the
            lowest F1; 2 one of all labels; 0 none.

    Attributes:
        reports: epoch (from 0) -> label name, "micro avg", "macro avg" or "weighted avg" ->
            {"precision", "recall", "f1", "support"}.

    Raises:
        DataError: by `fit`, before the first step: a regression, no validation data, or
            validation data that can be read only once.

    Example:

    >>> import hub_tasks
    >>> clf = hub_tasks.TextClassifier.from_preset("bert_tiny_en_sentiment")
    >>> report = hub_tasks.callbacks.ClassificationReport(["fine", "dull"], [1, 0], verbose=0)
    >>> history = clf.fit(["a fine film", "dull"], [1, 0], callbacks=[report], verbose=0)
    >>> sorted(report.reports[0]["positive"])
    ['f1', 'precision', 'recall', 'support']
    """

    model: Any

    def __init__(
        self,
        x: Any = None,
        y: Any = None,
        average: str = "macro",
        threshold: float = 0.5,
        batch_size: int | None = None,
        prefix: str = "val_",
        verbose: Any = 1,
    ):
        super().__init__()
        if average not in AVERAGES:
            raise DataError(
                f"`average` must be one of {', '.join(AVERAGES)}. {received(average=average)}"
            )
        self.average, self.threshold, self.prefix = average, threshold, prefix
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.reports: dict[int, Report] = {}
        self._x, self._y, self._batch_size = x, y, batch_size
        self._waiting: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        if not isinstance(self.model, Task):
            raise DataError(
                "ClassificationReport is for the `fit` of a hub_tasks classifier. "
                f"{received(model=type(self.model))}"
            )
        if not self.model.label_space.has_labels:
            raise DataError(
                "ClassificationReport counts labels, and neither a regression nor what a teacher "
                "says has any: leave it out. "
                f"{received(problem_type=self.model.problem_type)}"
            )
        clashing = {f"{name} avg" for name in AVERAGES} & set(self.model.labels)
        if clashing:
            raise DataError(
                "A label has the name of an average of ClassificationReport; name it otherwise. "
                f"{received(labels=sorted(clashing))}"
            )
        self.reports = {}
        self._waiting = None
        self._due = self._x is not None
        self._data = self._open()

    def on_test_end(self, logs: Any = None) -> None:
        self._due = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not self._due:  # an epoch that `validation_freq` passes over
            return
        self._due = self._x is not None
        counts = self._count()
        report = self.reports[epoch] = counts.report(self.model.labels)
        if logs is not None:
            chosen = report[f"{self.average} avg"]
            logs |= {self.prefix + name: chosen[name] for name in ("precision", "recall", "f1")}
        if self.verbose:
            self._waiting = _table(f"Epoch {epoch + 1}", report, counts, self.verbose)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._print()

    def on_train_end(self, logs: Any = None) -> None:
        self._print()
        self.held_out = self._data = None

    def _open(self) -> LabelledBatches:
        if self._x is not None:
            return labelled_batches(self.model, self._x, self._y, self._batch_size)
        data = self.held_out() if self.held_out else None
        if data is None:
            raise DataError(
                "ClassificationReport needs data to measure on: pass `validation_split=` or "
                "`validation_data=` to `fit`, or ClassificationReport(x, y). Received: x=None"
            )
        return data

    def _count(self) -> Counts:
        targets, outputs = self._data.predict()
        if targets.ndim == 1:
            said = outputs.argmax(axis=-1)
        else:
            several = self.model.problem_type, self.model.activation
            said = to_probabilities(outputs, *several) >= self.threshold
        return count_labels(targets, said, len(self.model.labels))

    def _print(self) -> None:
        """Prints the last table, once Keras has ended the line of its progress bar."""
        if self._waiting is not None:
            from rich.console import Console

            Console().print(self._waiting)
            self._waiting = None


def _table(title: str, report: Report, counts: Counts, verbose: int) -> Any:
    from rich.table import Table
    from rich.text import Text

    names = list(report)[: -len(AVERAGES)]
    shown = names
    if verbose == 1 and len(names) > _SHOWN:
        lowest = sorted(names, key=lambda name: report[name]["f1"])[:_SHOWN]
        shown = [name for name in names if name in set(lowest)]
    notes = [f"{len(names) - len(shown)} labels of higher F1 left out"] * (len(names) > len(shown))
    notes += _zeros("precision is 0, never predicted", names, counts.said)
    notes += _zeros("recall is 0, not in the data", names, counts.true)
    table = Table(title=title, caption=Text("\n".join(notes)) if notes else None, box=None)
    table.add_column("", overflow="fold")
    for column in ("precision", "recall", "f1", "support"):
        table.add_column(column, justify="right", no_wrap=True)
    for name in [*shown, None, *(f"{average} avg" for average in AVERAGES)]:
        if name is None:
            table.add_row()  # as in scikit-learn's
            continue
        scores = report[name]
        numbers = [f"{scores[key]:.3f}" for key in ("precision", "recall", "f1")]
        table.add_row(Text(printable(name)), *numbers, f"{scores['support']:,}")
    return table


def _zeros(meaning: str, names: list[str], counts: np.ndarray) -> list[str]:
    absent = [printable(names[i]) for i in np.flatnonzero(counts == 0)]
    more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
    return [f"{meaning}: {', '.join(absent[:_NAMED])}{more}"] if absent else []
