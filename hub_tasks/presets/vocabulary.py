"""Vocabulary files: one token a line, the line number is the id."""

from collections.abc import Sequence

from hub_tasks.errors import PresetFormatError, shorten
from hub_tasks.presets.files import VOCABULARY_LIMIT, PresetFiles
from hub_tasks.presets.strict_json import is_text

_MAX_TOKENS = 4_000_000


def read_vocabulary(files: PresetFiles, name: str) -> tuple[str, ...]:
    """Reads a vocabulary.

    Raises:
        PresetFormatError: not UTF-8, a NUL, an empty line, or a token twice (both line
            numbers are named).
    """
    where = f"{name} of preset {files}"
    data = files.read(name, VOCABULARY_LIMIT)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PresetFormatError(f"{where} is not UTF-8 at byte {error.start}.") from None
    if text.count("\n") > _MAX_TOKENS:
        raise PresetFormatError(f"{where} has more than {_MAX_TOKENS} lines.")
    tokens = [token.removesuffix("\r") for token in text.removesuffix("\n").split("\n")]
    problem = vocabulary_problem(tokens)
    if problem:
        raise PresetFormatError(f"{where} {problem}.")
    return tuple(tokens)


def vocabulary_problem(tokens: Sequence[str]) -> str | None:
    """What keeps tokens from being a vocabulary file, or None."""
    first: dict[str, int] = {}
    for number, token in enumerate(tokens, start=1):
        if not token:
            return f"has no token in line {number}"
        if "\0" in token or "\n" in token or token.endswith("\r") or not is_text(token):
            return f"has the token {shorten(token)}, which no line can hold, in line {number}"
        if token in first:
            return f"has the token {shorten(token)} twice, in lines {first[token]} and {number}"
        first[token] = number
    return None
