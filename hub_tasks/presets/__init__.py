"""Presets: a handle <-> neutral data. Nothing is built here and no class of the house known."""

import os
from dataclasses import replace

from hub_tasks.presets.catalogue import CATALOGUE, PresetRecord, list_presets
from hub_tasks.presets.data import AddedToken, HeadData, PresetData, PresetSource, TokenizerData
from hub_tasks.presets.formats import read_files
from hub_tasks.presets.saving import save, save_to_transformers
from hub_tasks.presets.sources import resolve
from hub_tasks.presets.verifying import comparison, texts_to_verify
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
    "save",
    "save_to_transformers",
    "texts_to_verify",
]


def load(handle: str | os.PathLike[str]) -> PresetData:
    """Reads what a preset says; see `hub_tasks.TextClassifier.from_preset`."""
    files = resolve(handle).hold()
    return replace(read_files(files), source=PresetSource(str(handle), files.revision))
