"""Hashed n-grams of words and of characters, in the manner of fastText.

References: Joulin et al., 2016, https://arxiv.org/abs/1607.01759; Bojanowski et al., 2016,
https://arxiv.org/abs/1607.04606.
"""

from collections.abc import Mapping, Sequence
from zlib import crc32

_CACHED = 200_000  # words whose n-grams are kept
_MIX = 0x9E3779B1  # 2^32 over the golden ratio: neighbours far apart


class Ngrams:
    """Words -> ids: of each word, of the n-grams of its characters, of runs of words.

    Args:
        ids: word -> id.
        word_ngrams: the longest run of words, 1 for none.
        character_ngrams: the shortest and the longest n-gram of characters; (0, 0) for none.
            One that is a whole word is left out, since the word has an id.
        buckets: how many ids the n-grams share by their hash; they follow those of `ids`.
    """

    def __init__(
        self,
        ids: Mapping[str, int],
        word_ngrams: int,
        character_ngrams: tuple[int, int],
        buckets: int,
        unknown: int,
    ):
        self._ids, self._first, self._buckets = ids, len(ids), buckets
        self._unknown = unknown
        self._longest_run = word_ngrams
        self._shortest, self._longest = character_ngrams
        self._cache: dict[str, tuple[int, list[int]]] = {}

    def __call__(self, words: Sequence[str]) -> list[int]:
        """The ids of a text, those of its words first."""
        hashes, ids, grams = [], [], []
        for word in words:
            known = self._cache.get(word) or self._read(word)
            hashes.append(known[0])
            ids.append(known[1][0])
            grams += known[1][1:]
        for length in range(2, self._longest_run + 1):
            for i in range(len(hashes) - length + 1):
                mixed = hashes[i]
                for j in range(i + 1, i + length):
                    mixed = (mixed * _MIX ^ hashes[j]) & 0xFFFFFFFF
                grams.append(self._first + mixed % self._buckets)
        return ids + grams

    def _read(self, word: str) -> tuple[int, list[int]]:
        """The hash of a word, its id, and those of its n-grams."""
        ids = [self._ids.get(word, self._unknown)]
        if self._longest:
            bounded = f"<{word[:100]}>"
            for length in range(self._shortest, min(self._longest, len(bounded) - 1) + 1):
                ids += [
                    self._first + crc32(bounded[i : i + length].encode()) % self._buckets
                    for i in range(len(bounded) - length + 1)
                ]
        known = crc32(word.encode()), ids
        if len(self._cache) < _CACHED:
            self._cache[word] = known
        return known
