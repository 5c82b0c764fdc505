"""The encoder families: one file each, found by their presence in this folder.

Beside them stand KerasHub's, which have one record together, and the small encoders, whose
classes bring theirs along.
"""

import importlib
import pkgutil

from hub_tasks.errors import PresetFormatError
from hub_tasks.families._encoders import ENCODERS, FLAG, IMPORT_FIRST, encoder_family
from hub_tasks.families._family import REQUIRED, Encoder, Family, Field, Head
from hub_tasks.families._keras_hub import KERAS_HUB
from hub_tasks.families._weights import Dialect, LayerRule, Tensor
from hub_tasks.registry import Registry

__all__ = [
    "ENCODERS",
    "FAMILIES",
    "FLAG",
    "IMPORT_FIRST",
    "KERAS_HUB",
    "REQUIRED",
    "Dialect",
    "Encoder",
    "Family",
    "Field",
    "Head",
    "LayerRule",
    "Tensor",
    "encoder_family",
    "family_of",
    "own_families",
]

FAMILIES: Registry[Family] = Registry("encoder family", PresetFormatError)

for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        _family = importlib.import_module(f"{__name__}.{_module.name}").FAMILY
        FAMILIES.register(_family.name, _family)


def own_families() -> list[Family]:
    """The families that hub_tasks computes itself."""
    return [*FAMILIES.values(), *ENCODERS.values()]


def family_of(name: str) -> Family:
    """The family of this name, KerasHub's included."""
    if name == KERAS_HUB.name:
        return KERAS_HUB
    return ENCODERS[name] if name in ENCODERS else FAMILIES[name]
