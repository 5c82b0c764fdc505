"""Presets: a handle <-> neutral data. Nothing is built here and no class of the house known."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from hub_tasks.presets.catalogue import CATALOGUE, PresetRecord, list_presets
from hub_tasks.presets.data import AddedToken, HeadData, PresetData, PresetSource, TokenizerData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.loading import open_preset
from hub_tasks.presets.saving import comparison, save, save_to_transformers, texts_to_verify
from hub_tasks.presets.schema import own_value
from hub_tasks.presets.weights import Weights

__all__ = [
    "CATALOGUE",
    "AddedToken",
    "HeadData",
    "PresetData",
    "PresetRecord",
    "PresetSource",
    "TokenizerData",
    "Weights",
    "comparison",
    "list_presets",
    "load",
    "opened",
    "own_value",
    "save",
    "save_to_transformers",
    "texts_to_verify",
]


def load(
    handle: str | os.PathLike[str],
    local_files_only: bool = False,
    lock: str | os.PathLike[str] | None = None,
) -> PresetData:
    """Reads what a preset says; see `hub_tasks.TextClassifier.from_preset`."""
    files, data = open_preset(handle, local_files_only, lock)
    return _with_source(handle, files, data)


@contextmanager
def opened(
    handle: str | os.PathLike[str],
    local_files_only: bool = False,
    lock: str | os.PathLike[str] | None = None,
) -> Iterator[PresetData]:
    """What `load` returns, whose files are closed at the end."""
    files, data = open_preset(handle, local_files_only, lock)
    try:
        yield _with_source(handle, files, data)
    finally:
        files.release()


def _with_source(
    handle: str | os.PathLike[str], files: PresetFiles, data: PresetData
) -> PresetData:
    return replace(data, source=PresetSource(str(handle), files.revision, files.digests))
