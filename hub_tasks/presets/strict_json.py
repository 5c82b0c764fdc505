"""JSON as configurations need it: an object, no duplicates, finite numbers, bounded depth."""

import json
import re
from typing import Any

from hub_tasks.errors import PresetFormatError, shorten
from hub_tasks.presets.files import JSON_LIMIT, PresetFiles

_MAX_DEPTH = 64
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def read_json(files: PresetFiles, name: str, limit: int = JSON_LIMIT) -> dict[str, Any]:
    """Reads one JSON object from a preset.

    Raises:
        PresetFormatError: not UTF-8, not JSON, not an object, a key twice, a number
            that is not finite, or nesting deeper than 64.
    """
    where = f"{name} of preset {files}"
    return parse_json(files.read(name, limit), where)


def parse_json(data: bytes, where: str) -> dict[str, Any]:
    """Parses the bytes of one JSON object; `where` names them in errors."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PresetFormatError(f"{where} is not UTF-8.") from None
    _check_depth(text, where)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        twice = sorted({key for key in keys if keys.count(key) > 1}) if len(keys) < 1000 else []
        if twice or len(set(keys)) != len(keys):
            raise PresetFormatError(f"{where} has the key {shorten(twice or keys)} twice.")
        return dict(pairs)

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
    if not isinstance(parsed, dict):
        raise PresetFormatError(
            f"{where} must hold a JSON object. Received: {type(parsed).__name__}"
        )
    return parsed


def _check_depth(text: str, where: str) -> None:
    depth = 0
    for match in _BRACKETS.finditer(text):
        if match.group() in "[{":
            depth += 1
            if depth > _MAX_DEPTH:
                raise PresetFormatError(f"{where} nests deeper than {_MAX_DEPTH} levels.")
        elif match.group() in "]}":
            depth -= 1
