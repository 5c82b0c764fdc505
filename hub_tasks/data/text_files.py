"""Files of text: opened with errors that say what is wrong, read line by line."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from hub_tasks.errors import DataError
from hub_tasks.registry import close_matches

_BYTE_ORDER_MARK = "\ufeff"


def open_text(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a file of text, as bytes.

    Raises:
        DataError: it is not there, or cannot be read.
    """
    place = Path(path).expanduser()
    try:
        return open(place, "rb")
    except FileNotFoundError:
        folder = place.parent
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        missing = "There is no file" if folder.is_dir() else f"There is no folder {folder} for"
        raise DataError(f"{missing} {str(path)!r}.{close_matches(place.name, names)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"The file {str(path)!r} cannot be read ({reason}).") from None


def read_lines(file: Iterable[bytes], where: str) -> Iterator[tuple[int, str]]:
    """Numbers of lines, from 1, and the lines with what ends them.

    Only a line feed ends a line, so that texts may hold whatever else Unicode calls a
    line break. A byte order mark at the beginning is left out.

    Args:
        file: the lines as bytes.
        where: what errors call the file.

    Raises:
        DataError: a line is not UTF-8.
    """
    for number, line in enumerate(file, 1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{where}, line {number}: not UTF-8 (byte {error.start + 1} of the line). Convert "
                "the file, for example with `iconv -t utf-8`."
            ) from None
        yield number, text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text


def without_line_end(line: str) -> str:
    """The line without the line feed, or carriage return and line feed, at its end."""
    return line.removesuffix("\n").removesuffix("\r")
