"""Lock files: which revision of which preset may be loaded, and what each file must hold.

A lock is JSON, sorted so that its changes can be reviewed:
    lock_version    1
    presets         handle without revision -> {
        asked           the branch or tag that was asked for, or null
        directory       what `hub-tasks fetch --into` calls the preset's directory
        files           name -> sha256
        revision        the commit or version, or null for what ships inside the package
    }
"""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hub_tasks.errors import (
    PresetFormatError,
    PresetIntegrityError,
    PresetNotFoundError,
    PresetSaveError,
    PresetVersionError,
    received,
)
from hub_tasks.presets.files import JSON_LIMIT, KNOWN, PresetFiles
from hub_tasks.presets.schema import check_integer, check_keys
from hub_tasks.presets.sources import Address
from hub_tasks.presets.strict_json import parse_json

LOCK_VERSION = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DIRECTORY = re.compile(r"[A-Za-z0-9][\w.-]{0,250}")
_ENTRIES = ("asked", "directory", "files", "revision")


@dataclass(frozen=True)
class LockedPreset:
    """One preset of a lock; see the module."""

    asked: str | None
    directory: str
    files: Mapping[str, str]
    revision: str | None

    def check(self, files: PresetFiles, where: str) -> None:
        """Compares files with the lock.

        Raises:
            PresetIntegrityError: another revision, a file more or less, another digest.
        """
        if files.revision is not None and files.revision != self.revision:
            raise _refusal(files, where, f"it locks revision {self.revision}")
        present = files.present(KNOWN)
        for name in present:
            if name not in self.files:
                raise _refusal(files, where, f"{name} is not in it", name)
        for name, wanted in self.files.items():
            if name not in present:
                raise _refusal(files, where, f"{name} is missing here", name)
            if files.digest(name) != wanted:
                what = f"{name} has sha256 {files.digest(name)}, where it locks {wanted}"
                raise _refusal(files, where, what, name)


def lock_of(files: PresetFiles, address: Address) -> LockedPreset:
    """The entry of a lock for a preset as it is."""
    digests = {name: files.digest(name) for name in sorted(files.present(KNOWN))}
    pinned = address.revision is None or address.revision == files.revision
    asked = None if pinned else address.revision
    return LockedPreset(asked, directory_name(address), digests, files.revision)


def directory_name(address: Address) -> str:
    """What the directory of a preset is called when it is brought along."""
    if address.name:
        return address.name
    name = address.place.replace("/", "--") if address.hub else Path(address.place).resolve().name
    if not _DIRECTORY.fullmatch(name):
        raise PresetSaveError(
            f"The name of the preset makes no name of a directory. {received(name=name)}"
        )
    return name


def read_lock(path: str | os.PathLike[str]) -> dict[str, LockedPreset]:
    """Reads a lock: handle without revision -> what is locked.

    Raises:
        PresetNotFoundError: there is no such file.
        PresetFormatError, PresetVersionError: it does not say what a lock must.
    """
    where = f"the lock {os.fspath(path)!r}"
    try:
        with open(path, "rb") as file:
            data = file.read(JSON_LIMIT + 1)
    except (OSError, ValueError) as error:
        raise PresetNotFoundError(
            f"{where} cannot be read ({getattr(error, 'strerror', None) or error}). Write one with "
            f"`hub-tasks fetch HANDLE --into DIR --lock FILE`."
        ) from None
    if len(data) > JSON_LIMIT:
        raise PresetFormatError(f"{where} is larger than {JSON_LIMIT} bytes.")
    document = parse_json(data, where)
    version = document.get("lock_version")
    if type(version) is int and version > LOCK_VERSION:
        raise PresetVersionError(
            f"{where} has version {version}; this version of hub_tasks reads {LOCK_VERSION}. "
            f"Upgrade with `pip install -U hub-tasks`."
        )
    check_integer(version, where, "/lock_version", LOCK_VERSION, LOCK_VERSION)
    check_keys(document, where, "", ("lock_version", "presets"), ("lock_version", "presets"))
    if not isinstance(document["presets"], dict):
        raise PresetFormatError(f"{where}: /presets must be an object.")
    return {base: _entry(base, entry, where) for base, entry in document["presets"].items()}


def find(locked: Mapping[str, LockedPreset], address: Address, where: str) -> LockedPreset:
    """What a lock says of a handle.

    Raises:
        PresetIntegrityError: nothing, or of another revision.
    """
    entry = locked.get(address.base)
    if entry is None and address.hub is None:
        name = Path(os.path.expanduser(address.place)).resolve().name
        entry = next((one for one in locked.values() if one.directory == name), None)
    if entry is None:
        raise PresetIntegrityError(
            f"{address.handle} is not in {where}, which locks {', '.join(locked) or 'nothing'}. "
            f"Add it with `hub-tasks fetch {address.handle} --into DIR --lock FILE`."
        )
    if address.revision not in (None, entry.revision, entry.asked):
        raise PresetIntegrityError(
            f"{address.handle} names revision {address.revision}, where {where} locks "
            f"{entry.revision}{f' ({entry.asked})' if entry.asked else ''}. Leave the revision out "
            f"to load what is locked, or fetch the preset with --lock again."
        )
    return entry


def write_lock(path: str | os.PathLike[str], locked: Mapping[str, LockedPreset]) -> None:
    """Writes a lock in one step."""
    presets = {base: asdict(entry) for base, entry in locked.items()}
    document = {"lock_version": LOCK_VERSION, "presets": presets}
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    target = Path(path)
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=target.parent, prefix=".lock-", delete=False
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(file.name, 0o644)
        os.replace(file.name, target)
    except OSError as error:
        raise PresetSaveError(
            f"The lock {str(target)!r} could not be written: {error.strerror}."
        ) from None


def _entry(base: str, entry: Any, where: str) -> LockedPreset:
    pointer = f"/presets/{base.replace('~', '~0').replace('/', '~1')}"
    check_keys(entry, where, pointer, _ENTRIES, _ENTRIES)
    texts = {"asked": (str, type(None)), "directory": (str,), "revision": (str, type(None))}
    wrong = [key for key, kinds in texts.items() if not isinstance(entry[key], kinds)]
    files = entry["files"]
    if wrong or not isinstance(files, dict) or not files:
        raise PresetFormatError(f"{where}: {pointer}/{(*wrong, 'files')[0]} is not valid.")
    for name, digest in files.items():
        known = name in KNOWN and isinstance(digest, str) and _SHA256.fullmatch(digest)
        if not known:
            raise PresetFormatError(
                f"{where}: {pointer}/files must map names of a preset's files to 64 hexadecimal "
                f"digits. {received(name=name, sha256=digest)}"
            )
    return LockedPreset(**entry)


def _refusal(
    files: PresetFiles, where: str, what: str, name: str | None = None
) -> PresetIntegrityError:
    return PresetIntegrityError(
        f"{files} is not what {where} records: {what}. Fetch the preset again, or, if it is meant "
        f"to differ, update the lock with `hub-tasks fetch --lock`.",
        file=name,
    )
