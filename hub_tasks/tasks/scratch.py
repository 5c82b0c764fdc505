"""A classifier whose vocabulary and labels come from the texts at hand."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from hub_tasks import presets
from hub_tasks.backbones import (
    BACKBONES,
    SIZES_BY_THE_TEXTS,
    Backbone,
    EncoderBackbone,
    encoder_defaults,
)
from hub_tasks.data import LabelSpace, Rows, RunReport, infer_labels, open_data
from hub_tasks.errors import DataError, PresetFormatError, received
from hub_tasks.families import ENCODERS, FAMILIES, Family
from hub_tasks.registry import close_matches
from hub_tasks.tasks.distilling import DistillingTask
from hub_tasks.tasks.preprocessor import TextClassifierPreprocessor
from hub_tasks.tasks.recipe import scale_outputs, spread
from hub_tasks.tasks.table_sizes import rows_for_pairs, rows_for_parts, rows_for_runs, rows_for_wide
from hub_tasks.tasks.wide import MOST_WIDE, is_unsolved, learn_wide, may_be_wide
from hub_tasks.tasks.word_vectors import WordVectorSource
from hub_tasks.tokenizers import Tokenizer, TrainedTokenizer, tokenizer_class

_HEAD = ("activation", "dropout", "name")
_DROPOUT = 0.5  # of the text's vector
_OVERLAP = 64  # entries for what two texts share


class ScratchTask(DistillingTask):
    """A classifier that can be built for the texts at hand, without a preset."""

    @classmethod
    def from_scratch(
        cls,
        encoder: str,
        texts: Any,
        labels: Any,
        *,
        label_names: Sequence[str] | None = None,
        problem_type: str | None = None,
        hyper_parameters: Mapping[str, Any] | None = None,
        word_vectors: str | os.PathLike[str] | None = None,
        trainable_vectors: bool = True,
        embedding: Backbone | str | os.PathLike[str] | None = None,
        tokenizer: Tokenizer | None = None,
        dtype: Any = None,
        **overrides: Any,
    ) -> Self:
        """Builds a classifier without pretrained weights, to be trained with `fit`.

        Vocabulary, labels and problem type come from the data.

        Args:
            encoder: "average_embedding", "bilstm", "bigru", "cnn", "cnn_attention", "cnn_gru",
                "cnn_lstm", "kim_cnn", "fast_ngram", or that of an `EncoderBackbone` of yours.
            texts: texts in memory, as in `fit`; lists of tokens for texts that are split.
            labels: their labels, as in `fit`.
            label_names: names of all classes in the order of ids, where the labels do not say.
            problem_type: see the class; by default the form of the labels says it.
            hyper_parameters: what `encoder_defaults` returns, changed.
            word_vectors: a file in the format of word2vec or GloVe (text or binary, gzip too), or
                a preset of `distill_vectors`: vectors that the words begin with.
            trainable_vectors: whether these are trained, which they begin at a scale that suits
                training; False leaves them as they are, and needs `word_vectors`.
            embedding: a transformer backbone, or a preset of one, whose hidden states the encoder
                reads in place of words' vectors; it is trained with `trainable_embedding=True`.
            tokenizer: that of a backbone given as `embedding`.
            dtype: a Keras dtype or dtype policy.
            **overrides: single entries of `encoder_defaults`; `dropout`, `activation`, `name`.

        Raises:
            DataError: fewer than two classes, texts without a token, unknown overrides, or
                arguments that do not go together.

        Example:

        >>> import hub_tasks
        >>> texts, labels = ["a fine film", "a dull film"] * 20, ["good", "bad"] * 20
        >>> clf = hub_tasks.TextClassifier.from_scratch("kim_cnn", texts, labels, filters=8)
        >>> history = clf.fit(texts, labels, verbose=0)
        >>> clf.classify("fine").label
        'good'
        """
        if cls.family is not None:
            raise DataError(
                f"{cls.__name__} is a classifier of the {cls.family.title} family, which is not "
                "made from scratch; call `TextClassifier.from_scratch`."
            )
        settings = {**(hyper_parameters or {}), **overrides}
        vectors = None
        if word_vectors is not None:
            size = overrides.get("embedding_dim")
            vectors = WordVectorSource(word_vectors, trainable_vectors, size)
        elif not trainable_vectors:
            raise DataError(
                "`trainable_vectors=False` keeps vectors as `word_vectors` has them: pass a file "
                f"or a preset of such. {received(word_vectors=None, trainable_vectors=False)}"
            )
        if embedding is None and tokenizer is not None:
            raise DataError(
                "`tokenizer` is that of a backbone given as `embedding`; an encoder with vectors "
                f"of its own has one made from the texts. {received(tokenizer=type(tokenizer))}"
            )
        if embedding is not None:
            settings["trainable_embedding"] = overrides.get("trainable_embedding", False)
        data, classes = (texts, labels), (label_names, problem_type)
        return _build(cls, encoder, data, classes, vectors, embedding, tokenizer, dtype, settings)

    def _end_training(self, train: Rows, class_weight: Any) -> None:
        suits = may_be_wide(self.label_space, train.texts)
        if suits and is_unsolved(self.backbone, self.num_classes):
            reader = self._reader("evaluate", self.recipe.predict_batch_size, RunReport())
            batches = reader.labelled(train, class_weight)
            words = self.preprocessor.tokenizer.vocabulary
            learn_wide(self.backbone, words, batches, *self.head_variables())


def _build(
    cls: type[Any],
    encoder: str,
    data: tuple[Any, Any],
    classes: tuple[Sequence[str] | None, str | None],
    vectors: WordVectorSource | None,
    embedding: Backbone | str | os.PathLike[str] | None,
    tokenizer: Tokenizer | None,
    dtype: Any,
    settings: Mapping[str, Any],
) -> Any:
    """See `ScratchTask.from_scratch`; `data` are texts and labels, `classes` names and type."""
    family, made_by = ENCODERS[encoder], BACKBONES[encoder]
    own = encoder_defaults(encoder)
    _check(encoder, [*own], settings, embedding, vectors)
    rows = open_data(*data, None, 1, tokens=embedding is None)
    if not isinstance(rows, Rows):
        raise DataError(
            "The vocabulary is made from all texts, so they must be in memory: pass a list, an "
            f"array or a column, and stream in `fit`. {received(texts=type(data[0]))}"
        )
    space = infer_labels(rows.labels, *classes)
    targets = space.encode(rows.labels)
    settings = {"dropout": _DROPOUT, **own, **settings}  # where an encoder has one, it is its own
    head = {key: settings[key] for key in _HEAD if key in settings and key not in own}
    config = {k: v for k, v in settings.items() if k in own and k not in made_by.text_defaults}
    if embedding is not None:
        config |= {key: config[key] or 0 for key in SIZES_BY_THE_TEXTS}
        config["embedding"], tokenizer = _open_embedding(embedding, tokenizer, dtype)
        lengths = (c["max_sequence_length"] for c in (config, config["embedding"].config))
        config["max_sequence_length"] = min(lengths)
    else:
        text = {key: settings[key] for key in made_by.text_defaults}
        tokenizer = _read_texts(made_by, family, rows.texts, text, config)
    _note_pairs(config, tokenizer, len(rows.texts) > 1)
    _note_wide(config, tokenizer, space, rows.texts, made_by)
    values = vectors.read(tokenizer, config) if vectors else None
    backbone: EncoderBackbone = made_by(**config, dtype=dtype)
    if values is not None:
        backbone.embedding.embeddings.assign(values)
    length = backbone.config["max_sequence_length"]
    clf = cls(
        backbone,
        preprocessor=TextClassifierPreprocessor(tokenizer, length, family=family),
        labels=space.names,
        problem_type=space.problem_type,
        **head,
    )
    if clf.has_amounts:
        _begin_at(targets, *clf.head_variables())
        scale_outputs(clf.optimizer, targets)  # for streams, of which `fit` does not know it
    return clf


def _read_texts(
    made_by: type[EncoderBackbone],
    family: Family,
    columns: Sequence[Sequence[str]],
    settings: Mapping[str, Any],
    config: dict[str, Any],
) -> TrainedTokenizer:
    """The tokenizer made from the texts, which also say how large tables are."""
    texts = (text for column in columns for text in column)
    tokenizer = TrainedTokenizer.train(texts, family, **settings)
    config["vocabulary_size"] = tokenizer.vocabulary_size()
    if config["bigram_buckets"] is None:
        config["bigram_buckets"] = rows_for_pairs(made_by.most_bigrams, tokenizer, columns)
    if config["part_buckets"] is None:
        config["part_buckets"] = rows_for_parts(made_by, tokenizer)
    if config["run_buckets"] is None:
        config["run_buckets"] = rows_for_runs(made_by, tokenizer, columns)
    ngrams = tokenizer.options["buckets"]
    if config["ngram_rows"] is None:
        config["ngram_rows"] = ngrams
    return tokenizer.with_beginnings() if config["part_buckets"] and not ngrams else tokenizer


def _note_pairs(config: dict[str, Any], tokenizer: Tokenizer, paired: bool) -> None:
    """Which token stands between the two texts of a pair, and in how many entries they overlap."""
    if config["pair_separator"] is None:
        ids = tokenizer.special_ids
        separator = ids["between"] if "between" in ids else ids["end"]
        config["pair_separator"] = separator if paired else 0
    if config["overlap_entries"] is None:
        config["overlap_entries"] = _OVERLAP if config["pair_separator"] else 0


def _note_wide(
    config: dict[str, Any],
    tokenizer: Tokenizer,
    space: LabelSpace,
    columns: Sequence[list[str]],
    made_by: type[EncoderBackbone],
) -> None:
    """Of which runs a linear model beside the encoder is, where there is to be one."""
    suits = may_be_wide(space, columns) and not config.get("embedding")
    if config["wide_dim"] is None:
        wanted = made_by.recipe.for_rows(len(columns[0])).wide
        config["wide_dim"] = len(space.names) if suits and wanted else 0
    if config["wide_dim"] and not (suits and config["wide_dim"] == len(space.names)):
        raise DataError(
            "`wide_dim` must be 0, None or the number of classes, for single texts with one label "
            f"of at most {MOST_WIDE} each and vectors of words. "
            f"{received(wide_dim=config['wide_dim'], labels=len(space.names))}"
        )
    if config["wide_runs"] is None:
        longest = 3 if tokenizer.options.get("unit") == "character" else 2
        config["wide_runs"] = longest if config["wide_dim"] else 0
    if config["wide_buckets"] is None:
        config["wide_buckets"] = rows_for_wide(config["wide_runs"], tokenizer, columns)


def _begin_at(amounts: np.ndarray, kernel: keras.Variable, bias: keras.Variable) -> None:
    """Lets outputs begin with the mean of the amounts to be learnt, with kernels of their size."""
    kernel.assign(ops.convert_to_numpy(kernel) * spread(amounts))
    bias.assign(amounts.mean(axis=0))


def _check(
    encoder: str, own: list[str], given: Mapping[str, Any], embedding: Any, vectors: Any
) -> None:
    """Refuses settings that the encoder does not have, or that would mean nothing."""
    known = list(dict.fromkeys([*own, *_HEAD]))
    unknown = [name for name in given if name not in known]
    if unknown:
        raise DataError(
            f"The encoder {encoder} has no {unknown[0]!r}.{close_matches(unknown[0], known)} It "
            f"has {', '.join(known)}. {received(**{unknown[0]: given[unknown[0]]})}"
        )
    if embedding is not None and vectors is not None:
        raise DataError("Pass either `embedding` or `word_vectors`: each is the tokens' vectors.")


def _open_embedding(
    embedding: Backbone | str | os.PathLike[str], tokenizer: Tokenizer | None, dtype: Any
) -> tuple[Backbone, Tokenizer]:
    """A backbone whose hidden states are the tokens' vectors, and its tokenizer."""
    if not isinstance(embedding, str | os.PathLike):
        if not isinstance(embedding, Backbone) or embedding.family.name not in FAMILIES:
            raise DataError(
                "`embedding` must be a transformer backbone or a preset of one. "
                f"{received(embedding=type(embedding))}"
            )
        if tokenizer is None:
            raise DataError(
                "A backbone has no tokenizer: pass its preset as `embedding`, or `tokenizer=`, for "
                "example `hub_tasks.BertTokenizer.from_preset(...)`. Received: tokenizer=None"
            )
        return embedding, tokenizer
    with presets.opened(embedding) as data:
        if data.family.name not in FAMILIES or data.tokenizer is None or data.backbone is None:
            raise PresetFormatError(
                f"`embedding` must be a preset of a transformer with its tokenizer. "
                f"{received(embedding=embedding)}"
            )
        family = data.tokenizer_family
        made = tokenizer_class(family).from_data(family, data.tokenizer, embedding)
        return BACKBONES[data.family.name].from_data(data, dtype=dtype), tokenizer or made
