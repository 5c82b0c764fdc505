"""Presets: a handle <-> neutral data. Nothing is built here and no class of the house known.

Classes need only `data` to be defined; what finds, reads and writes files waits for a preset.
"""

from typing import TYPE_CHECKING

from hub_tasks.importing import on_first_use
from hub_tasks.presets.data import AddedToken, HeadData, PresetData, PresetSource, TokenizerData

if TYPE_CHECKING:
    from hub_tasks.presets.catalogue import CATALOGUE, PresetRecord, list_presets
    from hub_tasks.presets.files import KNOWN, PREPROCESSOR
    from hub_tasks.presets.loading import load, opened
    from hub_tasks.presets.saving import comparison, save, save_to_transformers, texts_to_verify
    from hub_tasks.presets.shapes import check_parameters
    from hub_tasks.presets.weights import Weights
else:
    __getattr__, __dir__ = on_first_use(
        __name__,
        {
            "hub_tasks.presets.catalogue": ["CATALOGUE", "PresetRecord", "list_presets"],
            "hub_tasks.presets.files": ["KNOWN", "PREPROCESSOR"],
            "hub_tasks.presets.loading": ["load", "opened"],
            "hub_tasks.presets.saving": [
                "comparison",
                "save",
                "save_to_transformers",
                "texts_to_verify",
            ],
            "hub_tasks.presets.shapes": ["check_parameters"],
            "hub_tasks.presets.weights": ["Weights"],
        },
    )

__all__ = [
    "CATALOGUE",
    "KNOWN",
    "PREPROCESSOR",
    "AddedToken",
    "HeadData",
    "PresetData",
    "PresetRecord",
    "PresetSource",
    "TokenizerData",
    "Weights",
    "check_parameters",
    "comparison",
    "list_presets",
    "load",
    "opened",
    "save",
    "save_to_transformers",
    "texts_to_verify",
]
