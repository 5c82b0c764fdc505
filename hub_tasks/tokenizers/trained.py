"""Tokenizers whose vocabulary comes from the texts at hand."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from hub_tasks.errors import DataError, PresetFormatError, received
from hub_tasks.families import Family
from hub_tasks.layers import BEGINNINGS
from hub_tasks.presets import AddedToken
from hub_tasks.presets.schema import check_integer, check_split
from hub_tasks.tokenizers.ngrams import Ngrams
from hub_tasks.tokenizers.splitting import (
    CASE_MARKS,
    SPACE,
    IdsOfRuns,
    Splitter,
    cased,
    plain,
    unit_for,
)
from hub_tasks.tokenizers.tokenizer import TOKENIZERS, Tokenizer
from hub_tasks.tokenizers.unknown_words import IdsOfWords

_LONGEST_WORD = 100  # characters
_LARGEST_VOCABULARY = 4_000_000


class TrainedTokenizer(Tokenizer):
    """Splits texts into words, characters or trained pieces of words.

    Args:
        vocabulary: the tokens in the order of their ids.
        unit: "word" (words and punctuation marks), "character", "subword" (WordPiece), or
            "token" for texts that come as lists of tokens; a string is then split at spaces.
        lowercase: whether texts are lower-cased.
        word_ngrams: the longest run of tokens with an id of its own, by hash; 1 for none.
        character_ngrams: the shortest and longest n-gram of a token's characters with an id
            of its own, by hash; (0, 0) for none.
        buckets: how many ids these n-grams share.
        unknown_beginnings: whether the id of an unknown word says which known one begins alike;
            see `hub_tasks.layers.WordParts`. Such ids begin where the vocabulary ends.
        case_marks: whether a token before each word of a lower-cased text that begins no
            sentence says that it was capitalized ("[CAP]") or in capitals ("[CAPS]"), if the
            vocabulary has such tokens; after Howard and Gugger, 2020,
            https://arxiv.org/abs/2002.04688. Single letters and other units have none.
        space_marks: whether a token between characters says that white space stands there, if
            the vocabulary has it ("\u2581", as in SentencePiece). Other units have none.
        family: the encoder family.

    Attributes:
        marks: the tokens that `case_marks` sets.

    Example:

    >>> from hub_tasks.families import ENCODERS
    >>> from hub_tasks.tokenizers import TrainedTokenizer
    >>> tokenizer = TrainedTokenizer.train(["A good film"], ENCODERS["cnn"])
    >>> [tokenizer.id_to_token(i) for i in tokenizer("a GOOD book")]
    ['a', 'good', '[UNK]']
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        family: Family,
        unit: str = "word",
        lowercase: bool = True,
        word_ngrams: int = 1,
        character_ngrams: tuple[int, int] = (0, 0),
        buckets: int = 0,
        unknown_beginnings: bool = False,
        case_marks: bool = False,
        space_marks: bool = False,
        special_tokens_in_strings: bool = False,
        added_tokens: Sequence[AddedToken] = (),
    ):
        options = {
            "unit": unit,
            "lowercase": lowercase,
            "word_ngrams": word_ngrams,
            "character_ngrams": tuple(character_ngrams),
            "buckets": buckets,
            "unknown_beginnings": unknown_beginnings,
            "case_marks": case_marks,
            "space_marks": space_marks,
            "special_tokens_in_strings": special_tokens_in_strings,
            "added_tokens": tuple(added_tokens),
        }
        super().__init__(vocabulary, family, options)
        unknown = family.special_tokens["unknown"]
        self._unknown = self._ids[unknown]
        marks = [mark for mark in CASE_MARKS if mark in self._ids] if case_marks else []
        self._splitter = Splitter(unit, lowercase, marks, space_marks and SPACE in self._ids)
        self.marks = self._splitter.case_marks
        words = IdsOfWords(self._ids, self._unknown, unknown_beginnings)
        self._ids_of = IdsOfRuns(self._splitter.find, words)
        self._ngrams: Ngrams | None = None
        if unit == "subword":
            self.rust = _wordpiece(lowercase, unknown, self._pieces)
            self._add_tokens()
        if buckets:
            sizes = word_ngrams, tuple(character_ngrams), buckets
            self._ngrams = Ngrams(self._ids, *sizes, self._unknown)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        family: Family,
        unit: str = "auto",
        lowercase: bool = True,
        max_vocabulary: int = 30_000,
        min_frequency: int = 1,
        case_marks: bool = False,
        space_marks: bool = False,
        **ngrams: object,
    ) -> "TrainedTokenizer":
        """Makes the vocabulary of some texts.

        Args:
            texts: strings, or lists of tokens as `joined` makes them.
            family: the encoder family.
            unit: see the class; "auto" for characters where most letters are of a script
                without spaces (Chinese, Japanese, Thai, ...), else words.
            lowercase: see the class.
            max_vocabulary: the most tokens, special ones included; the rarest are left out.
            min_frequency: tokens that are rarer are left out.
            case_marks, space_marks: see the class; without any in the texts there are none later
                on.
            **ngrams: `word_ngrams`, `character_ngrams` and `buckets` of the class.

        Raises:
            DataError: the texts hold no token, or an argument is of another type or range.
        """
        texts = list(texts)
        unit = unit_for(texts) if unit == "auto" else unit
        options = {"unit": unit, "lowercase": lowercase}
        options |= {"case_marks": case_marks, "space_marks": space_marks}
        _check(family, options, max_vocabulary, min_frequency, ngrams)
        special = list(family.special_tokens.values())
        if unit == "subword":
            found = _train_pieces(texts, family, lowercase, max_vocabulary, min_frequency)
        else:
            marks = CASE_MARKS if case_marks else ()
            split = Splitter(unit, lowercase, marks, space_marks).tokens
            counts = Counter(chain.from_iterable(map(split, texts)))
            frequent = [token for token, count in counts.items() if count >= min_frequency]
            found = sorted(frequent, key=lambda token: (-counts[token], token))
        tokens = [token for token in found if token not in special and _can_be_saved(token)]
        if not tokens:
            raise DataError(
                "The texts give an empty vocabulary: no text holds a token that is frequent "
                f"enough. {received(texts=len(texts), min_frequency=min_frequency, unit=unit)}"
            )
        vocabulary = [*special, *tokens][:max_vocabulary]
        marked = not {*CASE_MARKS}.isdisjoint(vocabulary)
        options["case_marks"] = case_marks and unit == "word" and marked
        options["space_marks"] = space_marks and unit == "character" and SPACE in vocabulary
        made = cls(vocabulary, family, **options, **ngrams)  # type: ignore[arg-type]
        return made if made._has_ngrams() else made._with(buckets=0)

    def _has_ngrams(self) -> bool:
        """Whether any text has n-grams; of a character and its bounds none has more than two."""
        shortest, longest = self.options["character_ngrams"]
        of_characters = longest > 0 and (self.options["unit"] != "character" or shortest <= 2)
        return of_characters or self.options["word_ngrams"] > 1

    def _with(self, **options: object) -> "TrainedTokenizer":
        changed = {**self.options, **options}
        return type(self)(self.vocabulary, self.family, **changed)  # type: ignore[arg-type]

    def with_beginnings(self) -> "TrainedTokenizer":
        """The same tokenizer, with `unknown_beginnings`."""
        return self._with(unknown_beginnings=True)

    def id_to_token(self, id: int) -> str:
        """The token with this id; the unknown one for a word that begins as a known one."""
        size, kinds = len(self.vocabulary), 1 + len(BEGINNINGS)
        if self.options["unknown_beginnings"] and size <= id < kinds * size:
            id = self._unknown
        return super().id_to_token(id)

    def vocabulary_size(self) -> int:
        """The number of ids, hashed n-grams included."""
        return len(self.vocabulary) + self.options["buckets"]

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text; with n-grams, those of its words and then of the others."""
        if self.options["unit"] == "subword" and self._ngrams is None:
            return super().tokenize([plain(text) for text in texts])
        if self._ngrams is not None:
            return [self._ngrams(self._splitter.tokens(text)) for text in texts]
        tokenized = []
        for text in texts:
            ids: list[int] = []
            for run in self._splitter.runs(text):
                ids += self._ids_of[run]
            tokenized.append(ids)
        return tokenized

    def detokenize(self, ids: Sequence[int]) -> str:
        """A text that has these tokens; white space may differ from the original's."""
        if self.options["unit"] == "subword":
            return super().detokenize(ids)
        between = "" if self.options["unit"] == "character" else " "
        tokens = (self.id_to_token(int(i)) for i in ids)
        text = between.join(cased(tokens) if self.marks else tokens)
        return text.replace(SPACE, " ") if self.options["space_marks"] else text


def _check(
    family: Family,
    split: Mapping[str, Any],
    max_vocabulary: Any,
    min_frequency: Any,
    ngrams: Mapping[str, Any],
) -> None:
    where, least = "The vocabulary", len(family.special_tokens) + 1
    options = {"word_ngrams": 1, "character_ngrams": (0, 0), "buckets": 0, **ngrams}
    try:
        check_split({**options, **split}, where, "")
        check_integer(max_vocabulary, where, "max_vocabulary", least, _LARGEST_VOCABULARY)
        check_integer(min_frequency, where, "min_frequency", 0, 2**31)
    except PresetFormatError as error:
        raise DataError(str(error)) from None


def _train_pieces(
    texts: list[str], family: Family, lowercase: bool, max_vocabulary: int, min_frequency: int
) -> list[str]:
    """Pieces of words in the order of their ids."""
    texts = [plain(text) for text in texts]
    rust = _wordpiece(lowercase, family.special_tokens["unknown"], {})
    trainer = trainers.WordPieceTrainer(
        vocab_size=max_vocabulary,
        min_frequency=min_frequency,
        special_tokens=[*family.special_tokens.values(), *_continuing(texts, lowercase)],
        show_progress=False,
    )
    rust.train_from_iterator(texts, trainer)
    ids = rust.get_vocab()
    return sorted(ids, key=ids.__getitem__)


def _wordpiece(lowercase: bool, unknown: str, vocabulary: dict[str, int]) -> tokenizers.Tokenizer:
    rust = tokenizers.Tokenizer(
        models.WordPiece(vocabulary, unk_token=unknown, max_input_chars_per_word=_LONGEST_WORD)
    )
    rust.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=lowercase
    )
    rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    rust.decoder = decoders.WordPiece()
    return rust


def _continuing(texts: list[str], lowercase: bool) -> list[str]:
    """All pieces of one character within a word, in one order.

    The library numbers them as they come out of a hash table, another order in each run, and
    of pieces that are equally frequent takes those of the lower numbers.
    """
    words = set(chain.from_iterable(map(Splitter("word", lowercase).tokens, texts)))
    return sorted({"##" + character for word in words for character in word[1:]})


def _can_be_saved(token: str) -> bool:
    """Vocabulary files have one token a line."""
    return bool(token.strip()) and token.splitlines() == [token] and "\0" not in token


TOKENIZERS.register("trained", TrainedTokenizer)
