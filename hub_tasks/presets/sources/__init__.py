"""Where presets come from: a handle in one of four forms -> the files of a preset."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from hub_tasks.errors import PresetNotFoundError, received
from hub_tasks.presets.catalogue import CATALOGUE
from hub_tasks.presets.files import KNOWN, PresetFiles
from hub_tasks.presets.sources import hugging_face, kaggle, local
from hub_tasks.presets.sources._failures import scrub
from hub_tasks.presets.sources.offline import is_offline
from hub_tasks.registry import close_matches

FORMS = (
    "a built-in name such as 'bert_tiny_en_sentiment'",
    "a directory such as './my_preset'",
    "'hf://org/model' or 'hf://org/model@revision'",
    "'kaggle://org/model/keras/variant' or 'kaggle://org/model/keras/variant/3'",
)
_HUBS = (hugging_face, kaggle)
_MAX_HANDLE = 1_000
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class Address:
    """What a handle means.

    Args:
        handle: as the user wrote it.
        hub: the module of the hub; None for this machine.
        place: the repository or model, or the directory.
        revision: what the handle names of it, if anything.
        name: the built-in name, if it is one.
    """

    handle: str
    hub: ModuleType | None
    place: str
    revision: str | None = None
    name: str = ""

    @property
    def base(self) -> str:
        """The handle without a revision."""
        return f"{self.hub.SCHEME}{self.place}" if self.hub else self.name or self.place


def parse(handle: str | os.PathLike[str]) -> Address:
    """Tells the form of a handle; nothing is fetched.

    Raises:
        PresetNotFoundError: the handle is of no accepted form, or names nothing.
    """
    if isinstance(handle, os.PathLike):
        path = os.fspath(handle)
        return Address(path, None, path)
    if not isinstance(handle, str) or not handle or len(handle) > _MAX_HANDLE or "\0" in handle:
        raise _unknown(handle)
    for hub in _HUBS:
        if handle.startswith(hub.SCHEME):
            return Address(handle, hub, *hub.parse(handle))
    if _SCHEME.match(handle):
        raise _unknown(handle)
    if os.path.lexists(os.path.expanduser(handle)):
        return Address(handle, None, handle)
    if handle not in CATALOGUE:
        raise _unknown(handle)
    record = CATALOGUE[handle]
    if record.directory:
        return Address(handle, None, str(record.directory), name=handle)
    found = parse(record.address)
    return Address(handle, found.hub, found.place, found.revision, handle)


def resolve(
    handle: str | os.PathLike[str] | Address,
    local_files_only: bool = False,
    revision: str | None = None,
    names: Sequence[str] = KNOWN,
) -> PresetFiles:
    """Finds the files of a preset, fetching them from a hub where need be.

    Args:
        handle: a built-in name, a directory, an `hf://` or a `kaggle://` handle.
        local_files_only: ask no hub.
        revision: in place of the handle's own.
        names: the files to fetch.

    Raises:
        PresetNotFoundError: the handle is of no accepted form, or names nothing.
    """
    address = handle if isinstance(handle, Address) else parse(handle)
    if address.hub is None:
        files = local.fetch(address.place)
        return PresetFiles(files.directory, address.handle) if address.name else files
    revision = revision or address.revision
    offline = is_offline(local_files_only)
    return address.hub.fetch(address.handle, address.place, revision, offline, names)


def _unknown(handle: object) -> PresetNotFoundError:
    close = close_matches(handle, list(CATALOGUE)) if isinstance(handle, str) else ""
    forms = "\n  ".join(FORMS)
    shown = scrub(handle) if isinstance(handle, str) else handle
    return PresetNotFoundError(
        f"No preset has this handle.{close} Accepted:\n  {forms}\n{received(preset=shown)}"
    )
