"""Rows -> padded batches of a few shapes."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np

from hub_tasks.collector import collector_paused
from hub_tasks.data.buckets import LADDER, width_for
from hub_tasks.data.packing import Packer
from hub_tasks.data.report import RunReport, Shape
from hub_tasks.data.rows import Rows, Source
from hub_tasks.data.windows import read_ahead
from hub_tasks.errors import DataError

_CHUNK = 8192  # texts tokenised at a time; lists of ids take ten times the room of an array
FILL = -1.0  # the weight of a row that only fills up a batch
Tokenize = Callable[[list[str]], list[list[int]]]
Inputs = dict[str, np.ndarray]
Batch = tuple[Any, ...]  # (inputs,), (inputs, targets) or (inputs, targets, weights)


class Batches(Protocol):
    """Batches that can be read in order, over and over where `restartable`."""

    num_batches: int | None
    restartable: bool

    def __iter__(self) -> Iterator[Batch]: ...


class TokenColumn:
    """The token ids of many texts in one array."""

    def __init__(self, texts: list[str], tokenize: Tokenize, report: RunReport):
        began = time.perf_counter()
        lengths, flat = [], [np.zeros(0, "int32")]
        with collector_paused():
            for start in range(0, len(texts), _CHUNK):
                ids = tokenize(texts[start : start + _CHUNK])
                lengths += map(len, ids)
                flat.append(np.fromiter(chain.from_iterable(ids), "int32"))
        self.lengths = np.array(lengths, "int64")
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        self._flat = np.concatenate(flat)
        report.tokenising_seconds += time.perf_counter() - began

    def __len__(self) -> int:
        return len(self.lengths)

    def pack(self, packer: Packer, rows: Any, width: int, height: int) -> Inputs:
        """The arrays of the rows with these numbers, as texts of their own."""
        return packer.pack_singles(
            self._flat, self.offsets[rows], self.lengths[rows], width, height
        )

    def __getitem__(self, row: int) -> list[int]:
        if row >= len(self):
            raise IndexError(row)
        return self._flat[self.offsets[row] : self.offsets[row + 1]].tolist()


class MemoryBatches:
    """Batches of rows that are in memory, tokenised once.

    Every batch has one of a few shapes. A batch that rows are missing for is filled with
    rows of weight `FILL`.

    Args:
        columns: one, or two for pairs.
        targets, weights: one entry per row, or None.
        packer: token ids -> arrays.
        batch_size: rows per batch.
        order: "given"; "shuffled", a new order for each pass from NumPy's global seed,
            with rows of like length together; or "by_length".
        plan: lengths of rows -> widths, see `plan_widths`.
        report: counts what is read.
        height: rows of every batch, those that fill up included; by default `batch_size`,
            or less where there are not as many rows.

    Attributes:
        widths: what batches are padded to.
        order: by length, the rows as they come; the batches' rows are consecutive in it.
    """

    restartable = True

    def __init__(
        self,
        columns: Sequence[TokenColumn],
        targets: np.ndarray | None,
        weights: np.ndarray | None,
        packer: Packer,
        batch_size: int,
        order: str,
        plan: Callable[[np.ndarray], Sequence[int]],
        report: RunReport,
        height: int | None = None,
    ):
        self._columns, self._packer, self._report = columns, packer, report
        whole = packer.lengths([column.lengths for column in columns])
        report.count_lengths(whole, packer.sequence_length)
        self.lengths = np.minimum(whole, packer.sequence_length)
        rows = len(self.lengths)
        self.num_batches = -(-rows // batch_size)
        self._by_length = order == "by_length"
        self.order = np.argsort(self.lengths, kind="stable") if self._by_length else np.arange(rows)
        self._random = None
        if order == "shuffled":
            self._random = np.random.default_rng(np.random.randint(2**31))
        # Of one batch alone, few heights; a row more costs less than a shape more.
        self._height = height or min(batch_size, 1 << (rows - 1).bit_length())
        self.targets, self._weights = targets, weights
        if targets is not None and rows % self._height and weights is None:
            self._weights = np.ones(rows, "float32")
        padded = self.lengths
        if self._random is None:
            padded = np.repeat([self.lengths[batch].max() for batch in self._cut()], self._height)
        self.widths = plan(padded)

    def _cut(self) -> list[np.ndarray]:
        """Consecutive batches; by length, the short one comes first, where it costs least."""
        start = len(self.order) % self._height if self._by_length else 0
        cuts = range(start or self._height, len(self.order), self._height)
        return np.split(self.order, cuts)

    def restore(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs `(rows of all batches, ...)` -> those of the real rows in their first order."""
        missing = -len(self.order) % self._height
        if missing:
            real = len(self.order) % self._height
            outputs = np.concatenate([outputs[:real], outputs[real + missing :]])
        restored = np.empty_like(outputs)
        restored[self.order] = outputs
        return restored

    def _shuffled(self, random: np.random.Generator) -> list[np.ndarray]:
        """Batches of rows of one bucket each; what is left of a bucket joins the next."""
        order = random.permutation(self.order)
        bucket = np.searchsorted(self.widths, self.lengths[order])
        batches: list[np.ndarray] = []
        left = order[:0]
        for i in range(len(self.widths)):
            left = np.concatenate([left, order[bucket == i]])
            whole = len(left) - len(left) % self._height
            batches += [left[j : j + self._height] for j in range(0, whole, self._height)]
            left = left[whole:]
        batches += [left] if len(left) else []
        return [batches[i] for i in random.permutation(len(batches))]

    def __iter__(self) -> Iterator[Batch]:
        """A pass, in an order of its own whatever other passes run beside it."""
        for chosen in self._shuffled(self._random) if self._random else self._cut():
            width = width_for(self.lengths[chosen].max(), self.widths, self._packer.sequence_length)
            self._report.count_batch((self._height, width), self.lengths[chosen])
            yield _assemble(
                pack(self._packer, self._columns, chosen, width, self._height),
                None if self.targets is None else self.targets[chosen],
                None if self._weights is None else self._weights[chosen],
            )


def pack(
    packer: Packer, columns: Sequence[TokenColumn], chosen: np.ndarray, width: int, height: int
) -> Inputs:
    """The arrays of the chosen rows of one column, or of two for pairs."""
    if len(columns) == 1:
        return columns[0].pack(packer, chosen, width, height)
    rows = [[column[row] for column in columns] for row in chosen]
    return packer.pack(rows, width, height)


def _assemble(inputs: Inputs, targets: np.ndarray | None, weights: np.ndarray | None) -> Batch:
    """Joins what belongs to a batch; targets and weights are filled to the inputs' height."""
    if targets is None:
        return (inputs,)
    missing = len(inputs["token_ids"]) - len(targets)
    shape = [(0, missing)] + [(0, 0)] * (targets.ndim - 1)
    targets = np.pad(targets, shape)
    if weights is None:
        return inputs, targets
    return inputs, targets, np.pad(weights, (0, missing), constant_values=FILL)


class StreamBatches:
    """Batches of a source that is read in order.

    A batch is padded to a width of `LADDER`, and filled with rows of weight `FILL` to the
    number of rows of those before it.

    Args:
        source: where rows come from.
        encode: `(rows, index of the first row)` -> targets and weights.
        tokenize: texts -> token ids.
        packer: token ids -> arrays.
        report: counts what is read.

    Attributes:
        num_batches: how many batches a pass has, where that is known.
        ahead: whether a thread reads a batch before it is asked for.
        error: what ended a pass early; see `original_errors`.
        widths: what batches are padded to.
    """

    widths = LADDER

    def __init__(
        self,
        source: Source,
        encode: Callable[[Rows, int], tuple[np.ndarray, np.ndarray | None]],
        tokenize: Tokenize,
        packer: Packer,
        report: RunReport,
    ):
        self.source = source
        self.num_batches = source.num_batches
        self.restartable = source.restartable
        self._encode, self._tokenize, self._packer = encode, tokenize, packer
        self._report = report
        self._height = 0
        self._running: Iterator[Batch] | None = None
        self._first: Batch | None = None
        self._taken = 0
        self.ahead = source.restartable
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[Batch]:
        """A pass. A source that is read once goes on where it stood, its first batch kept."""
        if self.restartable or self._running is None:
            self._running, self._taken, self._first = self._counted(), 0, None
        elif self._taken == 1 and self._first is not None:
            yield self._first
        for batch in self._running:
            self._first = batch if self._taken == 0 else None
            self._taken += 1
            yield batch

    def _counted(self) -> Iterator[Batch]:
        """A pass whose batches are counted when they are taken."""
        batches = read_ahead(self._pass()) if self.ahead else self._pass()
        for batch, shape, lengths in batches:
            self._report.count_lengths(lengths, self._packer.sequence_length)
            self._report.count_batch(shape, np.minimum(lengths, self._packer.sequence_length))
            yield batch

    def _pass(self) -> Iterator[tuple[Batch, Shape, np.ndarray]]:
        row = 0
        try:
            for rows in self.source.batches():
                if len(rows):
                    yield self._batch(rows, row)
                row += len(rows)
            if row == 0:
                raise DataError("The data set is empty: it yielded no texts.")
        except Exception as error:
            self.error = error
            raise

    def _batch(self, rows: Rows, start: int) -> tuple[Batch, Shape, np.ndarray]:
        """Also the shape of the batch, and the lengths of its rows before they are cut."""
        targets, weights = self._encode(rows, start)
        columns = [TokenColumn(c, self._tokenize, self._report) for c in rows.texts]
        lengths = self._packer.lengths([column.lengths for column in columns])
        width = width_for(lengths.max(), self.widths, self._packer.sequence_length)
        self._height = max(self._height, len(rows))
        batch = _assemble(
            pack(self._packer, columns, np.arange(len(rows)), width, self._height),
            targets,
            np.ones(len(rows), "float32") if weights is None else weights,
        )
        return batch, (self._height, width), lengths
