"""Vocabulary files: one token a line, the line number is the id."""

from hub_tasks.errors import PresetFormatError, shorten
from hub_tasks.presets.files import VOCABULARY_LIMIT, PresetFiles

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
    if "\0" in text:
        raise PresetFormatError(f"{where} holds a NUL character.")
    tokens = text.split("\n")
    if tokens[-1] == "":
        tokens.pop()
    tokens = [token.removesuffix("\r") for token in tokens]
    if len(tokens) > _MAX_TOKENS:
        raise PresetFormatError(f"{where} has more than {_MAX_TOKENS} lines.")
    first: dict[str, int] = {}
    for number, token in enumerate(tokens, start=1):
        if token in first:
            raise PresetFormatError(
                f"{where} has the token {shorten(token)} twice, in lines {first[token]} "
                f"and {number}."
            )
        first[token] = number
    return tuple(tokens)
