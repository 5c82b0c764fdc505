"""Backbones: encoders as Keras models."""

from hub_tasks.backbones.backbone import (
    BACKBONES,
    Backbone,
    assign,
    copy_weights,
    outputs_for_some_tokens,
    shapes,
    values,
    widened,
)
from hub_tasks.backbones.direct import DirectModel
from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.backbones.hyper_parameters import (
    BY_THE_TEXTS,
    SIZES_BY_THE_TEXTS,
    encoder_defaults,
)
from hub_tasks.backbones.keras_hub import (
    KerasHubBackbone,
    build,
    is_keras_hub,
    keras_hub_class,
    written_by,
)
from hub_tasks.backbones.precision import auto_dtype
from hub_tasks.backbones.random_state import random_state_kept_on_failure
from hub_tasks.backbones.recipe import Recipe
from hub_tasks.backbones.transformer import TransformerBackbone

__all__ = [
    "BACKBONES",
    "BY_THE_TEXTS",
    "SIZES_BY_THE_TEXTS",
    "Backbone",
    "DirectModel",
    "EncoderBackbone",
    "KerasHubBackbone",
    "Recipe",
    "TransformerBackbone",
    "assign",
    "auto_dtype",
    "build",
    "copy_weights",
    "encoder_defaults",
    "is_keras_hub",
    "keras_hub_class",
    "outputs_for_some_tokens",
    "random_state_kept_on_failure",
    "shapes",
    "values",
    "widened",
    "written_by",
]
