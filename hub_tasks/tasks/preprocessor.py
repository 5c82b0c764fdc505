"""Texts -> the arrays that a classifier takes."""

import os
from collections.abc import Sequence
from typing import Any

import keras

from hub_tasks import presets
from hub_tasks.data import Packer, is_pair, is_tensorflow, map_texts, read_columns
from hub_tasks.errors import PresetFormatError, PresetNotFoundError, received
from hub_tasks.families import Family, family_of
from hub_tasks.presets.schema import PAIRS, TRUNCATIONS
from hub_tasks.registry import Registry
from hub_tasks.tokenizers import Tokenizer, TrainedTokenizer, first_tokens, tokenizer_class
from hub_tasks.version import __version__

PREPROCESSORS: "Registry[type[TextClassifierPreprocessor]]" = Registry(
    "preprocessor", PresetFormatError
)


class TextClassifierPreprocessor:
    """Tokenises, adds special tokens, truncates and pads.

    Inside `fit`, `predict` and `evaluate` batches are padded to their own longest text.
    Called directly, rows are padded to `sequence_length`, as data pipelines need it.

    Args:
        tokenizer: a tokenizer of the family.
        sequence_length: the most tokens in a row, special tokens included.
        truncate: how pairs that are too long are cut: "round_robin", "waterfall" (both
            as in KerasHub) or "longest_first" (as in `transformers`).
        pairs: how texts are joined: "numbered" (`[start] A [end] B [end]`, and an encoder
            with segments sees which is the second), "one_end" (the same, all in the first
            segment) or "two_ends" (`[start] A [end] [end] B [end]`, likewise); None for the
            way of the tokenizer's family.
        family: the encoder's, where it is not the tokenizer's; named classes set it.

    Example:

    >>> import hub_tasks
    >>> preprocessor = hub_tasks.BertTextClassifierPreprocessor.from_preset(
    ...     "bert_tiny_en_sentiment", sequence_length=8)
    >>> preprocessor(["a fine film", "dull"])["token_ids"].shape
    (2, 8)
    """

    family: Family | None = None

    def __init__(
        self,
        tokenizer: Tokenizer,
        sequence_length: int = 512,
        truncate: str = "round_robin",
        pairs: str | None = None,
        family: Family | None = None,
    ):
        if family is not None:
            self.family = family
        if truncate not in TRUNCATIONS:
            raise ValueError(
                f"`truncate` must be one of {', '.join(TRUNCATIONS)}. {received(truncate=truncate)}"
            )
        if pairs is not None and pairs not in PAIRS:
            raise ValueError(f"`pairs` must be one of {', '.join(PAIRS)}. {received(pairs=pairs)}")
        if type(sequence_length) is not int or sequence_length < 3:
            raise ValueError(
                f"`sequence_length` must be an integer of at least 3. "
                f"{received(sequence_length=sequence_length)}"
            )
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        self.truncate = truncate
        self.pairs = pairs or (tokenizer.family.pairs if tokenizer.family else "numbered")

    @property
    def packer(self) -> Packer:
        """Joins, cuts and pads token ids with the current settings."""
        ids = self.tokenizer.special_ids
        special = ids.get("start"), ids.get("end"), ids["pad"]
        form = self.pairs == "two_ends", self._family.encoder.inputs, self.pairs == "numbered"
        between = ids.get("between") if self.pairs == "separated" else None
        return Packer(*special, self.sequence_length, self.truncate, *form, between)

    @property
    def takes_tokens(self) -> bool:
        """Whether texts may come as lists of tokens."""
        return isinstance(self.tokenizer, TrainedTokenizer)

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text; of a text of megabytes no more than are ever used."""
        return first_tokens(self.tokenizer, self.sequence_length)(texts)

    @property
    def _family(self) -> Family:
        return self.family or self.tokenizer.family

    @classmethod
    def from_preset(
        cls,
        preset: str | os.PathLike[str],
        local_files_only: bool = False,
        lock: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> "TextClassifierPreprocessor":
        """Loads the preprocessor of a preset.

        Args:
            preset: a built-in name, a directory, an `hf://` or a `kaggle://` handle.
            local_files_only, lock: as in `TextClassifier.from_preset`.
            **kwargs: `sequence_length`, `truncate` override the preset's.
        """
        with presets.opened(preset, local_files_only, lock) as data:
            if cls.family is not None and cls.family is not data.family:
                raise PresetFormatError(
                    f"{cls.__name__} cannot be loaded from a preset of the {data.family.title} "
                    f"family. {received(preset=preset)}"
                )
            return preprocessor_class(data.family).from_data(data, **kwargs)

    @classmethod
    def from_data(cls, data: presets.PresetData, **kwargs: Any) -> "TextClassifierPreprocessor":
        """Builds the preprocessor that neutral data describes."""
        if data.tokenizer is None:
            raise PresetNotFoundError(
                "The preset has no tokenizer files; pass `preprocessor=` (None for data that is "
                f"already tokenised). {received(preset=data.source and data.source.handle)}"
            )
        settings = dict(data.preprocessor or {})
        if data.backbone is not None:
            longest = data.backbone["max_sequence_length"]
            settings["sequence_length"] = min(settings.get("sequence_length", 512), longest)
            if kwargs.get("sequence_length", 0) > longest:
                raise PresetFormatError(
                    f"`sequence_length` must be at most {longest}, the number of positions of the "
                    f"preset's encoder. {received(sequence_length=kwargs['sequence_length'])}"
                )
        source = data.source and data.source.handle
        family = data.tokenizer_family
        tokenizer = tokenizer_class(family).from_data(family, data.tokenizer, source)
        return cls(tokenizer, **{**settings, **kwargs}, family=data.family)

    def to_data(self) -> presets.PresetData:
        """The preprocessor as neutral data."""
        return presets.PresetData(
            self._family, tokenizer=self.tokenizer.to_data(), preprocessor=self._settings()
        )

    def _settings(self) -> dict[str, Any]:
        names = ("sequence_length", "truncate", "pairs")
        return {name: getattr(self, name) for name in names}

    def save_to_preset(
        self, preset_dir: str | os.PathLike[str], verify: bool | Sequence[str] = False
    ) -> None:
        """Writes a preset that holds this preprocessor and its tokenizer.

        Args:
            preset_dir: as in `TextClassifier.save_to_preset`.
            verify: True, or texts: the preset is loaded and must give equal arrays before
                it takes the place of an older one.
        """
        texts = presets.texts_to_verify(verify)
        check = presets.comparison(self, type(self).from_preset, lambda p: p(texts))
        presets.save(preset_dir, self.to_data(), __version__, check=check if texts else None)

    def __call__(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Preprocesses texts, in `tf.data.Dataset.map` too.

        Args:
            x: one text, a column of texts, or a tuple of two columns for pairs; string
                tensors of TensorFlow likewise.
            y, sample_weight: handed on as they are.

        Returns:
            A dict of `token_ids`, `padding_mask` and, where the family has them,
            `segment_ids`, int32, `(rows, sequence_length)` (without rows for one text),
            with `y` and `sample_weight` as a tuple where given.
        """
        parts = x if isinstance(x, tuple) else (x,)
        if all(is_tensorflow(part) for part in parts):
            keys = self.packer.keys
            outputs = map_texts(parts, keys, self.sequence_length, self._arrays)
        elif isinstance(x, str):
            outputs = {key: array[0] for key, array in self._arrays([x]).items()}
        else:
            outputs = self._arrays(x if is_pair(x) or not isinstance(x, tuple) else list(x))
        return keras.utils.pack_x_y_sample_weight(outputs, y, sample_weight)

    def _arrays(self, x: Any) -> dict[str, Any]:
        columns = read_columns(x, tokens=self.takes_tokens).texts
        columns = [self.tokenize(column) for column in columns]
        return self.packer.pack(list(zip(*columns, strict=True)), self.sequence_length)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal preprocessor, the vocabulary included."""
        family = {"family": self._family.name} if self._family else {}
        return {"tokenizer": self.tokenizer.get_config(), **self._settings(), **family}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TextClassifierPreprocessor":
        """The inverse of `get_config`."""
        family = family_of(config["family"]) if "family" in config else None
        tokenizer = Tokenizer.from_config(config["tokenizer"])
        return cls(**{**config, "tokenizer": tokenizer, "family": family})


def preprocessor_class(family: Family) -> type[TextClassifierPreprocessor]:
    """The named class of a family's preprocessor, or the general one."""
    return PREPROCESSORS.get(family.name, TextClassifierPreprocessor)
