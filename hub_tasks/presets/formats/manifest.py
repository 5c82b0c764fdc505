"""`hub_tasks.json`: what KerasHub's layout has no place for, and the digests of the rest.

Schema 2:
    schema_version      2
    hub_tasks_version   the version that wrote it
    family              the encoder family; "keras_hub" where KerasHub computes the encoder
    backbone            entries of the configuration that KerasHub fixes
    preprocessor        settings that KerasHub does not have
    tokenizer, head     the same of these
    labels              label names in the order of the model's outputs, or null
    problem_type        in Hugging Face's terms, or null where there is no head
    files               every other file: {"sha256": hex digest, "bytes": size}

Older schemas are brought up one step at a time by `_STEPS`; a new schema adds a step and
its keys here, and a preset of it to `tests/golden` (`tools/make_golden_presets.py`).
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any

from hub_tasks.errors import PresetFormatError, PresetIntegrityError, PresetVersionError, received
from hub_tasks.families import IMPORT_FIRST, KERAS_HUB, own_families
from hub_tasks.presets import files as names
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.schema import PROBLEM_TYPES, check_choice, check_integer, check_keys
from hub_tasks.presets.strict_json import read_json

_KEYS_1 = (
    "schema_version",
    "hub_tasks_version",
    "family",
    "backbone",
    "preprocessor",
    "labels",
    "problem_type",
    "files",
)
HEAD_ENTRIES = ("num_classes", "activation", "dropout")  # where KerasHub has no such head
_KEYS = {1: _KEYS_1, 2: (*_KEYS_1, "tokenizer", "head")}  # schema version -> its entries


def _from_1_to_2(manifest: dict[str, Any]) -> dict[str, Any]:
    """Tokenizers and heads were all as KerasHub has them."""
    return {**manifest, "tokenizer": {}, "head": {}}


_STEPS: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (_from_1_to_2,)
SCHEMA_VERSION = 1 + len(_STEPS)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def read_manifest(files: PresetFiles) -> dict[str, Any] | None:
    """Reads and checks `hub_tasks.json`, and every file against its digest.

    Returns None where there is none, as in presets that KerasHub wrote.
    """
    if not files.exists(names.MANIFEST):
        return None
    manifest = read_json(files, names.MANIFEST)
    where = f"{names.MANIFEST} of preset {files}"
    version = manifest.get("schema_version")
    if type(version) is int and version > SCHEMA_VERSION:
        raise PresetVersionError(
            f"{where} has schema version {version}; this version of hub_tasks reads up to "
            f"{SCHEMA_VERSION}. Upgrade with `pip install -U hub-tasks`."
        )
    check_integer(version, where, "/schema_version", 1, SCHEMA_VERSION)
    check_keys(manifest, where, "", _KEYS[version], required=_KEYS[version])
    for step in _STEPS[version - 1 :]:
        manifest = step(manifest)
    known = (*(family.name for family in own_families()), KERAS_HUB.name)
    if manifest["family"] not in known:
        raise PresetFormatError(
            f"{where}: /family must be one of {', '.join(known)}. {IMPORT_FIRST} "
            f"{received(family=manifest['family'])}"
        )
    if manifest["problem_type"] is not None:
        check_choice(manifest["problem_type"], where, "/problem_type", PROBLEM_TYPES)
    for key in ("backbone", "preprocessor", "tokenizer", "head", "files"):
        if not isinstance(manifest[key], dict):
            raise PresetFormatError(f"{where}: /{key} must be an object.")
    _verify(files, manifest["files"], where)
    return manifest


def digest(data: bytes) -> dict[str, Any]:
    """The manifest's entry for a file of these bytes."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _verify(files: PresetFiles, entries: dict[str, Any], where: str) -> None:
    for name, entry in entries.items():
        pointer = f"/files/{name.replace('/', '~1')}"
        if name not in names.KNOWN or name == names.MANIFEST:
            raise PresetFormatError(f"{where}: {pointer} is no file of a preset.")
        check_keys(entry, where, pointer, ("sha256", "bytes"), ("sha256", "bytes"))
        if not isinstance(entry["sha256"], str) or not _SHA256.fullmatch(entry["sha256"]):
            raise PresetFormatError(
                f"{where}: {pointer}/sha256 must be 64 hexadecimal digits. "
                f"{received(sha256=entry['sha256'])}"
            )
        check_integer(entry["bytes"], where, f"{pointer}/bytes", 0, 2**63)
        actual, size = files.digest(name), files.size(name)
        if (actual, size) != (entry["sha256"], entry["bytes"]):
            raise PresetIntegrityError(
                f"{name} of preset {files} is not the file that was saved: it has {size} bytes and "
                f"sha256 {actual}; {names.MANIFEST} records {entry['bytes']} and "
                f"{entry['sha256']}. Fetch or save the preset again, or delete {names.MANIFEST} to "
                f"read what is there without label names.",
                file=name,
            )
    listed = {*entries, names.MANIFEST}
    stray = [name for name in files.present(names.KNOWN) if name not in listed]
    if stray:
        raise PresetIntegrityError(
            f"{stray[0]} of preset {files} is not listed in {names.MANIFEST}; the directory mixes "
            f"two presets."
        )
