"""Backbones: encoders as Keras models."""

from hub_tasks.backbones.backbone import BACKBONES, Backbone, assign, shapes, values
from hub_tasks.backbones.precision import auto_dtype
from hub_tasks.backbones.transformer import TransformerBackbone

__all__ = [
    "BACKBONES",
    "Backbone",
    "TransformerBackbone",
    "assign",
    "auto_dtype",
    "shapes",
    "values",
]
