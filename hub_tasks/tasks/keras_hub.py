"""The bridge to preprocessors of KerasHub (keras-nlp)."""

from collections.abc import Sequence
from typing import Any

from hub_tasks.data import Packer
from hub_tasks.errors import DataError, received
from hub_tasks.tasks.preprocessor import TextClassifierPreprocessor


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
        keys: the names of the backbone's inputs.

    Raises:
        DataError: a preprocessor of another kind.
    """

    def __init__(self, preprocessor: Any, keys: Sequence[str]):
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
        self._keys = tuple(keys)

    @property
    def packer(self) -> Packer:
        form = self._double_end, self._keys
        return Packer(*self._special, self.sequence_length, self.truncate, *form)


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list | tuple) else value
