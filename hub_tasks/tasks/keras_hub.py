"""The bridge to preprocessors of KerasHub (keras-nlp)."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hub_tasks import presets
from hub_tasks.backbones import build, keras_hub_class, written_by
from hub_tasks.data import Packer
from hub_tasks.errors import (
    DataError,
    PresetFormatError,
    PresetNotFoundError,
    UnsafePresetError,
    received,
)
from hub_tasks.families import KERAS_HUB
from hub_tasks.tasks.preprocessor import PREPROCESSORS, TextClassifierPreprocessor

_KEYS = ("token_ids", "segment_ids", "padding_mask")
# The kinds whose files are data alone: KerasHub's others may run what stands in theirs.
_KINDS = ("WordPieceTokenizer", "BytePairTokenizer", "SentencePieceTokenizer")


class _KerasHubTokenizer:
    """A tokenizer of KerasHub with the methods that a preprocessor needs."""

    family = None

    def __init__(self, tokenizer: Any):
        self._tokenizer = tokenizer
        self.vocabulary_size = tokenizer.vocabulary_size

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text."""
        rows = self._tokenizer(texts)
        if hasattr(rows, "to_list"):  # TensorFlow's ragged tensor
            return rows.to_list()
        return [[int(i) for i in row] for row in rows]


class KerasHubPreprocessor(TextClassifierPreprocessor):
    """Texts -> the inputs of a KerasHub backbone, by KerasHub's tokenizer and our packing.

    Args:
        preprocessor: of KerasHub: a text classifier's, or a causal language model's.

    Attributes:
        keys: the names of the inputs to make; a classifier sets those of its backbone.

    Raises:
        DataError: a preprocessor of another kind.
    """

    def __init__(self, preprocessor: Any):
        if getattr(preprocessor, "packer", None) is None:
            preprocessor.build(None)
        packer = getattr(preprocessor, "packer", None)
        if not all(hasattr(packer, name) for name in ("start_value", "end_value", "pad_value")):
            raise DataError(
                "The preprocessor must be one of KerasHub's for text classifiers or causal "
                f"language models. {received(preprocessor=type(preprocessor).__name__)}"
            )
        truncate = getattr(preprocessor, "truncate", "round_robin")
        super().__init__(
            _KerasHubTokenizer(preprocessor.tokenizer), preprocessor.sequence_length, truncate
        )
        self._special = tuple(
            _single(getattr(packer, name)) for name in ("start_value", "end_value", "pad_value")
        )
        separator = getattr(packer, "sep_value", None)
        self._double_end = isinstance(separator, list | tuple) and len(separator) == 2
        self.keys = _KEYS
        self.keras_hub = preprocessor

    @classmethod
    def from_data(cls, data: presets.PresetData, **kwargs: Any) -> "KerasHubPreprocessor":
        """Builds KerasHub's tokenizer and preprocessor from plain data."""
        if data.tokenizer is None or data.backbone is None:
            raise PresetNotFoundError(
                "The preset lacks its tokenizer or its backbone; pass `preprocessor=` (None for "
                f"data already tokenised). {received(preset=data.source and data.source.handle)}"
            )
        backbone = keras_hub_class(data.backbone["class_name"], "Backbone")
        tokenizer = _load_tokenizer(data.tokenizer.options, backbone)
        stated = dict(data.preprocessor or {})
        made_by = _find_preprocessor(stated.pop("class_name", None), backbone.__name__)
        longest = data.backbone.get("max_sequence_length") or 512
        length = min(stated.pop("sequence_length", None) or 512, longest)
        settings = {"sequence_length": length, **stated, **kwargs}
        return cls(build(made_by, settings, tokenizer=tokenizer))

    def to_data(self) -> presets.PresetData:
        files = written_by(self.keras_hub)
        document = json.loads(files[presets.PREPROCESSOR])
        document["config"]["sequence_length"] = self.sequence_length
        files[presets.PREPROCESSOR] = json.dumps(document, indent=4).encode()
        return presets.PresetData(KERAS_HUB, files=files)

    @property
    def packer(self) -> Packer:
        form = self._double_end, self.keys
        return Packer(*self._special, self.sequence_length, self.truncate, *form)


def _load_tokenizer(options: Mapping[str, Any], backbone: type) -> Any:
    """KerasHub's tokenizer, whose files it gets from a folder of its own."""
    config = dict(options)
    assets, name = config.pop("assets"), config.pop("class_name")
    made_by = keras_hub_class(name, "Tokenizer")
    owners = made_by.backbone_cls
    owners = owners if isinstance(owners, list | tuple) else (owners,)
    kinds = {one.__name__ for one in made_by.__mro__}
    if backbone not in owners or kinds.isdisjoint(_KINDS):
        raise UnsafePresetError(
            f"The preset's tokenizer must be one of KerasHub's for {backbone.__name__}, and of the "
            f"kinds {', '.join(_KINDS)}. {received(class_name=name)}"
        )
    with tempfile.TemporaryDirectory() as folder:
        for asset, content in assets.items():
            Path(folder, asset).write_bytes(content)
        tokenizer = build(made_by, config)
        try:
            tokenizer.load_assets(folder)
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            raise PresetFormatError(
                f"KerasHub's {name} cannot read the preset's files: {error}"
            ) from error
    return tokenizer


def _find_preprocessor(name: str | None, backbone: str) -> type:
    """The class that a preset names, or that KerasHub has for the backbone."""
    if name is not None:
        return keras_hub_class(name, "Preprocessor")
    prefix = backbone.removesuffix("Backbone")
    try:
        return keras_hub_class(f"{prefix}TextClassifierPreprocessor", "Preprocessor")
    except PresetFormatError:
        return keras_hub_class(f"{prefix}CausalLMPreprocessor", "Preprocessor")


PREPROCESSORS.register(KERAS_HUB.name, KerasHubPreprocessor)


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list | tuple) else value
