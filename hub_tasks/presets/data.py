"""A preset as neutral data: what reading returns and what writing takes. Nothing is built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hub_tasks.families import Family

if TYPE_CHECKING:  # what opens files waits for one
    from hub_tasks.presets.weights import Weights
    from hub_tasks.presets.whole_file import WholeFile


@dataclass(frozen=True)
class PresetSource:
    """Where a preset came from: the handle, and the revision that it was resolved to."""

    handle: str
    revision: str | None
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AddedToken:
    """A token that is found in a text before it is split.

    Args:
        content: the token.
        special: whether it is no part of the text proper.
        single_word: whether it is found as a whole word only.
        lstrip, rstrip: whether the white space before or after it belongs to it.
        normalized: whether it is found in the text as it was, or as it is normalised.
    """

    content: str
    special: bool = False
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False


@dataclass(frozen=True)
class TokenizerData:
    """A tokenizer as data: its vocabulary in the order of ids, and its options.

    `family` is the one whose kind of tokenizer it is and whose special tokens it has; None
    for that of the preset.
    """

    vocabulary: tuple[str, ...]
    options: Mapping[str, Any]
    family: Family | None = None

    @property
    def ids(self) -> int:
        """How many ids it gives: one a token, and those that hashed n-grams share."""
        return len(self.vocabulary) + self.options.get("buckets", 0)


@dataclass(frozen=True)
class HeadData:
    """A classification head as data."""

    num_classes: int
    activation: str
    dropout: float
    labels: tuple[str, ...] | None
    problem_type: str
    weights: "Weights | Mapping[str, np.ndarray]"
    pooling: str = "family"


@dataclass(frozen=True)
class PresetData:
    """All that a preset says. A part that it lacks is None.

    `weights` is a `Weights` after reading (a `WholeFile` where KerasHub computes the encoder),
    and `{variable: array}` before writing. `files` are what KerasHub wrote itself.
    """

    family: Family
    backbone: Mapping[str, Any] | None = None
    weights: "Weights | WholeFile | Mapping[str, np.ndarray] | None" = None
    tokenizer: TokenizerData | None = None
    preprocessor: Mapping[str, Any] | None = None
    head: HeadData | None = None
    source: PresetSource | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def tokenizer_family(self) -> Family:
        """The family whose tokenizer there is, which need not be the encoder's."""
        return (self.tokenizer and self.tokenizer.family) or self.family

    @property
    def padding_id(self) -> int | None:
        """The id of the tokenizer's padding; None where the vocabulary lacks it."""
        token = self.tokenizer_family.special_tokens["pad"]
        vocabulary = self.tokenizer.vocabulary if self.tokenizer else ()
        return vocabulary.index(token) if token in vocabulary else None
