"""Encoders that are trained from scratch: vectors of tokens -> one vector for the text."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from hub_tasks.backbones.backbone import BACKBONES, Backbone, defined_before
from hub_tasks.backbones.bags import bags_of, compared
from hub_tasks.backbones.direct import DirectModel, is_empty
from hub_tasks.backbones.hyper_parameters import complete, field_of, hyper_parameters
from hub_tasks.backbones.precision import layers_of
from hub_tasks.backbones.recipe import FROM_SCRATCH
from hub_tasks.backbones.slices import in_slices
from hub_tasks.backbones.token_vectors import token_vectors, words_of
from hub_tasks.errors import DataError, HubTasksError, PresetFormatError, received
from hub_tasks.families import ENCODERS, encoder_family
from hub_tasks.layers import bag_fits, bag_of_vectors, bags_at_once, parts_in_bag, tokens_in_bag
from hub_tasks.presets import PresetData

_OF_EMBEDDING = ("vocabulary_size", "max_sequence_length")
_OF_VOCABULARY = ("word_parts/rows", "character_runs/codes")
_COUNTER = re.compile(r"_\d+$")


class EncoderBackbone(DirectModel, Backbone):
    """An encoder of which one method says what it computes.

    A subclass defines `encode`, which maps the vectors of a text's tokens to one vector with
    Keras layers, as for a functional model. The keyword arguments of `encode` are the
    hyper-parameters; their defaults say which values are accepted: a whole number (from 1, or
    from a smaller default), a number, a flag, a tuple of whole numbers, or one of the strings of
    a `typing.Literal`. A subclass is known by its name in `TextClassifier.from_scratch` and in
    presets once it is defined.

    Args:
        vocabulary_size: rows of the table of embeddings.
        embedding_dim: the size of a token's vector.
        max_sequence_length: the most tokens of a text.
        embedding: in place of the table another backbone, or the configuration of one (with
            the name of its `family`), whose hidden states are the tokens' vectors.
        trainable_embedding: whether the table, or that backbone, is trained.
        bigram_buckets: rows of a second table, of a token and the next one by their hash, which
            are added to the token's vector; 0 for none. An encoder that stands beside the bag
            of vectors does not see them, the bag does: of rare pairs it learns texts by heart.
        part_buckets: rows of a third table, of the beginnings and endings of words, whose bag
            stands beside all else; 0 for none. See `read_vocabulary`.
        run_buckets: rows of another one, of runs of characters (see `hub_tasks.layers.HashedRuns`),
            whose bag stands there too; 0 for none. See `read_vocabulary`.
        ngram_rows: how many of the first table's rows, the last ones, are of n-grams, which
            come after the words: their bag stands beside what words are mapped to.
        pair_separator: the id of the token between the two texts of a pair, whose bags are then
            compared beside all else (see `hub_tasks.layers.comparison`); 0 for single texts.
        overlap_entries: how many entries say beside that what the two have in common before
            anything is learnt, for each bag (see `hub_tasks.layers.Overlap`); 0 for none.
        wide_dim: how many scores of a linear model (see `hub_tasks.layers.WideScores`) stand at
            the end; 0 for none. They are zeros until they are learnt.
        wide_buckets: rows of each of its tables of runs of tokens.
        wide_runs: how long these are, in tokens; there is a table for each length from 2.
        word_dropout: share of the tokens whose vectors are zeros in training.
        embedding_dropout: share of the entries of vectors that are zeros in training, the same
            ones throughout a text.
        dtype: a Keras dtype or dtype policy; "auto" is Keras's current one.
        name, trainable: as in Keras.
        **hyper_parameters: those of `encode`.

    Inputs:
        A dict of `token_ids` and `padding_mask` (1 at real tokens, all of them before the
        padding), `(batch, length)`, int32.

    Outputs:
        A dict of `pooled_output`, `(batch, dim)`.

    Example:

    >>> import keras, hub_tasks
    >>> class StackedLSTM(hub_tasks.EncoderBackbone):
    ...     def encode(self, x, mask, *, units: int = 32):
    ...         for _ in range(2):
    ...             lstm = keras.layers.LSTM(units, return_sequences=True)
    ...             x = keras.layers.Bidirectional(lstm)(x, mask=mask)
    ...         return x[:, 0]
    >>> hub_tasks.encoder_defaults("stacked_lstm")["units"]
    32
    """

    recipe = FROM_SCRATCH
    text: PresetData | None = None  # tokenizer and preprocessor that are saved with an encoder
    text_defaults: ClassVar[Mapping[str, Any]] = {
        "unit": "auto",
        "lowercase": True,
        "case_marks": True,
        "space_marks": True,
        "max_vocabulary": 30_000,
        "min_frequency": 1,
    }
    bag_alone: ClassVar[bool] = False  # whether `encode` is `bag_of_vectors`, and "hidden" after it
    beside_bag: ClassVar[bool] = False  # whether `bag_of_vectors` stands beside what it computes
    branch_dropout: ClassVar[float] = 0.3  # share of the texts that train the bag beside it alone
    most_bigrams: ClassVar[int] = 50_000  # rows that `from_scratch` gives to pairs by itself
    most_parts: ClassVar[int] = 50_000  # to parts of words, where there is a bag
    most_runs: ClassVar[int] = 50_000  # to runs of characters, likewise

    def __init_subclass__(cls, encoder: str = "", title: str = "", **kwargs: Any):
        """Registers the class.

        Args:
            encoder: its name; by default that of the class in lower case with underscores.
            title: what people call it.

        Raises:
            DataError: another class has the name; one that is defined anew takes its own place.
        """
        super().__init_subclass__(**kwargs)
        if "encode" in vars(cls) and "bag_alone" not in vars(cls):
            cls.bag_alone = False
        prefix = cls.__name__.removesuffix("Backbone")
        name = encoder or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", prefix).lower()
        again = defined_before(cls, name, prefix)
        fields = tuple(field_of(cls, parameter) for parameter in hyper_parameters(cls))
        cls.family = encoder_family(name, prefix, title or prefix, fields)
        ENCODERS.register(name, cls.family, replace=again)
        BACKBONES.register(name, cls, replace=again)
        keras.saving.register_keras_serializable("hub_tasks")(cls)

    def __init__(
        self,
        *,
        embedding: Backbone | Mapping[str, Any] | None = None,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
        **config: Any,
    ):
        if isinstance(embedding, Mapping):
            nested = dict(embedding)
            embedding = BACKBONES[nested.pop("family")](**nested, dtype=dtype)
        if embedding is not None:
            config["embedding"] = {"family": embedding.family.name, **embedding.config}
            config |= {key: embedding.config[key] for key in _OF_EMBEDDING if key not in config}
        config = complete(type(self), config)
        own = {p.name: config[p.name] for p in hyper_parameters(type(self))}
        with layers_of(None if dtype == "auto" else dtype) as policy:
            inputs = {
                key: keras.Input((None,), dtype="int32", name=key)
                for key in self.family.encoder.inputs
            }
            vectors = token_vectors(inputs, embedding, config)
            table, x = vectors.table, vectors.tokens
            table.trainable = config["trainable_embedding"]
            bags = bags_of(inputs, vectors, config)
            [bag, _, words], *_ = bags
            pooled = self._encoded(x if self.beside_bag else bag, words, own)
            if self.beside_bag:
                # Left out of some texts as a whole, so that the bag learns to do without it.
                pooled = keras.layers.Dropout(self.branch_dropout, noise_shape=(None, 1))(pooled)
            beside = bags if self.beside_bag else bags[1:]  # the first is what `encode` has
            found = [pooled, *(bag_of_vectors(bag, mask) for bag, _, mask in beside)]
            if config["pair_separator"]:
                found += compared(inputs["token_ids"], bags, config)
            if vectors.wide is not None:
                found.append(vectors.wide)  # the last of all
            pooled = ops.concatenate(found, axis=-1) if found[1:] else pooled
            outputs = {"pooled_output": pooled}
        super().__init__(inputs, outputs, name=name, trainable=trainable)
        self.dtype_policy = policy
        self.config = config
        self.embedding = table
        if embedding is not None:  # whose hidden states take the room and time of many embeddings
            inner = embedding.recipe
            shapes = dict(predict_batch_size=inner.batch_size, compile_cost=inner.compile_cost)
            self.recipe = replace(self.recipe, refit=False, short_batch_size=None, **shapes)

    @property
    def compares_pairs(self) -> bool:
        """Whether it relates the two texts of a pair, and does not read both as one."""
        return bool(self.config["pair_separator"] or self.config["embedding"])

    def encode(self, x: Any, mask: Any) -> Any:
        """Vectors of tokens -> a vector for the text; its keyword arguments are its own.

        Args:
            x: `(batch, length, embedding_dim)`, zeros at padding.
            mask: `(batch, length)`, true at real tokens.

        Returns:
            `(batch, dim)`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `encode`.")

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """As in Keras; without training the vectors of a whole batch are not held at once."""
        pairs = self.get_layer("bigrams") if self.config["bigram_buckets"] else None
        parts = self.get_layer("word_parts") if self.config["part_buckets"] else None
        more = self.config["pair_separator"] or self.config["run_buckets"]
        alone = self.bag_alone and not more
        if training or self.config["embedding"] or not is_empty(mask):
            return super().call(inputs, training=training, mask=mask)
        if not alone or not bag_fits(self.embedding, pairs, parts):
            return in_slices(super().call, inputs, self.config["embedding_dim"])
        token_ids, mask = (ops.cast(inputs[key], "int32") for key in ("token_ids", "padding_mask"))
        known = token_ids if parts is None else parts.known(token_ids)
        words = words_of(token_ids, mask, self.config)
        sources = [tokens_in_bag(known, words, self.embedding, pairs, self.config["largest"])]
        if self.config["ngram_rows"]:
            sources.append(tokens_in_bag(token_ids, mask - words, self.embedding, None, True))
        if parts is not None:
            sources.append(parts_in_bag(token_ids, mask, parts))
        bag, *others = bags_at_once(sources)
        if self.config.get("hidden"):
            bag = self.get_layer("hidden")(bag)
        if self.config["wide_dim"]:
            others.append(self.get_layer("wide")(token_ids, padding_mask=words))
        return {"pooled_output": ops.concatenate([bag, *others], axis=-1) if others else bag}

    def read_vocabulary(self, text: PresetData) -> None:
        """Learns the beginnings and endings of words and what stands in runs, where they count.

        Args:
            text: the tokenizer and the preprocessor, which are saved with the encoder from then on.

        Raises:
            DataError: the vocabulary is of another size.
        """
        layers = {"part_buckets": "word_parts", "run_buckets": "character_runs"}
        layers = {key: name for key, name in layers.items() if self.config[key]}
        if not layers or text.tokenizer is None:
            return
        ids, size = text.tokenizer.ids, self.config["vocabulary_size"]
        if ids != size:
            raise DataError(
                f"An encoder with `{next(iter(layers))}` needs a tokenizer of {size} ids, as its "
                f"`vocabulary_size` says. {received(ids=ids)}"
            )
        words = text.tokenizer.vocabulary
        if self.text is None or self.text.tokenizer.vocabulary != words:
            special = list(self.family.special_tokens.values())
            for name in layers.values():
                self.get_layer(name).read(words, without=special)
        self.text = text

    def to_data(self, weights: Mapping[str, np.ndarray] | None = None) -> PresetData:
        data = super().to_data(weights)
        if self.text is None:
            return data
        return replace(data, tokenizer=self.text.tokenizer, preprocessor=self.text.preprocessor)

    def _encoded(self, x: Any, mask: Any, hyper_parameters: Mapping[str, Any]) -> Any:
        try:
            return self.encode(x, mask, **hyper_parameters)
        except HubTasksError:
            raise
        except (TypeError, ValueError) as error:  # what Keras says of values that no layer takes
            raise DataError(
                f"{type(self).__name__} cannot be built: {error} {received(**hyper_parameters)}"
            ) from error

    @classmethod
    def from_data(cls, data: PresetData, *arguments: Any, **options: Any) -> Backbone:
        """As `Backbone.from_data`; values that no layer takes are an error of the preset."""
        try:
            backbone: EncoderBackbone = super().from_data(data, *arguments, **options)
            backbone.read_vocabulary(data)
        except DataError as error:
            source = data.source and data.source.handle
            raise PresetFormatError(f"config.json of preset {source}: {error}") from None
        return backbone

    def named_weights(self) -> dict[str, Any]:
        """Variables by their paths, with Keras's counters begun anew for each model.

        Without the rows of words' parts, which the vocabulary says.
        """
        names: dict[tuple[str, str], str] = {}
        seen: Counter[tuple[str, str]] = Counter()
        found = {}
        for variable in self.weights:
            if variable.path.endswith(_OF_VOCABULARY):
                continue
            path = ""
            for segment in variable.path.split("/"):
                if (path, segment) not in names:
                    base = _COUNTER.sub("", segment)
                    number = seen[path, base]
                    seen[path, base] += 1
                    names[path, segment] = f"{base}_{number}" if number else base
                path = f"{path}/{names[path, segment]}".removeprefix("/")
            same = 0
            while (name := f"{path}:{same}" if same else path) in found:
                same += 1  # a layer of the embedding's may have the name of one of `encode`
            found[name] = variable
        return found
