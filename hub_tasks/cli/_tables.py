"""Tables for the terminal. What they show may come from a stranger's preset: it is escaped."""

from collections.abc import Iterable, Mapping
from typing import Any

from hub_tasks.errors import printable
from hub_tasks.presets.publishing.listing import FileEntry


def details(entries: Mapping[str, str | None]) -> Any:
    """A table of names and values; entries without a value are left out."""
    from rich.table import Table

    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in entries.items():
        if value:
            table.add_row(name, escaped(value))
    return table


def file_table(entries: Iterable[FileEntry]) -> Any:
    """A table of files with sizes and the first digits of their digests."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("bytes", justify="right", no_wrap=True)
    table.add_column("sha256")
    for entry in entries:
        table.add_row(escaped(entry.name), f"{entry.size:,}", entry.sha256[:16])
    return table


def escaped(text: str) -> Any:
    """A text without markup or escape codes, line by line."""
    from rich.text import Text

    return Text("\n".join(map(printable, text.split("\n"))))
