"""Labelled examples from a table in a file."""

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hub_tasks.data.rows import Rows
from hub_tasks.data.tables import Table
from hub_tasks.errors import DataError, received, shorten
from hub_tasks.registry import close_matches

SEPARATOR = "|"  # between the labels of a text
_SHOWN = 20  # labels that a message names


@dataclass(frozen=True)
class Examples(Rows):
    """Rows of a file.

    Args:
        texts, labels, weights: see `Rows`.
        where: what errors call the file.
        lines: the number of each row's line.
    """

    where: str = ""
    lines: tuple[int, ...] = ()

    def labels_among(self, names: Sequence[str], ids: bool = False) -> list[Any]:
        """The labels, each of which is one of `names`.

        Args:
            names: label names in the order of ids.
            ids: whether labels may also be ids, where none of them is a name.

        Raises:
            DataError: another label, with the line of the first.
        """
        rows = [labels if isinstance(labels, list) else [labels] for labels in self.labels]
        given = {label for row in rows for label in row}
        numbers = {str(i): i for i in range(len(names))}
        if ids and not given & set(names) and given <= set(numbers):
            found = [[numbers[label] for label in row] for row in rows]
            return found if isinstance(self.labels[0], list) else [row[0] for row in found]
        for line, row in zip(self.lines, rows, strict=True):
            for label in row:
                if label not in names:
                    shown = ", ".join(map(shorten, names[:_SHOWN]))
                    more = f", ... ({len(names)})" if len(names) > _SHOWN else ""
                    raise DataError(
                        f"{self.where}, line {line}: not one of the labels {shown}{more}."
                        f"{close_matches(label, list(names))} {received(label=label)}"
                    )
        return self.labels


def read_examples(
    path: str | os.PathLike[str],
    problem_type: str,
    text: str | None = None,
    pair: str | None = None,
    label: str | None = None,
) -> Examples:
    """Reads texts and labels.

    Args:
        path: see `Table`.
        problem_type: what the labels are: names; names with `|` between them, or a list of
            names in `.jsonl`; or numbers.
        text, pair, label: names of columns; None for known ones.

    Raises:
        DataError: with the line of the row that is not as it must be.
    """
    table = Table(path)
    columns, label = table.text_columns(text, pair), table.label_column(label)
    read = _LABELS[problem_type]
    texts: tuple[list[str], ...] = tuple([] for _ in columns)
    labels, lines = [], []
    for line, row, [value] in table.select(columns, [label]):
        for column, entry in zip(texts, row, strict=True):
            column.append(entry)
        labels.append(read(value, f"{table.where}, line {line}: {label!r}"))
        lines.append(line)
    return Examples(texts, labels, None, table.where, tuple(lines))


def _name(value: Any, where: str) -> str:
    name = value if isinstance(value, str) else json.dumps(value)
    if not name or isinstance(value, list | dict | None):
        raise DataError(f"{where} must be a label. {received(value=value)}")
    return name


def _names(value: Any, where: str) -> list[str]:
    if isinstance(value, str):
        value = value.split(SEPARATOR) if value else []
    return [_name(entry, where) for entry in (value if isinstance(value, list) else [value])]


def _number(value: Any, where: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{where} must be a number. {received(value=value)}")
    return number


_LABELS: dict[str, Callable[[Any, str], Any]] = {
    "single_label_classification": _name,
    "multi_label_classification": _names,
    "regression": _number,
}
