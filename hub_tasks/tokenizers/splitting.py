"""Texts -> words, characters, or the tokens that they came as."""

import re
import string
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice

from hub_tasks.errors import DataError, received
from hub_tasks.presets.schema import UNITS

BEFORE_TOKEN = "\ufdd0"  # a noncharacter, which no text holds
SPACE = "\u2581"  # in place of white space between characters, as in SentencePiece
CAPITALIZED, CAPITALS = CASE_MARKS = ("[CAP]", "[CAPS]")  # no tokens of texts: "[" is one
_SAMPLE = 1_000  # texts by which their script is judged
_KEPT, _LONGEST_KEPT = 100_000, 100  # runs whose ids are kept, and their characters
# Scripts that put no space between words: Thai, Lao, Burmese, Khmer, kana, Han.
_WITHOUT_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_LETTER = re.compile(r"[^\W\d_]")
# Soft hyphens, joiners, directions and byte-order marks, as BERT leaves them out.
_INVISIBLE = dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF])


def joined(tokens: Sequence[str]) -> str:
    """A text that came as a list of tokens, as one string."""
    return "".join(BEFORE_TOKEN + token for token in tokens)


def unit_for(texts: Sequence[str]) -> str:
    """ "character" where most letters are of a script without spaces, "token" for lists of
    tokens, else "word"."""
    sample = list(islice(texts, _SAMPLE))
    if any(text.startswith(BEFORE_TOKEN) for text in sample):
        return "token"
    letters = sum(len(_LETTER.findall(text)) for text in sample)
    without = sum(len(_WITHOUT_SPACES.findall(text)) for text in sample)
    return "character" if 2 * without > letters else "word"


def plain(text: str) -> str:
    """A text as it reads, with spaces between its tokens where it came as a list of them."""
    return text.replace(BEFORE_TOKEN, " ") if text.startswith(BEFORE_TOKEN) else text


class Splitter:
    """Takes texts apart in two steps: at white space, and what stands between.

    It is faster here than in Rust, whose library also says where in a text each token was.

    Args:
        unit: as in `TrainedTokenizer`.
        lowercase: whether texts are lower-cased first.
        case_marks: which of `CASE_MARKS` stand before lower-cased words that were not in lower
            case, but for those that begin a sentence.
        space_marks: whether `SPACE` stands between characters where white space does.

    Attributes:
        find: a run of characters -> its tokens.
        case_marks: those that it sets, which words alone have.
    """

    def __init__(
        self,
        unit: str,
        lowercase: bool,
        case_marks: Collection[str] = (),
        space_marks: bool = False,
    ):
        if unit not in UNITS:
            raise DataError(f"`unit` must be one of {', '.join(UNITS)}. {received(unit=unit)}")
        self._unit, self._lowercase = unit, lowercase
        self._between = SPACE if space_marks else ""
        self.case_marks = tuple(case_marks) if lowercase and unit == "word" else ()
        whole = unit in ("character", "token")
        self.find: Callable[[str], list[str]] = _itself if whole else _word_pattern().findall
        if self.case_marks:
            self.find = self._find_and_mark

    def runs(self, text: str) -> Sequence[str]:
        """What stands between white space; or characters, or the tokens that a text came as."""
        if not text.isascii():
            text = unicodedata.normalize("NFC", text.translate(_INVISIBLE))
        if self._lowercase and not self.case_marks:
            text = text.lower()
        if text.startswith(BEFORE_TOKEN):
            if self._unit == "token":
                return text.split(BEFORE_TOKEN)[1:]
            text = plain(text)
        if self._unit == "character":
            return self._between.join(text.split())
        runs = text.split()
        if self.case_marks and runs:
            _begin_small(runs, text)
        return runs

    def tokens(self, text: str) -> list[str]:
        """Characters, words and marks, or the tokens that a text came as."""
        return [token for run in self.runs(text) for token in self.find(run)]

    def _find_and_mark(self, run: str) -> list[str]:
        tokens = []
        for token in _word_pattern().findall(run):
            if len(token) > 1 and not token[0].islower():  # single letters say little
                mark = CAPITALS if token.isupper() else CAPITALIZED if token.istitle() else ""
                tokens += [mark] if mark in self.case_marks else []
            tokens.append(token.lower())
        return tokens


class IdsOfRuns(dict[str, list[int]]):
    """Runs of a `Splitter` -> the ids of their tokens.

    Texts are made of the same ones over and over, and to look them up takes half the time.

    Args:
        find: a run -> its tokens.
        ids: token -> id, of unknown ones too.
    """

    def __init__(self, find: Callable[[str], list[str]], ids: Mapping[str, int]):
        super().__init__()
        self._find, self._ids = find, ids

    def __missing__(self, run: str) -> list[int]:
        ids = [self._ids[token] for token in self._find(run)]
        if len(self) < _KEPT and len(run) <= _LONGEST_KEPT:
            self[run] = ids
        return ids


def _itself(run: str) -> list[str]:
    return [run]


def _begin_small(runs: list[str], text: str) -> None:
    """Lower-cases the runs of a text that begin a sentence, in place."""
    body = text[:-1]
    if "." in body or "!" in body or "?" in body:  # else no sentence ends within the text
        for i in range(len(runs) - 1, 0, -1):
            before = runs[i - 1]
            if before[-1] in ".!?" and len(before) != 2:  # the point of an initial ends nothing
                runs[i] = runs[i].lower()
    runs[0] = runs[0].lower()


def cased(tokens: Iterable[str]) -> Iterator[str]:
    """Tokens as they were before `Splitter` took them for marks and lower case."""
    mark = ""
    for token in tokens:
        if token in CASE_MARKS:
            mark = token
            continue
        if mark and token.islower():
            token = token.upper() if mark == CAPITALS else token.title()
        yield token
        mark = ""


@cache
def _word_pattern() -> re.Pattern[str]:
    """Words, and marks and Chinese characters on their own, as BERT splits texts."""
    marks = [c for c in map(chr, range(0x10000)) if unicodedata.category(c)[0] in "PS"]
    mark = re.escape("".join(sorted({*marks, *string.punctuation})))
    alone = f"{mark}\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U0001f000-\U0002ffff"
    return re.compile(rf"[^\s{alone}]+|[{alone}]")
