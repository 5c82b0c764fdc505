"""Hashed n-grams of words and of characters, in the manner of fastText.

References: Joulin et al., 2016, https://arxiv.org/abs/1607.01759; Bojanowski et al., 2016,
https://arxiv.org/abs/1607.04606.
"""

from collections.abc import Mapping, Sequence
from zlib import crc32

from hub_tasks.tokenizers.splitting import CASE_MARKS

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
        self._cache: dict[str, tuple[int, int, list[int]]] = {}

    def __call__(self, words: Sequence[str]) -> list[int]:
        """The ids of a text, those of its words first."""
        ids: list[int] = []
        hashes: list[int] = []
        grams: list[int] = []
        for word in words:
            known = self._cache.get(word) or self._read(word)
            hashes.append(known[0])
            ids.append(known[1])
            grams += known[2]
        runs = hashes
        for length in range(2, self._longest_run + 1):
            following = zip(runs, hashes[length - 1 :], strict=False)
            runs = [(run * _MIX ^ last) & 0xFFFFFFFF for run, last in following]
            grams += [self._first + run % self._buckets for run in runs]
        return ids + grams

    def _read(self, word: str) -> tuple[int, int, list[int]]:
        """The hash of a word, its id, and the ids of its n-grams."""
        grams: list[int] = []
        if self._longest and word not in CASE_MARKS:
            bounded = f"<{word[:100]}>"
            for length in range(self._shortest, min(self._longest, len(bounded) - 1) + 1):
                grams += [
                    self._first + crc32(bounded[i : i + length].encode()) % self._buckets
                    for i in range(len(bounded) - length + 1)
                ]
        known = crc32(word.encode()), self._ids.get(word, self._unknown), grams
        if len(self._cache) < _CACHED:
            self._cache[word] = known
        return known
