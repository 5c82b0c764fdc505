"""Texts as users hold them -> a list of `str`, or one error that names the row."""

from collections.abc import Iterable
from typing import Any

from hub_tasks.errors import DataError, received
from hub_tasks.tokenizers import joined

_ACCEPTED = "Texts are strings: a list, tuple, NumPy array or pandas column of str"
_CHUNK = 8192  # texts that are looked at in one


def check_texts(
    values: Iterable[Any], name: str = "texts", start: int = 0, tokens: bool = False
) -> list[str]:
    """Checks every text; UTF-8 bytes are decoded and NUL characters removed.

    Args:
        values: one text an item.
        name: what errors call the column.
        start: the row number of the first text.
        tokens: whether a text may also be a list of tokens, which are then joined.

    Raises:
        DataError: an item that is no text, invalid UTF-8, or a lone surrogate.
    """
    values = list(values)
    checked: list[str] = []
    for first in range(0, len(values), _CHUNK):
        few = values[first : first + _CHUNK]
        if not _are_plain(few):
            rows = enumerate(few, start + first)
            few = [_check(value, f"{name}[{row}]", tokens) for row, value in rows]
        checked += few
    return checked


def _are_plain(values: list[Any]) -> bool:
    """Whether they are texts that need nothing done, all looked at in one."""
    if set(map(type, values)) != {str}:
        return False
    whole = "".join(values)
    return "\0" not in whole and (whole.isascii() or _surrogate(whole) is None)


def _check(value: Any, place: str, tokens: bool = False) -> str:
    if tokens and isinstance(value, list):
        return joined([_check(token, f"{place}[{i}]") for i, token in enumerate(value)])
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{place} is not valid UTF-8 (byte {error.start}). Decode it with its own encoding "
                f"first. {received(value=value)}"
            ) from None
    if not isinstance(value, str):
        raise DataError(f"{place} is not a text. {_ACCEPTED}. {received(value=value)}")
    surrogate = _surrogate(value)
    if surrogate is not None:
        raise DataError(
            f"{place} holds a lone surrogate at character {surrogate}, which is no text. "
            f"{received(value=value)}"
        )
    return str(value).replace("\0", "")


def _surrogate(text: str) -> int | None:
    """Where the first lone surrogate of a string stands, if there is one."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return None
