"""Ids of words, and of words that no training text had."""

from collections.abc import Mapping

from hub_tasks.layers import BEGINNINGS


class IdsOfWords(dict[str, int]):
    """Word -> id, unknown words too.

    Args:
        ids: the known words, the frequent ones first.
        unknown: the id of others.
        beginnings: whether an unknown word has the id of a known one that begins alike, plus
            the number of known words times how many beginnings they share. `WordParts` reads it.
    """

    def __init__(self, ids: Mapping[str, int], unknown: int, beginnings: bool):
        super().__init__(ids)
        self._unknown = unknown
        self._known: dict[str, int] = {}
        if beginnings:
            for word, number in ids.items():
                for length in BEGINNINGS:
                    if len(word) >= length:
                        self._known.setdefault(word[:length], number)

    def __missing__(self, word: str) -> int:
        for shared, length in reversed([*enumerate(BEGINNINGS, 1)]):
            if len(word) >= length and word[:length] in self._known:
                return shared * len(self) + self._known[word[:length]]
        return self._unknown
