"""What an encoder family is: names, configuration fields, weight rules, sizes for tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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

BERT_TOKENS = {
    "start": "[CLS]",
    "end": "[SEP]",
    "pad": "[PAD]",
    "unknown": "[UNK]",
    "mask": "[MASK]",
}

ROBERTA_TOKENS = {
    "start": "<s>",
    "pad": "<pad>",
    "end": "</s>",
    "unknown": "<unk>",
    "mask": "<mask>",
}

KERAS_HUB_CLASSES = ("Backbone", "Tokenizer", "TextClassifierPreprocessor", "TextClassifier")


@dataclass(frozen=True)
class Field:
    """One entry of a backbone's configuration.

    Args:
        name: our name, which is KerasHub's where KerasHub has the entry.
        transformers: the key in a `transformers` `config.json`.
        minimum, maximum: the accepted range of a number, both included.
        default: the value where a file does not state it; `REQUIRED` if it must.
        choices: foreign name -> our name, for entries that are names or flags.
        keras: KerasHub's name where it differs from ours; None where its configuration has
            no such entry, and `default` is the value that KerasHub computes with.
        transformers_default: the value where a `config.json` does not state it.
        offset: the number in a `config.json` is so much larger than ours.
        path: where newer versions of `transformers` keep the value, key within key.
        spacing: a list in newer versions and one of its entries, found at every so many.
        many: whether it is a list of such values.
        nested: whether it is the configuration of another family's backbone, or None.
    """

    name: str
    transformers: str
    minimum: float = 0
    maximum: float = 1
    default: Any = REQUIRED
    choices: Mapping[Any, Any] = field(default_factory=dict)
    keras: str | None = ""
    transformers_default: Any = REQUIRED
    offset: int = 0
    path: tuple[str, ...] = ()
    spacing: tuple[str, str] | None = None
    many: bool = False
    nested: bool = False


@dataclass(frozen=True)
class Encoder:
    """What a family's encoder is made of, beside the sizes in its configuration.

    Args:
        positions: whether there is a learned vector for each position.
        position_offset: rows of that table which no position uses, before the others.
        segments: whether the two texts of a pair are told apart by a learned vector;
            "first" where the table exists, but its first row is added everywhere.
        projection: whether vectors of tokens are projected to the size of hidden states:
            "after" they are normalised, "if_narrower" the same where the sizes differ, or
            "before" that, three neighbours together.
        embedding_norm: a kind of normalisation, see `hub_tasks.layers`.
        masked: whether vectors of padding are zeros.
        block: the kind of layer, see `hub_tasks.layers.BLOCKS`.
        relation: what the layers know of the distance of tokens, see
            `hub_tasks.layers.RELATIONS`.
        final_norm: whether hidden states are normalised at the end.
        pooler: whether `pooled_output` is a dense layer with tanh over the first token,
            and not the first token itself.
    """

    positions: bool = True
    position_offset: int = 0
    segments: bool | str = True
    projection: str = ""
    embedding_norm: str = "layer_norm"
    masked: bool = False
    block: str = "post_norm"
    relation: str = ""
    final_norm: bool = False
    pooler: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the encoder's inputs."""
        segments = ("segment_ids",) if self.segments is True else ()
        return ("token_ids", *segments, "padding_mask")


@dataclass(frozen=True)
class Head:
    """The classification head of a family, as `transformers` has it.

    Args:
        activation: of a dense layer before the logits; None without such a layer.
        bias: whether that layer has a bias.
        norm: whether its output is normalised.
        input_dropout: whether there is dropout before it, too.
    """

    activation: str | None = None
    bias: bool = True
    norm: bool = False
    input_dropout: bool = False


@dataclass(frozen=True)
class Family:
    """An encoder family, as data: everything that tells it apart from the others.

    Args:
        name: the registry name and KerasHub's.
        prefix: what the class names begin with (`Bert` -> `BertBackbone`).
        title, paper: for docstrings.
        tokenizer: the kind of tokenizer, a name in `hub_tasks.tokenizers`.
        config: the fields of the backbone's configuration.
        layers: the weight rules of the backbone; None where files have our own names.
        head: the weight rules of the classification head.
        base: what `transformers` puts before encoder tensors in task checkpoints.
        architecture: the class name of the `transformers` classifier.
        special_tokens: role -> token.
        tiny: backbone arguments of a model small enough for tests.
        encoder: what the encoder is made of.
        classifier: what the head is made of.
        model_type: the name in `transformers` configurations; `name` if not stated.
        fixed: entries of a `config.json` that must have one of these values; None stands
            for an entry that is not there.
        attention_dropout: the key of attention's dropout in a `config.json`, which is that of
            the encoder here.
        dropout: the key of the head's.
        head_dropout: its default; None for that of the encoder.
        pooling: the key in a `config.json` that says "cls" or "mean", if there is one.
        renamed: old suffix of a tensor name -> the suffix used today.
        ignored: name prefixes of tensors that are no part of encoder or classifier.
        optional: our layers that an encoder checkpoint may lack (fresh then).
        keras_hub: the kinds of classes that KerasHub has for the family.
        keras_positions: KerasHub's name of a table of positions that is the sum of ours,
            without its offset, and the first row of our table of segments.
        keras_unused: layers that KerasHub's backbone has, and no classifier uses.
        fairseq_ids: whether ids are those of a SentencePiece model moved up by one, with special
            tokens of fairseq's before and after.
        steps: what `transformers` does to a text before SentencePiece, see
            `SentencePieceTokenizer`.
        whole_words: whether `transformers` splits a text at white space before SentencePiece.
        pairs: how the tokenizer joins the texts of a pair, a name in
            `hub_tasks.presets.schema.PAIRS`.
    """

    name: str
    prefix: str
    title: str
    paper: str
    tokenizer: str
    config: tuple[Field, ...]
    layers: tuple[LayerRule, ...] | None
    head: tuple[LayerRule, ...]
    base: str
    architecture: str
    special_tokens: Mapping[str, str]
    tiny: Mapping[str, Any]
    encoder: Encoder = Encoder()
    classifier: Head = Head()
    model_type: str = ""
    fixed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    attention_dropout: str = "attention_probs_dropout_prob"
    dropout: str = "classifier_dropout"
    head_dropout: float | None = None
    pooling: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    keras_hub: tuple[str, ...] = KERAS_HUB_CLASSES
    keras_positions: str = ""
    keras_unused: tuple[LayerRule, ...] = ()
    fairseq_ids: bool = False
    steps: tuple[str, ...] = ()
    whole_words: bool = False
    pairs: str = "numbered"

    def complete(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A whole configuration, defaults filled in.

        Raises:
            TypeError: entries that are missing, or that the family does not have.
        """
        known = {entry.name: entry.default for entry in self.config}
        unknown = sorted(set(config) - set(known))
        missing = [n for n, default in known.items() if default is REQUIRED and n not in config]
        if unknown or missing:
            raise TypeError(
                f"{self.prefix}Backbone takes {', '.join(known)}. "
                f"Received: unknown={unknown}, missing={missing}"
            )
        return {name: config.get(name, default) for name, default in known.items()}

    def registered_name(self, kind: str) -> str:
        """KerasHub's registered name of this family's class, e.g. kind "Backbone"."""
        return f"{'keras_hub' if kind in self.keras_hub else 'hub_tasks'}>{self.prefix}{kind}"

    def module(self, kind: str) -> str:
        """The module that defines this family's class of `kind`, KerasHub's if there is one."""
        if kind not in self.keras_hub:
            return "hub_tasks.tasks.named"
        snake = {
            "Backbone": "backbone",
            "Tokenizer": "tokenizer",
            "TextClassifierPreprocessor": "text_classifier_preprocessor",
            "TextClassifier": "text_classifier",
        }[kind]
        return f"keras_hub.src.models.{self.name}.{self.name}_{snake}"


def base_fields(
    keras_activation: str = "gelu",
    epsilon: float = 1e-12,
    positions: int = 512,
    offset: int = 0,
    dropout_rate: float = 0.1,
    in_transformers: str = "gelu",
    **keys: str,
) -> tuple[Field, ...]:
    """The fields that most families have.

    Args:
        keras_activation, epsilon: what KerasHub computes with, whose files do not say.
        positions, dropout_rate: the values where a file does not say.
        offset: rows of the table of positions that no position uses.
        in_transformers: the activation where a `config.json` does not say.
        **keys: our name -> the key in a `config.json`, where it is not BERT's.
    """
    lengths = {"default": positions, "transformers_default": positions - offset, "offset": offset}
    defaults = {"default": keras_activation, "transformers_default": in_transformers}
    fields = (
        Field("vocabulary_size", "vocab_size", 1, 4_000_000),
        Field("num_layers", "num_hidden_layers", 1, 512),
        Field("num_heads", "num_attention_heads", 1, 512),
        Field("hidden_dim", "hidden_size", 1, 65_536),
        Field("intermediate_dim", "intermediate_size", 1, 1_048_576),
        Field("dropout", "hidden_dropout_prob", 0.0, 0.99, default=dropout_rate),
        Field("max_sequence_length", "max_position_embeddings", 1, 1_048_576, **lengths),
        Field("activation", "hidden_act", choices=ACTIVATIONS, keras=None, **defaults),
        Field("layer_norm_epsilon", "layer_norm_eps", 0.0, 0.1, default=epsilon, keras=None),
    )
    return tuple(replace(f, transformers=keys.get(f.name, f.transformers)) for f in fields)


def segments_field(default: int = 2) -> Field:
    """How many segments there are."""
    return Field("num_segments", "type_vocab_size", 1, 65_536, default=default)


TINY = {  # sizes for tests, no two of which are the same
    "vocabulary_size": 40,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 12,
    "max_sequence_length": 24,
}
