"""What every tokenizer of the house can do."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, Self

import tokenizers

from hub_tasks import presets
from hub_tasks.errors import DataError, PresetFormatError, PresetNotFoundError, received
from hub_tasks.families import Family, family_of
from hub_tasks.presets import AddedToken
from hub_tasks.registry import Registry
from hub_tasks.version import __version__

TOKENIZERS: "Registry[type[Tokenizer]]" = Registry("kind of tokenizer", PresetFormatError)


class Tokenizer:
    """Turns texts into lists of token ids, without special tokens and padding.

    Subclasses build `self.rust`, a `tokenizers.Tokenizer`, from the vocabulary. The
    named classes (`BertTokenizer`, ...) set `family`.

    Args:
        vocabulary: the tokens in the order of their ids.
        family: the encoder family, which says which special tokens there must be.
        options: what else defines the tokenizer; see the subclass.
    """

    family: Family | None = None

    rust: tokenizers.Tokenizer

    def __init__(self, vocabulary: Sequence[str], family: Family, options: dict[str, Any]):
        self.family = family
        self.vocabulary = tuple(vocabulary)
        self.options = options
        self._ids = {token: i for i, token in enumerate(self.vocabulary)}
        if len(self._ids) < len(self.vocabulary):
            twice = next(t for i, t in enumerate(self.vocabulary) if self._ids[t] != i)
            raise PresetFormatError(f"The vocabulary has a token twice. {received(token=twice)}")
        missing = [t for t in family.special_tokens.values() if t not in self._ids]
        if missing:
            raise PresetFormatError(
                f"The vocabulary lacks the special tokens {', '.join(missing)}; a {family.title} "
                f"vocabulary must hold {', '.join(family.special_tokens.values())}."
            )
        self.special_tokens = tuple(family.special_tokens.values())
        self._model_size = self._count_pieces()
        self.special_ids = {role: self._ids[t] for role, t in family.special_tokens.items()}

    @classmethod
    def from_preset(
        cls,
        preset: str | os.PathLike[str],
        local_files_only: bool = False,
        lock: str | os.PathLike[str] | None = None,
    ) -> "Tokenizer":
        """Loads the tokenizer of a preset.

        Args:
            preset: a built-in name, a directory, an `hf://` or a `kaggle://` handle.
            local_files_only, lock: as in `TextClassifier.from_preset`.
        """
        with presets.opened(preset, local_files_only, lock) as data:
            if data.tokenizer is None:
                raise PresetNotFoundError(f"The preset has no tokenizer. {received(preset=preset)}")
            family = data.tokenizer_family
            if cls.family is not None and cls.family is not family:
                raise PresetFormatError(
                    f"{cls.__name__} cannot be loaded from a preset with a tokenizer of the "
                    f"{family.title} family; use {family.prefix}Tokenizer. "
                    f"{received(preset=preset)}"
                )
            return tokenizer_class(family).from_data(family, data.tokenizer, preset)

    @classmethod
    def from_data(
        cls, family: Family, data: presets.TokenizerData, source: Any = None
    ) -> "Tokenizer":
        """Builds a family's tokenizer from neutral data; `source` names the preset in errors."""
        kind = cls if cls.family is family else TOKENIZERS[family.tokenizer]
        try:
            return kind(data.vocabulary, family=family, **data.options)  # type: ignore[call-arg]
        except Exception as error:  # the library's own errors are of no class but this
            raise PresetFormatError(
                f"The tokenizer of preset {source} cannot be built: {str(error)[:500]}"
            ) from None

    def _count_pieces(self) -> int:
        """How many tokens texts are split into; after them come tokens that are only found."""
        found = {token.content for token in self.options["added_tokens"]}
        found -= set(self.special_tokens)
        size = len(self.vocabulary)
        while size and self.vocabulary[size - 1] in found:
            size -= 1
        return size

    @property
    def _pieces(self) -> dict[str, int]:
        return {token: self._ids[token] for token in self.vocabulary[: self._model_size]}

    def _add_tokens(self) -> None:
        """Lets `rust` find special and added tokens in a text before it is split.

        It numbers those that are no pieces as they come, so they come in the order of ids.
        """
        special = set(self.special_tokens)
        if self.options["special_tokens_in_strings"]:
            stated = {token.content for token in self.options["added_tokens"]}
            plain = [AddedToken(t, special=True) for t in self.special_tokens if t not in stated]
            found = [*plain, *self.options["added_tokens"]]
        else:
            found = [t for t in self.options["added_tokens"] if t.content not in special]
        for token in sorted(found, key=lambda t: self._ids.get(t.content, len(self._ids))):
            made = tokenizers.AddedToken(**dataclasses.asdict(token))
            (self.rust.add_special_tokens if token.special else self.rust.add_tokens)([made])

    def to_data(self) -> presets.TokenizerData:
        """The tokenizer as neutral data."""
        return presets.TokenizerData(self.vocabulary, self.options, self.family)

    def save_to_preset(
        self, preset_dir: str | os.PathLike[str], verify: bool | Sequence[str] = False
    ) -> None:
        """Writes a preset that holds this tokenizer alone.

        Args:
            preset_dir: as in `TextClassifier.save_to_preset`.
            verify: True, or texts: the preset is loaded and must give equal token ids
                before it takes the place of an older one.
        """
        texts = presets.texts_to_verify(verify)
        check = presets.comparison(self, type(self).from_preset, lambda t: {"token ids": t(texts)})
        data = presets.PresetData(self.family, tokenizer=self.to_data())
        presets.save(preset_dir, data, __version__, check=check if texts else None)

    def __call__(self, texts: str | Sequence[str]) -> list[int] | list[list[int]]:
        """Token ids of one text, or of each of several."""
        if isinstance(texts, str):
            return self.tokenize([texts])[0]
        return self.tokenize(list(texts))

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text, by all cores."""
        try:
            encoded = self.rust.encode_batch_fast(texts, add_special_tokens=False)
        except TypeError:
            raise DataError(
                "A tokenizer takes strings without lone surrogates. "
                f"{received(types={type(t).__name__ for t in texts})}"
            ) from None
        return [item.ids for item in encoded]

    def detokenize(self, ids: Sequence[int]) -> str:
        """A text that has these tokens; white space may differ from the original's."""
        return self.rust.decode([int(i) for i in ids], skip_special_tokens=False)

    def vocabulary_size(self) -> int:
        """The number of tokens."""
        return len(self.vocabulary)

    def get_vocabulary(self) -> list[str]:
        """The tokens in the order of their ids."""
        return list(self.vocabulary)

    def id_to_token(self, id: int) -> str:
        """The token with this id."""
        if not 0 <= id < len(self.vocabulary):
            raise ValueError(f"Ids go from 0 to {len(self.vocabulary) - 1}. {received(id=id)}")
        return self.vocabulary[id]

    def token_to_id(self, token: str) -> int:
        """The id of a token of the vocabulary."""
        if token not in self._ids:
            raise ValueError(f"Not in the vocabulary. {received(token=token)}")
        return self._ids[token]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal tokenizer, as plain data."""
        config = {"family": self.family.name, "vocabulary": self.vocabulary, **self.options}
        config["added_tokens"] = [dataclasses.asdict(t) for t in config["added_tokens"]]
        if "charsmap" in config:
            config["charsmap"] = config["charsmap"].hex()
        if "merges" in config:
            config["merges"] = [list(pair) for pair in config["merges"]]
        return {k: list(v) if isinstance(v, tuple) else v for k, v in config.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The inverse of `get_config`, on the class of the tokenizer or on `Tokenizer`."""
        config = dict(config)
        family = family_of(config.pop("family"))
        if cls.family not in (None, family):
            raise PresetFormatError(
                f"{cls.__name__} cannot be made from the configuration of another family's "
                f"tokenizer. {received(family=family.name)}"
            )
        config["added_tokens"] = [AddedToken(**entry) for entry in config["added_tokens"]]
        if "charsmap" in config:
            config["charsmap"] = bytes.fromhex(config["charsmap"])
        return tokenizer_class(family)(family=family, **config)


def tokenizer_class(family: Family) -> type[Tokenizer]:
    """The named class of a family's tokenizer, or the class of its kind."""
    return TOKENIZERS.get(family.name) or TOKENIZERS[family.tokenizer]
