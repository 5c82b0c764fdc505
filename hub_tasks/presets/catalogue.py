"""The catalogue of built-in presets: one TOML record each.

The records stand in `presets/` at the top of the project and are packed into the wheel
as `hub_tasks/presets/records`.
"""

import tomllib
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

from hub_tasks.errors import PresetFormatError, PresetNotFoundError
from hub_tasks.registry import Registry


@dataclass(frozen=True)
class PresetRecord:
    """What the catalogue knows about a preset.

    Args:
        id: the built-in name.
        family: the encoder family.
        description: one sentence.
        handle: where it is fetched from; empty where it ships inside the package.
        revision: the version or commit of the handle; empty where it ships inside.
        parameters: the number of weights.
        languages: ISO 639-1 codes.
        licence: the licence of the weights, with a remark where one is due.
        labels: the head's label names; empty where there is no head.
        training_data: what it was trained on.
        size_bytes: size on disk.
        metrics: name -> value, as measured.
        directory: where the files are, for presets inside the package.
    """

    id: str
    family: str
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
    table = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    table["metrics"] = tuple(table.get("metrics", {}).items())
    directory = path.with_suffix("")
    return PresetRecord(id=path.stem, directory=directory if directory.is_dir() else None, **table)


def _load() -> Registry[PresetRecord]:
    registry: Registry[PresetRecord] = Registry("built-in preset", PresetNotFoundError)
    for path in sorted(_records_directory().glob("*.toml")):
        registry.register(path.stem, read_record(path))
    return registry


CATALOGUE = _load()


def list_presets() -> list[PresetRecord]:
    """The built-in presets.

    Example:

    >>> import hub_tasks
    >>> "bert_tiny_en_sentiment" in [record.id for record in hub_tasks.list_presets()]
    True
    """
    return list(CATALOGUE.values())
