"""How many rows the tables of pairs, parts and runs need for some texts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from hub_tasks.backbones import EncoderBackbone
from hub_tasks.layers import RUNS, in_runs, parts_of
from hub_tasks.tokenizers import Tokenizer, TrainedTokenizer

_SLICE = 1_000  # texts that are counted at a time
_MOST_WIDE = 2**17


def rows_for_pairs(most: int, tokenizer: Tokenizer, columns: Sequence[Sequence[str]]) -> int:
    """Twice as many as the texts have pairs of neighbouring tokens, so that few share a row."""
    pairs: set[tuple[int, int]] = set()
    words = len(tokenizer.vocabulary)  # ids from there on are of n-grams
    for texts in _token_ids(tokenizer, columns):
        for ids in texts:
            pairs.update(pairwise(id for id in ids if id < words))
        if 2 * len(pairs) >= most:
            return most
    return 2 * len(pairs)


def rows_for_runs(
    made_by: type[EncoderBackbone], tokenizer: TrainedTokenizer, columns: Sequence[Sequence[str]]
) -> int:
    """Twice as many as the texts have runs of characters, where a quarter of these stand in some.

    Texts of Chinese characters, with a name in other letters here and there, get none.
    """
    if tokenizer.options["unit"] != "character" or not (made_by.bag_alone or made_by.beside_bag):
        return 0
    stands = [in_runs(token) for token in tokenizer.vocabulary]
    runs: set[tuple[int, ...]] = set()
    characters = Counter[bool]()
    for texts in _token_ids(tokenizer, columns):
        for ids in texts:
            ids = [id for id in ids if id < len(stands)]
            characters.update(stands[id] for id in ids)
            for alike, group in groupby(ids, stands.__getitem__):
                found = list(group) if alike else []
                spans = [(i, i + n) for n in RUNS for i in range(len(found) - n + 1)]
                runs.update(tuple(found[start:end]) for start, end in spans)
        if 4 * characters[True] < characters.total():
            return 0
        if 2 * len(runs) >= made_by.most_runs:
            return made_by.most_runs
    return 2 * len(runs)


def rows_for_wide(longest: int, tokenizer: Tokenizer, columns: Sequence[Sequence[str]]) -> int:
    """As many as the texts have runs of the longest kind, so that few are left out."""
    runs: set[tuple[int, ...]] = set()
    for texts in _token_ids(tokenizer, columns) if longest > 1 else ():
        for ids in texts:
            runs.update(zip(*(ids[k:] for k in range(longest)), strict=False))
        if len(runs) >= _MOST_WIDE:
            return _MOST_WIDE
    return max(len(runs), 1) if longest > 1 else 0


def _token_ids(
    tokenizer: Tokenizer, columns: Sequence[Sequence[str]]
) -> Iterator[Sequence[Sequence[int]]]:
    """The ids of all texts, some at a time."""
    for column in columns:
        for start in range(0, len(column), _SLICE):
            yield tokenizer.tokenize(list(column[start : start + _SLICE]))


def rows_for_parts(made_by: type[EncoderBackbone], tokenizer: TrainedTokenizer) -> int:
    """One for each part that the words have; none beside pieces of words, or without a bag."""
    if not (made_by.bag_alone or made_by.beside_bag) or tokenizer.options["unit"] == "subword":
        return 0
    words = set(tokenizer.vocabulary) - set(tokenizer.special_tokens)
    parts = {part for word in words for part in parts_of(word) if part}
    return min(len(parts), made_by.most_parts)
