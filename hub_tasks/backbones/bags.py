"""The bags of a text: words, n-grams, parts of words, runs; how those of two texts compare."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from keras import ops

from hub_tasks.backbones.token_vectors import TokenVectors, words_of
from hub_tasks.layers import Overlap, comparison


class Bag(NamedTuple):
    """Some of a text's vectors.

    Args:
        vectors: `(batch, length, dim)`.
        ids: what they are of, `(batch, length)`, or `(batch, length, n)` for sums of several.
        mask: `(batch, length)`, true where there is one.
    """

    vectors: Any
    ids: Any
    mask: Any


def bags_of(
    inputs: Mapping[str, Any], vectors: TokenVectors, config: Mapping[str, Any]
) -> list[Bag]:
    """The bags that an encoder's configuration says; that of words comes first."""
    tokens = inputs["token_ids"], inputs["padding_mask"]
    mask, words = (ops.cast(x, "bool") for x in (tokens[1], words_of(*tokens, config)))
    x, pairs = vectors.tokens, vectors.pairs
    bags = [Bag(x if pairs is None else x + pairs, tokens[0], words)]
    if config["ngram_rows"]:
        bags.append(Bag(x, tokens[0], mask & ~words))
    return bags + [Bag(*parts, mask) for parts in vectors.parts]


def compared(token_ids: Any, bags: Sequence[Bag], config: Mapping[str, Any]) -> list[Any]:
    """How the bags of a pair's two texts relate, `(batch, dim)` each."""
    first, second = _texts_of(token_ids, config["pair_separator"])
    found = [comparison(bag, mask & first, mask & second) for bag, _, mask in bags]
    if config["overlap_entries"]:
        overlap = Overlap(config["overlap_entries"], name="overlap")
        found += [overlap(ids, mask & first, mask & second) for _, ids, mask in bags]
    return found


def _texts_of(token_ids: Any, separator: int) -> tuple[Any, Any]:
    """The places of the first and of the second text of a pair, padding among the latter."""
    separators = ops.equal(token_ids, separator)
    after = ops.cumsum(ops.cast(separators, "int32"), axis=1) > 0
    return ~after, after & ~separators
