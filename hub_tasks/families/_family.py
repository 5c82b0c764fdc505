"""What an encoder family is: names, configuration fields, weight rules, sizes for tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub_tasks.families._weights import LayerRule

REQUIRED: Any = object()

ACTIVATIONS = {  # the name in transformers' configurations -> ours
    "gelu": "gelu",
    "gelu_new": "gelu_approximate",
    "gelu_pytorch_tanh": "gelu_approximate",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}

BERT_SPECIAL_TOKENS = {
    "start": "[CLS]",
    "end": "[SEP]",
    "pad": "[PAD]",
    "unknown": "[UNK]",
    "mask": "[MASK]",
}


@dataclass(frozen=True)
class Field:
    """One entry of a backbone's configuration.

    Args:
        name: our name, which is KerasHub's where KerasHub has the entry.
        transformers: the key in a `transformers` `config.json`.
        minimum, maximum: the accepted range of a number, both included.
        default: the value where a file does not state it; `REQUIRED` if it must.
        choices: foreign name -> our name, for entries that are names.
        keras: whether KerasHub's configuration has the entry; where it has not,
            `default` is the value that KerasHub computes with.
    """

    name: str
    transformers: str
    minimum: float = 0
    maximum: float = 1
    default: Any = REQUIRED
    choices: Mapping[str, str] = field(default_factory=dict)
    keras: bool = True
    transformers_default: Any = REQUIRED


@dataclass(frozen=True)
class Family:
    """An encoder family, as data: everything that tells it apart from the others.

    Args:
        name: the registry name; also the `model_type` in `transformers` configurations.
        prefix: what the class names begin with (`Bert` -> `BertBackbone`).
        title, paper: for docstrings.
        tokenizer: the kind of tokenizer, a name in `hub_tasks.tokenizers`.
        config: the fields of the backbone's configuration.
        layers: the weight rules of the backbone.
        head: the weight rules of the classification head.
        base: what `transformers` puts before encoder tensors in task checkpoints.
        architecture: the class name of the `transformers` classifier.
        renamed: old suffix of a tensor name -> the suffix used today.
        ignored: name prefixes of tensors that are no part of encoder or classifier.
        optional: our layers that an encoder checkpoint may lack (fresh then).
        special_tokens: role -> token.
        tiny: backbone arguments of a model small enough for tests.
    """

    name: str
    prefix: str
    title: str
    paper: str
    tokenizer: str
    config: tuple[Field, ...]
    layers: tuple[LayerRule, ...]
    head: tuple[LayerRule, ...]
    base: str
    architecture: str
    special_tokens: Mapping[str, str]
    tiny: Mapping[str, Any]
    renamed: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def registered_name(self, kind: str) -> str:
        """KerasHub's registered name of this family's class, e.g. kind "Backbone"."""
        return f"keras_hub>{self.prefix}{kind}"

    def module(self, kind: str) -> str:
        """The KerasHub module that defines this family's class of `kind`."""
        snake = {
            "Backbone": "backbone",
            "Tokenizer": "tokenizer",
            "TextClassifierPreprocessor": "text_classifier_preprocessor",
            "TextClassifier": "text_classifier",
        }[kind]
        return f"keras_hub.src.models.{self.name}.{self.name}_{snake}"
