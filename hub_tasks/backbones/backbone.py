"""What every backbone of the house can do: load, save, describe itself."""

import contextlib
import os
import warnings
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

import keras
import numpy as np

from hub_tasks import presets
from hub_tasks.backbones.recipe import FINE_TUNING, Recipe
from hub_tasks.errors import (
    DataError,
    PresetFormatError,
    PresetNotFoundError,
    PresetSaveError,
    received,
)
from hub_tasks.families import Family
from hub_tasks.layers import random_weights, to_be_loaded
from hub_tasks.registry import Registry
from hub_tasks.version import __version__

BACKBONES: "Registry[type[Backbone]]" = Registry("backbone", PresetFormatError)
_ATTEMPTS = 20  # to read all weights at one moment
_VERIFIED_LENGTH = 16  # tokens


class Backbone(keras.Model):
    """An encoder: token ids in, hidden states out.

    Subclasses are functional models whose constructor arguments are the entries of the
    family's configuration, kept in `self.config`.
    """

    family: ClassVar[Family | None] = None
    recipe: ClassVar[Recipe] = FINE_TUNING
    config: dict[str, Any]
    compares_pairs = True  # whether it relates the two texts of a pair, as attention does

    @classmethod
    def from_preset(
        cls,
        preset: str | os.PathLike[str],
        load_weights: bool = True,
        dtype: Any = None,
        max_parameters: int | None = None,
        allow_nonfinite: bool = False,
        local_files_only: bool = False,
        lock: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> "Backbone":
        """Loads the backbone of a preset.

        Args:
            preset: a built-in name, a directory, an `hf://` or a `kaggle://` handle.
            load_weights: False leaves the weights at random.
            dtype: a Keras dtype or dtype policy; "auto" for bfloat16 where this machine is
                measured to be faster in it, else float32; None for Keras's current policy.
            max_parameters: the most that a configuration may imply; by default as many as the
                bytes of the preset's weights, which is four times what they fill in float32.
            allow_nonfinite: whether weights that are NaN or infinite are loaded.
            local_files_only, lock: as in `TextClassifier.from_preset`.
            **kwargs: entries of the configuration to override.

        Raises:
            PresetError: see its subclasses in `hub_tasks.errors`.

        Example:

        >>> import hub_tasks
        >>> hub_tasks.BertBackbone.from_preset("bert_tiny_en_sentiment").config["num_layers"]
        2
        """
        with presets.opened(preset, local_files_only, lock) as data:
            if cls.family is not None and cls.family is not data.family:
                raise PresetFormatError(
                    f"{cls.__name__} cannot be loaded from a preset of the {data.family.title} "
                    f"family; use {data.family.prefix}Backbone. {received(preset=preset)}"
                )
            checks = {"max_parameters": max_parameters, "allow_nonfinite": allow_nonfinite}
            made_by = BACKBONES[data.family.name]
            return made_by.from_data(data, load_weights, dtype, **checks, **kwargs)

    @classmethod
    def from_data(
        cls,
        data: presets.PresetData,
        load_weights: bool = True,
        dtype: Any = None,
        max_parameters: int | None = None,
        allow_nonfinite: bool = False,
        **kwargs: Any,
    ) -> "Backbone":
        """Builds the backbone that neutral data describes; arguments as in `from_preset`."""
        source = data.source.handle if data.source else None
        if data.backbone is None:
            raise PresetNotFoundError(f"The preset has no backbone. {received(preset=source)}")
        build = BACKBONES[data.family.name]
        if load_weights:
            data.weights.check_count()
        most = presets.check_parameters(data, max_parameters)
        with to_be_loaded(most) if load_weights else contextlib.nullcontext():
            backbone = build(**{**data.backbone, **kwargs}, dtype=dtype)
        if load_weights:
            variables = backbone.named_weights()
            wanted = shapes(variables)
            tensors = data.weights.read(wanted, allow_nonfinite)
            absent = wanted.keys() - assign(variables, tensors)
            if absent:
                draw(variables[name] for name in absent)
                warnings.warn(
                    f"The preset lacks {', '.join(sorted(absent))}, which are left at random: "
                    "fine-tune before you predict.",
                    stacklevel=3,
                )
        return backbone

    def named_weights(self) -> dict[str, Any]:
        """The variables by the names that files of weights are made of."""
        return {variable.path: variable for variable in self.weights}

    def to_data(self, weights: Mapping[str, np.ndarray] | None = None) -> presets.PresetData:
        """Configuration and weights as neutral data.

        Args:
            weights: the values of the weights where they were read before.
        """
        weights = values(self.named_weights()) if weights is None else weights
        return presets.PresetData(self.family, backbone=self.config, weights=weights)

    def save_to_preset(
        self,
        preset_dir: str | os.PathLike[str],
        weights_format: str = "h5",
        verify: bool = False,
    ) -> None:
        """Writes a preset that holds this backbone alone.

        Args:
            preset_dir, weights_format: as in `TextClassifier.save_to_preset`.
            verify: whether the preset is loaded and must give equal outputs for some
                tokens before it takes the place of an older one; as there.
        """
        load = partial(type(self).from_preset, dtype=self.dtype_policy)
        compared = (self, load, outputs_for_some_tokens, weights_format, copy_weights)
        check = presets.comparison(*compared) if verify else None
        presets.save(preset_dir, self.to_data(), __version__, weights_format, check)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "trainable": self.trainable, **self.config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Backbone":
        return cls(**config)


def defined_before(cls: type, name: str, prefix: str) -> bool:
    """Whether the class takes the place of one that was defined before it, as in a notebook."""
    for known in BACKBONES.values():
        family = known.family
        if family is None or (family.name != name and family.prefix != prefix):
            continue
        if (known.__module__, known.__qualname__) == (cls.__module__, cls.__qualname__):
            return True
        raise DataError(
            f"The name {name!r} belongs to {known.__module__}.{known.__qualname__}, and presets "
            f"are known by it. Call the class something else. "
            f"{received(module=cls.__module__, name=cls.__qualname__)}"
        )
    return False


def draw(variables: Iterable[Any]) -> None:
    """Gives kernels and embeddings the random values that they would have begun with."""
    for variable in variables:
        if variable.path.endswith(("kernel", "embeddings")):
            variable.assign(random_weights()(variable.shape, dtype=variable.dtype))


def outputs_for_some_tokens(model: keras.Model) -> dict[str, np.ndarray]:
    """The outputs of a backbone, or of a model over one, for a few made-up rows of tokens."""
    config = getattr(model, "backbone", model).config
    length = min(_VERIFIED_LENGTH, config["max_sequence_length"])
    tokens = np.arange(2 * length, dtype="int32").reshape(2, length) % config["vocabulary_size"]
    known = {"token_ids": tokens, "padding_mask": np.ones_like(tokens)}
    outputs = model({key: known.get(key, np.zeros_like(tokens)) for key in model.input})
    outputs = outputs if isinstance(outputs, dict) else {"outputs": outputs}
    return {name: widened(value) for name, value in outputs.items()}


def by_name(variables: Mapping[str, Any] | Iterable[Any]) -> Mapping[str, Any]:
    """Keras variables by name, which is their path unless they come with another."""
    if isinstance(variables, Mapping):
        return variables
    return {variable.path: variable for variable in variables}


def shapes(variables: Mapping[str, Any] | Iterable[Any]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of Keras variables."""
    return {name: tuple(variable.shape) for name, variable in by_name(variables).items()}


def values(variables: Mapping[str, Any] | Iterable[Any]) -> dict[str, np.ndarray]:
    """Name -> value of Keras variables at one moment, bfloat16 widened to float32.

    Raises:
        PresetSaveError: the variables change all the time, because another thread trains.
    """
    variables = by_name(variables)
    for _ in range(_ATTEMPTS):
        # On JAX the variables are empty while their values are with the training step.
        with contextlib.suppress(RuntimeError, TypeError):
            arrays = {name: np.array(widened(variable)) for name, variable in variables.items()}
            # What has not changed after all was read was there at that moment.
            if all(
                np.array_equal(array, widened(variables[name]), equal_nan=True)
                for name, array in arrays.items()
            ):
                return arrays
    raise PresetSaveError(
        "Not saved: the weights change while they are read, because another thread trains the "
        "model. Save when `fit` has returned, or from a callback by its `self.model`, which has "
        "the weights between two steps."
    )


def widened(value: Any) -> np.ndarray:
    """A tensor or variable as an array, bfloat16 as float32."""
    array = keras.ops.convert_to_numpy(value)
    return array.astype("float32") if array.dtype.name == "bfloat16" else array


def assign(
    variables: Mapping[str, Any] | Iterable[Any], tensors: Iterable[tuple[str, np.ndarray]]
) -> set[str]:
    """Writes tensors into the variables of their names; returns the names."""
    variables = by_name(variables)
    written = set()
    for name, value in tensors:
        variables[name].assign(value.astype(variables[name].dtype))
        written.add(name)
    return written


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Gives a model the weights of another one of the same configuration."""
    numbered = dict(enumerate(target.weights))
    assign(numbered, values(dict(enumerate(source.weights))).items())
