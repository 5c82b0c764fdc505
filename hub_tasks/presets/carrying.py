"""Bringing presets to a directory that works on a machine without a network."""

import mmap
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hub_tasks.errors import PresetSaveError
from hub_tasks.presets.files import CONFIG, TOKENIZER, PresetFiles
from hub_tasks.presets.loading import open_preset, verified
from hub_tasks.presets.lock import LockedPreset, directory_name, lock_of
from hub_tasks.presets.saving import write_files
from hub_tasks.presets.sources import Address
from hub_tasks.presets.sources.offline import is_offline
from hub_tasks.presets.weights import Weights


def bring(
    address: Address,
    into: str | os.PathLike[str],
    locked: Mapping[str, LockedPreset],
    local_files_only: bool = False,
) -> tuple[LockedPreset, bool]:
    """Puts a preset into a sub-directory of its own, as regular files.

    What is there already and is what the lock or the hub says is left alone.

    Args:
        address: of the preset.
        into: the directory of all presets.
        locked: what was brought before.
        local_files_only: ask no hub.

    Returns:
        What is there now, and whether it was written.

    Raises:
        PresetError: the preset cannot be had, or another one has its directory.
    """
    target = Path(into, directory_name(address))
    before = locked.get(address.base)
    if any(one.directory == target.name and base != address.base for base, one in locked.items()):
        raise PresetSaveError(
            f"{address.handle} would be put into {str(target)!r}, where another preset is. Fetch "
            f"it into another directory, with a lock of its own."
        )
    pinned = address.hub and address.revision and address.hub.is_pinned(address.revision)
    asked = (before.revision, before.asked, None) if before else ()
    settled = address.revision in asked and (pinned or is_offline(local_files_only))
    if before and settled and before.directory == target.name and verified(target, before):
        return before, False
    files, data = open_preset(address, local_files_only)
    for weights in (data.weights, data.head and data.head.weights):
        if isinstance(weights, Weights):
            weights.open().__exit__(None, None, None)  # raises where they are missing or damaged
    now = lock_of(files, address)
    if verified(target, now):
        return now, False
    with ExitStack() as stack:
        contents = {name: _content(files, name, stack) for name in now.files}
        write_files(target, contents, replaceable=(CONFIG, TOKENIZER))
    now.check(PresetFiles(target, address.handle), "what was fetched")
    return now, True


def _content(files: PresetFiles, name: str, stack: ExitStack) -> Any:
    """A file's bytes, mapped so that large ones take no memory."""
    file = stack.enter_context(files.open(name))
    if not files.size(name):
        return b""
    return stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
