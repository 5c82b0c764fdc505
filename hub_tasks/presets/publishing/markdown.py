"""Text from outside as Markdown that shows it and does nothing else."""

import re
from collections.abc import Iterable, Sequence

from hub_tasks.errors import printable

# Markup, and what GitHub and Hugging Face turn into links, mentions and formulas.
_SPECIAL = re.compile(r"[\\`*_\[\]|!~#$@]|(?<=:)//|(?<=www)\.")
_FIRST = re.compile(r"^(\d*)([-+=.)])")  # of a list, or the line under a heading
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def line(text: object) -> str:
    """A text on one line, without escape codes."""
    return printable(" ".join(str(text).split()))


def escaped(text: object) -> str:
    """One line that shows a text, whatever markup is in it."""
    marked = _SPECIAL.sub(lambda found: "\\" + "\\".join(found[0]), line(text))
    return re.sub("[&<>]", lambda found: _ENTITIES[found[0]], marked)


def paragraphs(text: str) -> list[str]:
    """Escaped paragraphs, which an empty line separates."""
    parts = [escaped(part) for part in re.split(r"\n\s*\n", text)]
    return [_FIRST.sub(r"\1\\\2", part) for part in parts if part]


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of escaped cells."""
    lines = [titles, ["---"] * len(titles), *(map(escaped, row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def code(*lines: str) -> str:
    """A block of Python."""
    return "\n".join(["```python", *lines, "```"])
