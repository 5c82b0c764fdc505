"""The bridge to backbones of KerasHub (keras-nlp) whose family is none of ours.

Objects that come from the user are recognised without importing KerasHub. Where a preset
names a class of it, `keras_hub_class` imports it: the one place that does.
"""

import importlib
import inspect
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from hub_tasks import presets
from hub_tasks.backbones.backbone import BACKBONES, Backbone, values
from hub_tasks.backbones.precision import auto_dtype
from hub_tasks.errors import PresetFormatError, PresetNotFoundError, received
from hub_tasks.families import FAMILIES, KERAS_HUB
from hub_tasks.layers import MaskedPooling

_FIRST = ("start_token_index", "cls_token_index")  # where KerasHub's encoders have their summary
_LIMITS = ("max_sequence_length", "vocabulary_size")
_INPUTS = {"token_ids", "segment_ids", "padding_mask"}


def is_keras_hub(x: Any) -> bool:
    """Whether `x` is KerasHub's, by the modules of its classes, nothing imported."""
    modules = (cls.__module__.partition(".")[0] for cls in type(x).__mro__)
    return any(module in ("keras_hub", "keras_nlp") for module in modules)


def keras_hub_class(name: str, base: str) -> type:
    """The class of KerasHub's models with this name.

    Args:
        name: as a preset states it.
        base: the name of the class that it must be derived from.

    Raises:
        PresetNotFoundError: keras-nlp is not installed.
        PresetFormatError: it has no such class.
    """
    try:
        models = importlib.import_module("keras_hub.models")
    except ImportError as error:
        raise PresetNotFoundError(
            f"The preset is of a family that hub_tasks computes by KerasHub, which cannot be "
            f"imported ({error}). Install it with `pip install 'hub-tasks[keras-nlp]'`. "
            f"{received(class_name=name)}"
        ) from None
    found, base_class = getattr(models, name, None), getattr(models, base)
    if not (isinstance(found, type) and issubclass(found, base_class) and found is not base_class):
        raise PresetFormatError(
            f"Neither hub_tasks nor KerasHub has a {base.lower()} of this name; a newer version of "
            f"keras-nlp may. Supported: {', '.join(f.prefix + base for f in FAMILIES.values())}, "
            f"and what `keras_hub.models` lists. {received(class_name=name)}"
        )
    return found


def build(made_by: type, config: Mapping[str, Any], **others: Any) -> Any:
    """An object of KerasHub from plain values, all of which its class must know.

    Args:
        made_by: the class.
        config: values that a preset states.
        **others: values of our own.

    Raises:
        PresetFormatError: an entry that the class does not have, or does not take.
    """
    constructors = [one for one in made_by.__mro__ if one.__module__.startswith("keras_hub")]
    known = {name for one in constructors for name in inspect.signature(one.__init__).parameters}
    unknown = sorted(set(config) - (known - {"self", "kwargs", "args"}))
    try:
        if unknown:
            raise ValueError(f"unknown entries {', '.join(unknown)}")
        return made_by(**config, **others)
    except (TypeError, ValueError) as error:
        raise PresetFormatError(
            f"KerasHub's {made_by.__name__} refuses what the preset says of it: {error}"
        ) from error


def written_by(part: Any) -> dict[str, bytes]:
    """The preset files of an object of KerasHub, as it writes them itself."""
    with tempfile.TemporaryDirectory() as folder:
        part.save_to_preset(folder)
        paths = {name: Path(folder, name) for name in presets.KNOWN}
        return {name: path.read_bytes() for name, path in paths.items() if path.is_file()}


class KerasHubBackbone(Backbone):
    """A text backbone of KerasHub with the outputs that ours have.

    `pooled_output` is KerasHub's where it has one, else the hidden state of the token in
    which its encoders keep a summary, else, as for decoders, the mean over all tokens.

    Args:
        backbone: a `keras_hub.models.Backbone` over token ids.
        name, trainable: as in Keras.

    Example:

    >>> import keras_hub, hub_tasks  # doctest: +SKIP
    >>> gemma = keras_hub.models.Backbone.from_preset("gemma_2b_en")  # doctest: +SKIP
    >>> clf = hub_tasks.TextClassifier(gemma, labels=["no", "yes"])  # doctest: +SKIP
    """

    family = KERAS_HUB

    def __init__(self, backbone: keras.Model, name: str | None = None, trainable: bool = True):
        inputs, outputs = backbone.input, backbone.output
        if not (isinstance(inputs, dict) and "token_ids" in inputs and _INPUTS.issuperset(inputs)):
            raise PresetFormatError(
                f"A backbone for texts takes {', '.join(sorted(_INPUTS))} and nothing else. "
                f"{received(backbone=type(backbone).__name__, inputs=list(inputs))}"
            )
        outputs = outputs if isinstance(outputs, dict) else {"sequence_output": outputs}
        sequence = outputs["sequence_output"]
        index = next((getattr(backbone, key) for key in _FIRST if hasattr(backbone, key)), None)
        if "pooled_output" in outputs:
            pooled = outputs["pooled_output"]
        elif index is not None:
            pooled = sequence[:, index]
        else:
            pooling = MaskedPooling("mean", dtype=backbone.dtype_policy)
            pooled = pooling(sequence, padding_mask=inputs["padding_mask"])
        outputs = {"sequence_output": sequence, "pooled_output": pooled}
        super().__init__(inputs, outputs, name=name, trainable=trainable)
        self.dtype_policy = backbone.dtype_policy
        limits = {key: getattr(backbone, key, None) for key in _LIMITS}
        self.config = limits if all(limits.values()) else {}
        self.keras_hub = backbone

    @classmethod
    def from_data(
        cls,
        data: presets.PresetData,
        load_weights: bool = True,
        dtype: Any = None,
        max_parameters: int | None = None,
        allow_nonfinite: bool = False,
        **kwargs: Any,
    ) -> "KerasHubBackbone":
        """Builds KerasHub's backbone from plain data; Keras's deserialiser has no part in it."""
        if data.backbone is None:
            raise PresetNotFoundError(
                f"The preset has no backbone. {received(preset=data.source and data.source.handle)}"
            )
        config = {**data.backbone, **kwargs}
        made_by = keras_hub_class(config.pop("class_name"), "Backbone")
        if load_weights and max_parameters is None:
            data.weights.check_sizes(config)
        if dtype == "auto":
            sizes = ("hidden_dim", "intermediate_dim", "num_heads")
            known = all(type(config.get(size)) is int for size in sizes)
            dtype = auto_dtype(*(config[size] for size in sizes)) if known else None
        backbone = build(made_by, config, dtype=dtype)
        bridge = cls(backbone)
        if load_weights:
            wanted = [tuple(variable.shape) for variable in backbone.weights]
            with data.weights.checked(wanted, allow_nonfinite) as path:
                backbone.load_weights(path)
        return bridge

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(
            "A backbone of KerasHub is saved with `save_to_preset`, not in a `.keras` file."
        )

    def to_data(self, weights: Mapping[str, np.ndarray] | None = None) -> presets.PresetData:
        weights = values(self.weights) if weights is None else weights
        return presets.PresetData(KERAS_HUB, weights=weights, files=written_by(self.keras_hub))


BACKBONES.register(KERAS_HUB.name, KerasHubBackbone)
