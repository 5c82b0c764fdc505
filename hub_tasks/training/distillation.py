"""Vectors of tokens from a transformer, without data."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
from keras import ops

from hub_tasks import presets
from hub_tasks.backbones import BACKBONES, Backbone
from hub_tasks.errors import DataError, PresetNotFoundError, received
from hub_tasks.families import ENCODERS, FAMILIES
from hub_tasks.tasks import TextClassifierPreprocessor
from hub_tasks.tasks.arguments import check_vocabulary
from hub_tasks.tasks.preprocessor import preprocessor_class
from hub_tasks.tasks.progress import Progress

States = Literal["input", "output"]
_SPREAD = 1.0  # root mean square of all entries: large beside a step, so that little is forgotten
_MARK, _LETTER, _OTHER = 10, 300, 20_000  # ranks of single characters
_SPECIAL_RANK = 10**9
_BATCH = 512


def distill_vectors(
    preset: str | os.PathLike[str],
    dimensions: int = 64,
    states: States = "input",
    zipf_offset: float = 100.0,
    verbose: bool = True,
) -> Backbone:
    """Turns a transformer into an encoder that averages vectors of its tokens.

    The vectors are the principal components of what the transformer has for each token of its
    vocabulary. Tokens weigh in the components as often as they occur in texts, which is
    guessed from their place in the vocabulary by Zipf's law; no data is needed.

    References: Tulkens and van Dongen, 2024, https://github.com/MinishLab/model2vec; Arora et
    al., 2017, https://openreview.net/forum?id=SyK00v5xx.

    Args:
        preset: a preset of a transformer with its tokenizer.
        dimensions: the size of a vector.
        states: "input" for the table of embeddings, which takes a second and gave better
            classifiers; "output" for the mean of the last hidden states of the token on its own.
        zipf_offset: a token of rank r is taken to occur 1 / (r + `zipf_offset`) times.
        verbose: whether a progress bar is shown.

    Returns:
        An `AverageEmbeddingBackbone` with the tokenizer of the preset, its vectors of shape
        `(tokens, dimensions)` and with a root mean square of 1. Save it with
        `save_to_preset`, then begin classifiers with it: `TextClassifier.from_preset(directory,
        labels=[...])`, or `from_scratch(..., word_vectors=directory)`.

    Raises:
        PresetError: as in `TextClassifier.from_preset`.
        DataError: `dimensions` are more than the transformer has.

    Example:

    >>> import hub_tasks
    >>> encoder = hub_tasks.distill_vectors("bert_tiny_en_sentiment", dimensions=16, verbose=False)
    >>> encoder.config["embedding_dim"]
    16
    """
    if states not in get_args(States):
        raise DataError(
            f"`states` must be one of {', '.join(get_args(States))}. {received(states=states)}"
        )
    with presets.opened(preset) as data:
        if data.tokenizer is None or data.family.name not in FAMILIES:
            raise PresetNotFoundError(
                f"A preset of a transformer with its tokenizer is needed. {received(preset=preset)}"
            )
        teacher = BACKBONES[data.family.name].from_data(data)
        check_vocabulary(data, preset)
        preprocessor = preprocessor_class(data.family).from_data(data)
    table = teacher.get_layer("token_embedding").embeddings
    width = (table if states == "input" else teacher.output["sequence_output"]).shape[-1]
    if type(dimensions) is not int or not 1 <= dimensions <= width:
        raise DataError(
            f"`dimensions` must be an integer from 1 to {width}, those of the transformer's "
            f"{states}. {received(dimensions=dimensions)}"
        )
    tokenizer = preprocessor.tokenizer
    if states == "input":
        rows = ops.convert_to_numpy(table)[: len(tokenizer.vocabulary)]
    else:
        rows = _outputs(teacher, preprocessor, verbose)
    vectors = components(rows, 1.0 / (_ranks(tokenizer) + zipf_offset), dimensions)
    vectors[list(tokenizer.special_ids.values())] = 0.0
    family = ENCODERS["average_embedding"]
    length = teacher.config["max_sequence_length"]
    encoder = BACKBONES[family.name](
        vocabulary_size=len(vectors),
        embedding_dim=dimensions,
        max_sequence_length=length,
    )
    encoder.embedding.embeddings.assign(vectors)
    encoder.text = TextClassifierPreprocessor(tokenizer, length, family=family).to_data()
    return encoder


def components(rows: np.ndarray, weights: np.ndarray, dimensions: int) -> np.ndarray:
    """The first principal components of rows of which some count more than others.

    Args:
        rows: `(rows, width)`.
        weights: `(rows,)`, not negative.
        dimensions: how many components.

    Returns:
        `(rows, dimensions)`, float32, of a root mean square of 1.
    """
    weights = weights / weights.sum()
    centred = rows.astype("float64") - weights @ rows
    covariance = (centred * weights[:, None]).T @ centred
    _, axes = np.linalg.eigh(covariance)
    projected = centred @ axes[:, ::-1][:, :dimensions]
    scale = np.sqrt(np.mean(projected**2)) or 1.0
    return (projected * (_SPREAD / scale)).astype("float32")


def _ranks(tokenizer: Any) -> np.ndarray:
    """How many tokens are more frequent than each, as far as a vocabulary's order says it."""
    special = set(tokenizer.special_tokens)
    ranks, place = [], 0
    for token in tokenizer.vocabulary:
        if token in special or token.startswith("[unused"):
            ranks.append(_SPECIAL_RANK)
        elif len(token) == 1:
            ascii_rank = _LETTER if token.isalnum() else _MARK
            ranks.append(ascii_rank if token.isascii() else _OTHER)
        else:
            place += 1
            ranks.append(place)
    return np.array(ranks, "float64")


def _outputs(
    teacher: Backbone, preprocessor: TextClassifierPreprocessor, verbose: bool
) -> np.ndarray:
    """The mean of the last hidden states of each token between the special ones."""
    pack: Callable[..., dict[str, np.ndarray]] = preprocessor.packer.pack
    count = len(preprocessor.tokenizer.vocabulary)
    bar = Progress(count, _BATCH, "auto" if verbose else 0)
    found: list[np.ndarray] = []
    for start in range(0, count, _BATCH):
        ids: Sequence[int] = range(start, min(start + _BATCH, count))
        inputs = pack([[[i]] for i in ids], 3, _BATCH)
        states = ops.convert_to_numpy(teacher(inputs, training=False)["sequence_output"])
        found.append(states[: len(ids)].mean(axis=1))
        bar.on_predict_batch_end(start // _BATCH)
    bar.finish(count)
    return np.concatenate(found)
