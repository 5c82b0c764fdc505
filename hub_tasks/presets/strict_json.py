"""JSON as configurations need it: an object, no duplicates, finite numbers, bounded depth."""

import json
import re
from collections import Counter
from typing import Any

from hub_tasks.errors import PresetFormatError, shorten
from hub_tasks.presets.files import JSON_LIMIT, PresetFiles
from hub_tasks.presets.schema import is_text

_MAX_DEPTH = 64
_BYTES_A_BRACKET = 64  # an empty list takes 20 times the room of its two brackets
# A string, closed or not, or a bracket; possessive, so that no text takes quadratic time.
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(files: PresetFiles, name: str, limit: int = JSON_LIMIT) -> dict[str, Any]:
    """Reads one JSON object from a preset.

    Raises:
        PresetFormatError: not UTF-8, not JSON, not an object, a key twice, a number
            that is not finite, half a surrogate pair, or nesting deeper than 64.
    """
    where = f"{name} of preset {files}"
    return parse_json(files.read(name, limit), where, limit)


def parse_json(data: bytes, where: str, limit: int = JSON_LIMIT) -> dict[str, Any]:
    """Parses the bytes of one JSON object; `where` names them in errors."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PresetFormatError(f"{where} is not UTF-8.") from None
    _check_brackets(text, where, limit // _BYTES_A_BRACKET)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            key, _ = Counter(key for key, _ in pairs).most_common(1)[0]
            raise PresetFormatError(f"{where} has the key {shorten(key)} twice.")
        return found

    def constant(value: str) -> Any:
        raise PresetFormatError(f"{where} holds {value}, which is not a JSON number.")

    def real(value: str) -> float:
        number = float(value)
        if number in (float("inf"), float("-inf")):
            raise PresetFormatError(f"{where} holds {shorten(value)}, which overflows.")
        return number

    try:
        parsed = json.loads(
            text, object_pairs_hook=unique, parse_constant=constant, parse_float=real
        )
    except PresetFormatError:
        raise
    except ValueError as error:
        raise PresetFormatError(f"{where} is not JSON: {str(error)[:100]}.") from None
    if _SURROGATE.search(text) and not is_text(json.dumps(parsed, ensure_ascii=False)):
        raise PresetFormatError(f"{where} holds half a surrogate pair, which is no character.")
    if not isinstance(parsed, dict):
        raise PresetFormatError(
            f"{where} must hold a JSON object. Received: {type(parsed).__name__}"
        )
    return parsed


def _check_brackets(text: str, where: str, most: int) -> None:
    depth = count = 0
    for match in _BRACKETS.finditer(text):
        if match.group() in "[{":
            depth += 1
            count += 1
            if count > most:
                raise PresetFormatError(f"{where} holds more than {most} lists and objects.")
            if depth > _MAX_DEPTH:
                raise PresetFormatError(f"{where} nests deeper than {_MAX_DEPTH} levels.")
        elif match.group() in "]}":
            depth -= 1
