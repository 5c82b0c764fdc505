"""The encoder families: one file each, found by their presence in this folder."""

import importlib
import pkgutil

from hub_tasks.errors import PresetFormatError
from hub_tasks.families._family import REQUIRED, Encoder, Family, Field, Head
from hub_tasks.families._keras_hub import KERAS_HUB
from hub_tasks.families._weights import Dialect, LayerRule, Tensor
from hub_tasks.registry import Registry

__all__ = [
    "FAMILIES",
    "KERAS_HUB",
    "REQUIRED",
    "Dialect",
    "Encoder",
    "Family",
    "Field",
    "Head",
    "LayerRule",
    "Tensor",
]

FAMILIES: Registry[Family] = Registry("encoder family", PresetFormatError)

for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        _family = importlib.import_module(f"{__name__}.{_module.name}").FAMILY
        FAMILIES.register(_family.name, _family)
