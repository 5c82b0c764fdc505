"""Files of rows with named columns: `.tsv`, `.csv` and `.jsonl`."""

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from hub_tasks.data.fields import LABEL_FIELDS, text_fields
from hub_tasks.data.text_files import open_text, read_lines, without_line_end
from hub_tasks.errors import DataError, received, shorten
from hub_tasks.registry import close_matches

_LONGEST_FIELD = 1 << 24  # characters; the csv module's own limit is less than a long text
Rows = Iterator[tuple[int, dict[str, Any]]]


class Table:
    """A file of rows with named columns, read as a stream, once for each `select`.

    Args:
        path: `.tsv` (values between tabs, a row a line, no quoting), `.csv` (as Python's csv
            module reads it) or `.jsonl` (an object a line), in UTF-8. The first line of the
            former two names the columns.

    Attributes:
        columns: their names; for `.jsonl` those of the first object.
        where: what errors call the file.

    Raises:
        DataError: the file is not there or empty, or is of another kind.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path, self.where = path, f"The file {os.fspath(path)!r}"
        suffix = Path(path).suffix.lower()
        if suffix not in READERS:
            raise DataError(
                f"{self.where} must be {', '.join(READERS)} by the end of its name, with named "
                f"columns. {received(path=os.fspath(path))}"
            )
        self._read = READERS[suffix]
        first = next(self._rows(), None)
        if first is None:
            raise DataError(f"{self.where} has no rows.")
        self.columns = list(first[1])

    def select(
        self, texts: Sequence[str], others: Sequence[str] = ()
    ) -> Iterator[tuple[int, tuple[str, ...], tuple[Any, ...]]]:
        """The number of the line, the texts, and the values of other columns, row by row.

        Raises:
            DataError: a row lacks a column, or holds something else in place of a text.
        """
        for number, row in self._rows():
            try:
                chosen = tuple(row[column] for column in texts)
                rest = tuple(row[column] for column in others)
            except KeyError as error:
                raise DataError(
                    f"{self.where}, line {number}: {error.args[0]!r} is missing. "
                    f"{received(columns=list(row))}"
                ) from None
            for column, value in zip(texts, chosen, strict=True):
                if not isinstance(value, str):
                    raise DataError(
                        f"{self.where}, line {number}: {column!r} must be a text. "
                        f"{received(value=value)}"
                    )
            yield number, chosen, rest

    def text_columns(self, text: str | None = None, pair: str | None = None) -> tuple[str, ...]:
        """The column of texts, or the two of pairs: those that are named, else known ones.

        Raises:
            DataError: there is no such column, or none whose name is known.
        """
        if text is None:
            others = [column for column in self.columns if column != pair]
            try:
                found = text_fields(others)
            except DataError as error:
                raise DataError(f"{self._which('the texts')} {error}") from None
            if pair is None:
                return found
            text = found[0]
        return tuple(self._known(column) for column in (text, pair) if column is not None)

    def label_column(self, label: str | None = None) -> str:
        """The column of labels: the one that is named, else a known one.

        Raises:
            DataError: see `text_columns`.
        """
        known = [column for column in LABEL_FIELDS if column in self.columns]
        if label is None and not known:
            raise DataError(
                f"{self._which('the labels')} Known are {', '.join(LABEL_FIELDS)}. "
                f"{received(columns=self.columns)}"
            )
        return known[0] if label is None else self._known(label)

    def _which(self, what: str) -> str:
        return f"{self.where}: say which column holds {what}."

    def _known(self, column: str) -> str:
        if column not in self.columns:
            raise DataError(
                f"{self.where} has no column {column!r}.{close_matches(column, self.columns)} It "
                f"has {', '.join(map(shorten, self.columns))}."
            )
        return column

    def _rows(self) -> Rows:
        with open_text(self.path) as file:
            lines = read_lines(file, self.where)
            first = next(lines, None)
            if first is None:
                raise DataError(f"{self.where} is empty.")
            yield from self._read(self.where, chain([first], lines))


def _tsv(where: str, lines: Iterator[tuple[int, str]]) -> Rows:
    return _named(where, ((number, without_line_end(line).split("\t")) for number, line in lines))


def _csv(where: str, lines: Iterator[tuple[int, str]]) -> Rows:
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    reader = csv.reader((line for _, line in lines), strict=True)

    def fields() -> Iterator[tuple[int, list[str]]]:
        start = 1
        try:
            for row in reader:
                yield start, row or [""]
                start = reader.line_num + 1
        except csv.Error as error:
            raise DataError(
                f"{where}, line {start}: not CSV ({error}). A value that holds a comma, a quote or "
                'a line break stands in quotes, and a quote in it is doubled: "".'
            ) from None

    return _named(where, fields())


def _named(where: str, rows: Iterator[tuple[int, list[str]]]) -> Rows:
    """Rows by the names in the first one; empty lines are no rows of several columns."""
    _, columns = next(rows)
    if not all(columns) or len(set(columns)) < len(columns):
        raise DataError(
            f"{where}, line 1: the first line names the columns, each with a name of its own. "
            f"{received(columns=columns)}"
        )
    for number, fields in rows:
        if len(fields) == len(columns):
            yield number, dict(zip(columns, fields, strict=True))
        elif fields != [""]:
            raise DataError(
                f"{where}, line {number}: {len(fields)} values, where line 1 names {len(columns)} "
                f"columns ({', '.join(map(shorten, columns))}). {received(values=fields)}"
            )


def _jsonl(where: str, lines: Iterator[tuple[int, str]]) -> Rows:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}, line {number}: not JSON ({error}).") from None
        if not isinstance(row, dict):
            raise DataError(
                f"{where}, line {number}: each line must be an object, {{...}}. "
                f"{received(value=row)}"
            )
        yield number, row


READERS: dict[str, Callable[[str, Iterator[tuple[int, str]]], Rows]] = {
    ".tsv": _tsv,
    ".csv": _csv,
    ".jsonl": _jsonl,
}
