"""The catalogue of built-in presets: one TOML record each.

The records stand in `presets/` at the top of the project and are packed into the wheel
as `hub_tasks/presets/records`.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from hub_tasks.errors import PresetFormatError, PresetNotFoundError, received
from hub_tasks.registry import Registry

TASKS = ("encoder", "classifier")
MULTI = "multi"
_PINNED = {"hf": re.compile(r"[0-9a-f]{40}"), "kaggle": re.compile(r"[0-9]{1,6}")}


@dataclass(frozen=True)
class PresetRecord:
    """What the catalogue knows about a preset.

    Args:
        id: the built-in name; KerasHub's, where KerasHub has the preset.
        family: the encoder family.
        task: "classifier" where there is a head, else "encoder".
        description: one sentence.
        parameters: the number of weights; those of the encoder where it is fetched from a hub.
        languages: ISO 639-1 codes; or "multi" for fifty and more, as the description says.
        licence: the licence of the weights, with a remark where one is due.
        handle: where it is fetched from; empty where it ships inside the package.
        revision: the version or commit of the handle; "main" where the commit is not known.
        labels: the head's label names; empty where there is no head or they are not known.
        training_data: what it was trained on.
        size_bytes: size on disk.
        metrics: name -> value, as measured.
        directory: where the files are, for presets inside the package.
    """

    id: str
    family: str
    task: str
    description: str
    parameters: int
    languages: tuple[str, ...]
    licence: str
    handle: str = ""
    revision: str = ""
    labels: tuple[str, ...] = ()
    training_data: str = ""
    size_bytes: int = 0
    metrics: tuple[tuple[str, float], ...] = ()
    directory: Path | None = None

    @property
    def address(self) -> str:
        """Handle and revision in one, as `from_preset` takes them."""
        if not self.revision:
            return self.handle
        return f"{self.handle}{'@' if self.handle.startswith('hf://') else '/'}{self.revision}"

    @property
    def pinned(self) -> bool:
        """Whether the files behind the name can never change."""
        version = _PINNED.get(self.handle.partition("://")[0])
        return self.directory is not None or bool(version and version.fullmatch(self.revision))

    @property
    def version(self) -> str:
        """The version of the files, for people."""
        if self.directory is not None:
            return "in the package"
        return self.revision[:7] if self.pinned else f"{self.revision or 'newest'}, unpinned"


def _records_directory() -> Path:
    packed = Path(__file__).parent / "records"
    return packed if packed.is_dir() else Path(__file__).parents[2] / "presets"


def read_record(path: Path) -> PresetRecord:
    """Reads one record; the preset's files stand in the directory of the same name, if any."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PresetFormatError(f"{path.name} is not TOML: {error}.") from None
    stated = [field for field in fields(PresetRecord) if field.name not in ("id", "directory")]
    required = {field.name for field in stated if field.default is MISSING}
    unknown, missing = set(table) - {field.name for field in stated}, required - set(table)
    if unknown or missing:
        raise PresetFormatError(
            f"{path.name}: unknown keys {sorted(unknown)}, missing keys {sorted(missing)}."
        )
    _check_types(table, path.name)
    if table["task"] not in TASKS:
        raise PresetFormatError(
            f"{path.name}: task must be {' or '.join(TASKS)}. {received(task=table['task'])}"
        )
    table = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    table["metrics"] = tuple(table.get("metrics", {}).items())
    directory = path.with_name(path.stem)
    return PresetRecord(id=path.stem, directory=directory if directory.is_dir() else None, **table)


def _check_types(table: Mapping[str, Any], where: str) -> None:
    kinds = {"parameters": int, "size_bytes": int, "languages": list, "labels": list}
    for key, value in table.items():
        kind = dict if key == "metrics" else kinds.get(key, str)
        if type(value) is not kind:
            raise PresetFormatError(
                f"{where}: {key} must be of type {kind.__name__}. {received(**{key: value})}"
            )


def _read_records() -> dict[str, PresetRecord]:
    paths = sorted(_records_directory().glob("*.toml"), key=lambda path: path.stem)
    return {path.stem: read_record(path) for path in paths}


CATALOGUE: Registry[PresetRecord] = Registry("built-in preset", PresetNotFoundError, _read_records)


def list_presets() -> list[PresetRecord]:
    """The built-in presets.

    Example:

    >>> import hub_tasks
    >>> "bert_tiny_en_sentiment" in [record.id for record in hub_tasks.list_presets()]
    True
    """
    return list(CATALOGUE.values())
