"""A linear model of words, solved at once, beside what a network has learnt in steps."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from hub_tasks.backbones import EncoderBackbone
from hub_tasks.backbones.token_vectors import words_of
from hub_tasks.data import FILL, LabelSpace
from hub_tasks.layers import BEGINNINGS, WideScores, WordParts

MOST_WIDE = 32  # classes; of more, tables would be as large as those of vectors
_GRAMS = range(1, 6)  # characters
_OF_GRAMS = 1.4  # how long the vector of a word's n-grams is, where that of the word itself is 1
_RIDGE = 1.0  # the penalty, where a text's vector has the length 1
_LOGITS = 10.0  # what scores, of which the right one is to be 1, are multiplied with
_EXACT = 1e-3
_LEAST = 1e-9


def may_be_wide(space: LabelSpace, columns: Sequence[Sequence[str]]) -> bool:
    """Whether a linear model suits: one label of a few for each text, and no pairs of texts."""
    single = space.problem_type == "single_label_classification" and space.has_labels
    return single and len(space.names) <= MOST_WIDE and len(columns) == 1


def is_unsolved(backbone: Any, classes: int) -> bool:
    """Whether it has a wide part for so many classes that was not solved yet."""
    if not isinstance(backbone, EncoderBackbone) or backbone.config["wide_dim"] != classes:
        return False
    return not any(np.any(ops.convert_to_numpy(s)) for s in backbone.get_layer("wide").squares)


def learn_wide(
    backbone: EncoderBackbone,
    vocabulary: Sequence[str],
    batches: Iterable[Any],
    kernel: keras.Variable,
    bias: keras.Variable,
) -> None:
    """Solves the wide part of a classifier whose other parts are trained, and joins the two.

    It is ridge regression on TF-IDF of words, of their n-grams and of runs of words, with the
    labels as zeros and ones (Rifkin and Lippert, 2007, http://hdl.handle.net/1721.1/37318).
    What a word's n-grams say is added up in the row of the word, so that to predict takes no
    n-grams; an unknown word has those of the beginning that it shares with a known one. The
    classes' probabilities become the root of the product of what both parts say.

    Args:
        backbone: with a wide part of one score for each class.
        vocabulary: the tokens in the order of their ids.
        batches: of all rows, with labels.
        kernel, bias: of the head.
    """
    layer: WideScores = backbone.get_layer("wide")
    counts, labels, weights = _counted(layer, backbone.config, batches)
    made_of = _weighted(_words(layer, backbone, vocabulary), counts[0], layer.words)
    targets = np.eye(layer.dim, dtype="float32")[labels]
    targets -= np.average(targets, axis=0, weights=weights)
    for i, (scores, squares) in enumerate(_solved(counts, made_of, targets, weights)):
        layer.scores[i].assign(scores)
        layer.squares[i].assign(squares)
    both = ops.convert_to_numpy(kernel).copy()
    both[-layer.dim :] = _LOGITS * np.eye(layer.dim)
    kernel.assign(both / 2)
    bias.assign(ops.convert_to_numpy(bias) / 2)


def _solved(
    counts: Sequence[Any], made_of: Any, targets: np.ndarray, weights: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Ridge regression by conjugate gradients: for each table what it holds.

    Args:
        counts: how often the tokens, and the runs of each length, occur in each text.
        made_of: token -> the words and n-grams of which its vector is.
        targets: `(texts, classes)`.
        weights: `(texts,)`.
    """
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import LinearOperator, cg

    rarity, root, texts = [_rarity(c) for c in counts], np.sqrt(weights), []
    for counted, rare in zip(counts, rarity, strict=True):
        length = np.sqrt(np.maximum(counted @ rare**2, _LEAST))
        texts.append(diags_array(root / length) @ counted @ diags_array(rare))

    def rows(i: int, v: np.ndarray) -> np.ndarray:
        """What coefficients of texts mean for the rows of a table."""
        found = texts[i].T @ v
        return found if i else made_of @ (made_of.T @ found)

    def product(v: np.ndarray) -> np.ndarray:
        return sum(x @ rows(i, v) for i, x in enumerate(texts)) + _RIDGE * v

    system = LinearOperator((len(targets), len(targets)), matvec=product, dtype="float32")
    wanted = (targets * root[:, None]).T
    found = np.stack([cg(system, column, rtol=_EXACT)[0] for column in wanted], axis=1)
    seen = [_texts_with(counted) > 0 if i else 1 for i, counted in enumerate(counts)]
    return [(r[:, None] * rows(i, found), r**2 * seen[i]) for i, r in enumerate(rarity)]


def _counted(layer: WideScores, config: Any, batches: Iterable[Any]) -> tuple[Any, ...]:
    """How often tokens and runs occur in each row, sparse; its label and weight."""
    found, labels, weights = [], [], []
    texts = 0
    for inputs, targets, *given in batches:
        weight = given[0] if given else np.ones(len(targets), "float32")
        real = weight != FILL
        ids, mask = (ops.convert_to_tensor(inputs[k][real]) for k in ("token_ids", "padding_mask"))
        mask = words_of(ids, mask, config)
        row, inside = layer.token_rows(ids, mask)
        runs = [(row, ops.zeros_like(row), inside), *layer.run_rows(ids, mask)]
        found.append([_places(*arrays, texts) for arrays in runs])
        labels.append(targets[real])
        weights.append(weight[real])
        texts += len(labels[-1])
    counts = []
    for i, parts in enumerate(zip(*found, strict=True)):
        places = np.concatenate(parts, axis=1)
        if i:
            places = _of_the_most_frequent(places, layer.checks[i - 1])
        counts.append(_sparse(places, (texts, layer.squares[i].shape[0])))
    return counts, np.concatenate(labels), np.concatenate(weights)


def _places(row: Any, check: Any, inside: Any, first: int) -> np.ndarray:
    """The texts, rows and checks of what occurs in texts that are counted from `first`."""
    row, check, inside = map(ops.convert_to_numpy, (row, check, inside))
    text = np.broadcast_to(np.arange(first, first + len(row))[:, None], row.shape)
    return np.stack([array[inside > 0] for array in (text, row, check)])


def _of_the_most_frequent(places: np.ndarray, checks: keras.Variable) -> np.ndarray:
    """Gives each row to the most frequent of the runs that share it; leaves the others out."""
    _, rows, found = places
    (row, check), often = np.unique([rows, found], axis=1, return_counts=True)
    order = np.argsort(often, kind="stable")
    chosen = np.zeros(checks.shape, "int64")
    chosen[row[order]] = check[order]
    checks.assign(chosen)
    return places[:, chosen[rows] == found]


def _sparse(places: np.ndarray, shape: tuple[int, int]) -> Any:
    from scipy.sparse import csr_array

    texts, rows, _ = places
    found = csr_array((np.ones(len(texts), "float32"), (texts, rows)), shape=shape)
    found.sum_duplicates()
    return found


def _rarity(counts: Any) -> np.ndarray:
    """Smoothed inverse frequencies, one for each column."""
    return (np.log((1 + counts.shape[0]) / (1 + _texts_with(counts))) + 1).astype("float32")


def _texts_with(counts: Any) -> np.ndarray:
    return np.bincount(counts.indices, minlength=counts.shape[1])


def _words(
    layer: WideScores, backbone: EncoderBackbone, vocabulary: Sequence[str]
) -> list[list[str]]:
    """The n-grams of each row of the table of tokens."""
    special = set(backbone.family.special_tokens.values())
    words = vocabulary[: layer.words]
    found = [_grams(f"<{w}>") if len(w) > 1 and w not in special else [] for w in words]
    if not backbone.config["part_buckets"]:
        return found
    parts: WordParts = backbone.get_layer("word_parts")
    beginnings: dict[int, str] = {}
    for word, rows in zip(words, ops.convert_to_numpy(parts.rows).tolist(), strict=True):
        for length, row in zip(BEGINNINGS, rows, strict=False):
            beginnings.setdefault(row, word[:length])
    beginnings.pop(0, None)
    return found + [
        _grams(f"<{beginnings[row]}") if row in beginnings else []
        for row in range(parts.buckets + 1)
    ]


def _grams(word: str) -> list[str]:
    return [word[i : i + n] for n in _GRAMS for i in range(len(word) - n + 1)]


def _weighted(grams: Sequence[Sequence[str]], tokens: Any, words: int) -> Any:
    """What rows of the table of tokens are made of: the word itself, and its n-grams."""
    from scipy.sparse import csr_array, diags_array, eye_array, hstack

    numbers: dict[str, int] = {}
    columns = [numbers.setdefault(gram, len(numbers)) for row in grams for gram in row]
    starts = np.cumsum([0, *map(len, grams)])
    ones = np.ones(len(columns), "float32")
    shape = len(grams), max(len(numbers), 1)
    counts = csr_array((ones, np.array(columns, "int32"), starts), shape=shape)
    counts.sum_duplicates()
    # About as many texts have an n-gram as have its words.
    texts = np.minimum(_texts_with(tokens) @ counts, tokens.shape[0])
    counts = counts @ diags_array(np.log((1 + tokens.shape[0]) / (1 + texts)) + 1)
    lengths = np.sqrt(np.maximum((counts * counts).sum(axis=1), _LEAST))
    itself = eye_array(len(grams), words, format="csr")
    found = [itself, diags_array(_OF_GRAMS / lengths) @ counts]
    return hstack(found, format="csr", dtype="float32")
