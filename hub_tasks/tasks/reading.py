"""Texts and labels -> batches for a task."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from hub_tasks.data import (
    LabelSpace,
    MemoryBatches,
    Rows,
    RunReport,
    Source,
    StreamBatches,
    TokenColumn,
    check_sample_weight,
    plan_widths,
    read_ahead,
    read_windows,
)
from hub_tasks.errors import DataError
from hub_tasks.tasks.preprocessor import TextClassifierPreprocessor


class Reader:
    """Makes batches for one run.

    Args:
        preprocessor: tokenises and packs.
        label_space: encodes labels.
        batch_size: rows per batch.
        known: widths that are compiled already; those of this run are added.
        compile_cost: of a width more, in tokens; 0 where none is compiled.
        report: counts what is read.
    """

    def __init__(
        self,
        preprocessor: TextClassifierPreprocessor,
        label_space: LabelSpace,
        batch_size: int,
        known: set[int],
        compile_cost: float,
        report: RunReport,
    ):
        self._tokenize = preprocessor.tokenize
        self._packer = preprocessor.packer
        self._labels, self._batch_size = label_space, batch_size
        self._known, self._compile_cost, self._report = known, compile_cost, report

    def labelled(
        self, opened: Rows | Source, class_weight: Any = None, order: str = "by_length"
    ) -> MemoryBatches | StreamBatches:
        """Batches with targets, for training and evaluation.

        Args:
            class_weight: as in `Task.fit`.
            order: of rows in memory, see `MemoryBatches`.
        """
        if isinstance(opened, Source):
            if class_weight is not None:
                self._labels.weights(class_weight, None)

            def encode(rows: Rows, start: int) -> tuple[np.ndarray, np.ndarray | None]:
                targets = self._labels.encode(rows.labels, start)
                return targets, row_weights(rows, self._labels, class_weight, targets, True)

            return StreamBatches(opened, encode, self._tokenize, self._packer, self._report)
        if not len(opened):
            raise DataError("The data set is empty. Received: texts=[]")
        targets = self._labels.encode(opened.labels)
        weights = row_weights(opened, self._labels, class_weight, targets)
        return MemoryBatches(
            self._columns(opened),
            targets,
            weights,
            self._packer,
            self._batch_size,
            order,
            self._buckets if order == "shuffled" else self._widths,
            self._report,
        )

    def unlabelled(
        self, opened: Rows | Source, window: int | None, batches: int | None
    ) -> Iterator[MemoryBatches]:
        """Batches of one window of texts after another, for prediction.

        Args:
            window: texts in a window; None for all.
            batches: how many batches of a source to read; None for all.
        """
        window = window or 1 << 62
        widths: tuple[int, ...] = ()

        def plan(lengths: np.ndarray) -> tuple[int, ...]:
            nonlocal widths
            if not (widths and self._compile_cost):
                widths = self._widths(lengths)
            return widths

        def prepare(rows: Rows) -> MemoryBatches:
            height = self._batch_size if widths or len(rows) >= window else None
            arguments = self._packer, self._batch_size, "by_length", plan, self._report, height
            return MemoryBatches(self._columns(rows), None, None, *arguments)

        return read_ahead(map(prepare, read_windows(opened, window, batches)))

    def _columns(self, rows: Rows) -> list[TokenColumn]:
        return [TokenColumn(column, self._tokenize, self._report) for column in rows.texts]

    def _widths(self, lengths: np.ndarray) -> tuple[int, ...]:
        """What batches whose longest rows are so long are padded to."""
        if self._compile_cost:
            return self._buckets(lengths)
        return tuple(np.unique(lengths).tolist())

    def _buckets(self, lengths: np.ndarray) -> tuple[int, ...]:
        """What batches of rows of like lengths are padded to."""
        limit = self._packer.sequence_length
        widths = plan_widths(lengths, limit, compile_cost=self._compile_cost, known=self._known)
        self._known.update(widths)
        return widths


def row_weights(
    rows: Rows, labels: LabelSpace, class_weight: Any, targets: np.ndarray, stream: bool = False
) -> np.ndarray | None:
    """The weight of each row, from its own and its class's; None where there are none."""
    weights = None
    if rows.weights is not None:
        weights = check_sample_weight(rows.weights, len(rows))
    if class_weight is not None:
        by_class = labels.weights(class_weight, None if stream else targets)
        weights = by_class[targets] * (1 if weights is None else weights)
    return None if weights is None else weights.astype("float32")


def encode_tokenised(
    x: Any, y: Any, labels: LabelSpace, class_weight: Any, sample_weight: Any
) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Encodes the labels and weights of data in memory that is already tokenised."""
    targets = labels.encode(y)
    rows = Rows(([""] * len(targets),), y, sample_weight)
    return x, targets, row_weights(rows, labels, class_weight, targets)
