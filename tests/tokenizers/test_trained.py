"""Tokenizers that are trained from texts, and hashed n-grams."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import hub_tasks
from hub_tasks.errors import DataError, PresetFormatError
from hub_tasks.families import ENCODERS
from hub_tasks.tokenizers import Tokenizer, TrainedTokenizer, joined, splitting
from hub_tasks.tokenizers.long_texts import first_tokens

FAMILY = ENCODERS["average_embedding"]
SPECIAL = ("[PAD]", "[UNK]", "[SEP]")
TEXTS = ["A good, good film", "a bad film!", "good day"]
UNITS = ("word", "character", "subword", "token")
NGRAMS = {"word_ngrams": 2, "character_ngrams": (3, 4), "buckets": 50}


def train(texts=TEXTS, **options) -> TrainedTokenizer:
    return TrainedTokenizer.train(texts, FAMILY, **options)


def tokens(tokenizer, text: str) -> list[str]:
    return [tokenizer.id_to_token(i) for i in tokenizer(text)]


@pytest.mark.parametrize(
    ("unit", "text", "expected"),
    [
        ("word", "A GOOD film, again", ["a", "good", "film", ",", "[UNK]"]),
        ("character", "go do", ["g", "o", "d", "o"]),
        ("character", "gzo", ["g", "[UNK]", "o"]),
        ("token", "a good, good", ["a", "good,", "good"]),
        ("token", joined(["a", "good film"]), ["a", "[UNK]"]),
        ("word", joined(["a", "good film"]), ["a", "good", "film"]),
        ("word", "", []),
        ("character", "  \n", []),
        ("subword", "", []),
        ("token", "", []),
        ("token", joined([]), []),
        ("word", "\U0001f600 film", ["[UNK]", "film"]),
        ("word", "fi\u200dlm", ["film"]),
        ("word", "[UNK]", ["[UNK]"] * 3),  # brackets are marks like others
    ],
)
def test_how_texts_are_split(unit, text, expected):
    texts = [joined(text.split()) for text in TEXTS] if unit == "token" else TEXTS
    assert tokens(train(texts, unit=unit), text) == expected


def test_white_space_between_characters():
    marked = train(["a good film", "\u2581"], unit="character", space_marks=True)
    assert tokens(marked, " Go \n good ") == ["g", "o", "\u2581", "g", "o", "o", "d"]
    assert marked.detokenize(marked("Go  good")) == "go good"
    without = train(["agoodfilm"], unit="character", space_marks=True)
    assert without.options["space_marks"] is False
    assert tokens(without, "go od") == ["g", "o", "o", "d"]
    assert train(unit="word", space_marks=True).options["space_marks"] is False
    assert train(unit="character").options["space_marks"] is False


CASED = ["See Ada Lovelace at NASA", "an iPhone, a MacBook"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada at Nasa", ["ada", "at", "[CAP]", "nasa"]),
        ("see ADA LOVELACE", ["see", "[CAPS]", "ada", "[CAPS]", "lovelace"]),
        ("(Ada Lovelace)", ["[UNK]", "ada", "[CAP]", "lovelace", "[UNK]"]),  # the first run
        ("an IPhone, A MacBook", ["an", "iphone", ",", "a", "macbook"]),
        ("at [cap] nasa", ["at", "[UNK]", "[UNK]", "[UNK]", "nasa"]),  # a text's own
        ("see Zed", ["see", "[CAP]", "[UNK]"]),
        ("see nasa. Ada at Nasa", ["see", "nasa", "[UNK]", "ada", "at", "[CAP]", "nasa"]),
        ("see ! Ada at X. Nasa", ["see", "[UNK]", "ada", "at", "[UNK]", "[UNK]", "[CAP]", "nasa"]),
        ("", []),
    ],
)
def test_marks_say_how_words_were_written(text, expected):
    tokenizer = train(CASED, case_marks=True)
    assert tokenizer.options["case_marks"]
    for _ in range(2):  # from what is kept of runs as well
        assert tokens(tokenizer, text) == expected


def test_marked_words_read_as_they_were_written():
    tokenizer = train(CASED, case_marks=True)
    assert tokenizer.detokenize(tokenizer("see Ada, LOVELACE at Zed")) == (
        "see Ada , LOVELACE at [UNK]"
    )


@pytest.mark.parametrize("known", [{"[CAP]"}, {"[CAPS]"}, set()], ids=str)
def test_marks_that_training_did_not_show_are_not_set(known):
    texts = ["see Ada" if "[CAP]" in known else "see ada"]
    texts += ["at NASA" if "[CAPS]" in known else "at nasa"]
    tokenizer = train(texts, case_marks=True)
    assert tokenizer.options["case_marks"] == bool(known)
    assert {*tokens(tokenizer, "see NASA at Ada")} == {"see", "nasa", "at", "ada", *known}


@pytest.mark.parametrize(
    "options",
    [{"unit": "character"}, {"unit": "subword"}, {"unit": "token"}, {"lowercase": False}],
    ids=str,
)
def test_other_texts_have_no_marks(options):
    tokenizer = train(CASED, case_marks=True, **options)
    assert not tokenizer.options["case_marks"]
    known = (*SPECIAL, "[CAP]", "[CAPS]", "see")  # in a preset's vocabulary
    assert TrainedTokenizer(known, FAMILY, case_marks=True, **options).marks == ()
    assert tokenizer(CASED) == train(CASED, **options)(CASED)


def test_a_mark_has_no_ngrams_of_characters():
    options = {"word_ngrams": 2, "character_ngrams": (3, 3), "buckets": 1000}
    tokenizer = train(CASED, case_marks=True, **options)
    ids = tokenizer("at Ada")
    assert ids[:3] == [tokenizer.token_to_id(token) for token in ("at", "[CAP]", "ada")]
    assert len(ids) == 3 + len(["<at", "at>", "<ad", "ada", "da>"]) + 2


@pytest.mark.parametrize("unit", ["word", "character", "token"])
def test_ids_are_the_same_whether_they_are_kept_or_not(unit, monkeypatch):
    texts, found = [*TEXTS, "film", f"good {'!' * 101}"], []
    for kept in (0, 2, 100):
        monkeypatch.setattr(splitting, "_KEPT", kept)
        tokenizer = train(unit=unit)
        for text in texts:
            tokenizer(text).clear()  # what a caller does to them stays with the caller
        found.append(tokenizer(texts))
    assert all(found[0])
    assert found[0] == found[1] == found[2]


def test_the_most_frequent_come_first_and_the_rarest_are_left_out():
    assert train().vocabulary[:6] == (*SPECIAL, "good", "a", "film")
    assert train(max_vocabulary=5).vocabulary == (*SPECIAL, "good", "a")
    assert set(train(min_frequency=2).vocabulary) == {*SPECIAL, "good", "a", "film"}


def test_pieces_make_up_words():
    tokenizer = train(["low lower lowest", "new newer newest"] * 3, unit="subword")
    assert tokenizer.detokenize(tokenizer("lower newest")) == "lower newest"
    assert "[UNK]" not in tokens(tokenizer, "lowewest")
    assert tokens(tokenizer, "low") == ["low"]


@pytest.mark.parametrize("unit", UNITS)
def test_the_same_texts_give_the_same_vocabulary(unit):
    texts = [" ".join(c * n + d for c in "abcdefg" for n in (1, 2) for d in "xyz") for _ in "12"]
    found = {train(texts, unit=unit, max_vocabulary=45).vocabulary for _ in range(5)}
    assert len(found) == 1


@pytest.mark.parametrize("special", SPECIAL)
@pytest.mark.parametrize("unit", UNITS)
def test_special_tokens_in_texts_are_text(special, unit):
    texts = [*TEXTS, f"{special} good {special}"]
    vocabulary = train(texts, unit=unit).vocabulary
    assert vocabulary[:3] == SPECIAL
    assert len(set(vocabulary)) == len(vocabulary)
    assert train(texts, unit=unit)(special) != [SPECIAL.index(special)]


@pytest.mark.parametrize(
    "token", ["a\nb", "a\rb", "a\r", "\u2028", "a\x85b", "a\x0cb", " ", "\u3000", "a\0b", ""]
)
def test_tokens_that_no_line_of_a_file_can_hold_are_unknown(token, tmp_path):
    tokenizer = train([joined([token, "good"])] * 2)
    assert tokenizer.vocabulary == (*SPECIAL, "good")
    tokenizer.save_to_preset(tmp_path / "preset")
    assert Tokenizer.from_preset(tmp_path / "preset").vocabulary == tokenizer.vocabulary


@pytest.mark.parametrize("options", [{}, NGRAMS], ids=["plain", "ngrams"])
@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("unit", UNITS)
def test_what_is_saved_is_loaded(unit, lowercase, options, tmp_path):
    texts = [*TEXTS, *CASED, "\u4eca\u5929 e\u0301t\u00e9 \U0001f600 \u0130"]
    tokenizer = train(texts, unit=unit, lowercase=lowercase, case_marks=True, **options)
    tokenizer.save_to_preset(tmp_path / "preset")
    again = Tokenizer.from_preset(tmp_path / "preset")
    other = Tokenizer.from_config(tokenizer.get_config())
    for made in (again, other):
        assert made.get_config() == tokenizer.get_config()
        assert made(texts) == tokenizer(texts)
    assert again.vocabulary_size() == len(tokenizer.vocabulary) + tokenizer.options["buckets"]


# --- n-grams

WORDS = st.text(min_size=1, max_size=12) | st.sampled_from(
    ["don_t", "\u0939\u093f\u0902", "\u03a3"]
)


@given(st.lists(WORDS, min_size=1, max_size=6).map(" ".join), st.sampled_from(UNITS[:2]))
@example("\u0939\u093f\u0928\u094d\u0926\u0940 \u092e\u0947\u0902", "word")
@example("a\u200db \u00adx \u4e2d\u6587abc don_t \u03a3\u0391\u03a3 \u0130", "word")
@settings(max_examples=150, deadline=None)
def test_with_ngrams_words_are_those_of_the_vocabulary(text, unit):
    try:
        text.encode()
        plain = train([text], unit=unit)
    except (UnicodeEncodeError, DataError):
        return
    with_ngrams = TrainedTokenizer(plain.vocabulary, FAMILY, unit, **NGRAMS)
    words, ids = plain(text), with_ngrams(text)
    assert ids[: len(words)] == words
    assert all(i >= len(plain.vocabulary) for i in ids[len(words) :])
    assert max(ids) < with_ngrams.vocabulary_size()
    assert ids == with_ngrams(text)  # from what is kept of words as well


def test_ids_of_ngrams_are_crc32():
    """So that they are the same in every process and version."""
    from zlib import crc32

    tokenizer = train(unit="word", word_ngrams=1, character_ngrams=(3, 4), buckets=1000)
    first = len(tokenizer.vocabulary)
    grams = ["<da", "day", "ay>", "<day", "day>"]
    expected = [first + crc32(gram.encode()) % 1000 for gram in grams]
    assert tokenizer("day") == [tokenizer.token_to_id("day"), *expected]


def test_a_whole_word_is_no_ngram_of_its_own():
    tokenizer = train(["a by day"], word_ngrams=1, character_ngrams=(3, 4), buckets=1000)
    counts = {word: len(tokenizer(word)) for word in ("a", "by", "day")}
    assert counts == {"a": 1, "by": 1 + len(["<by", "by>"]), "day": 1 + 3 + 2}


@pytest.mark.parametrize(
    ("ngrams", "has"),
    [((1, (3, 5)), False), ((1, (2, 3)), True), ((2, (3, 5)), True), ((1, (0, 0)), False)],
)
def test_where_there_are_no_ngrams_they_have_no_ids(ngrams, has):
    word_ngrams, character_ngrams = ngrams
    tokenizer = train(
        ["很好看", "难看"],
        word_ngrams=word_ngrams,
        character_ngrams=character_ngrams,
        buckets=1000,
    )
    assert tokenizer.options["unit"] == "character"
    assert (tokenizer.vocabulary_size() > len(tokenizer.vocabulary)) == has
    assert (len(tokenizer("好看")) > 2) == has


def test_runs_of_words_know_their_order():
    tokenizer = train(word_ngrams=3, buckets=10_000)
    forth, back = tokenizer("good film day"), tokenizer("day film good")
    assert len(forth) == len(back) == 3 + 2 + 1
    assert not set(forth[3:]) & set(back[3:])
    assert tokenizer("good film")[2:] == forth[3:4]


def test_words_that_were_never_seen_share_their_ngrams():
    tokenizer = train(word_ngrams=1, character_ngrams=(3, 5), buckets=10_000)
    unknown = tokenizer.special_ids["unknown"]
    seen, unseen = tokenizer("goodness"), tokenizer("goodish")
    assert seen[0] == unseen[0] == unknown
    assert len(set(seen[1:]) & set(unseen[1:])) >= 3


# --- bad and large input


@pytest.mark.parametrize("options", [{}, NGRAMS], ids=["plain", "ngrams"])
@pytest.mark.parametrize("unit", UNITS)
def test_huge_texts_give_their_first_tokens(unit, options):
    tokenizer = train(unit=unit, **options)
    tokenize = first_tokens(tokenizer, 64)
    for huge in ("good film " * 100_000, "good" * 100_000):
        start = tokenizer([huge[:2000]])[0][:64] if " " in huge or unit == "character" else None
        found = tokenize([huge, "good"])
        assert found[1] == tokenizer("good")
        if start is not None and unit != "subword":
            assert found[0][:64] == start
    words = [joined(["good", "film"] * 50_000)]
    assert tokenize(words)[0][:64] == tokenizer([joined(["good", "film"] * 40)])[0][:64]


@pytest.mark.parametrize("texts", [[], [""], [" \n"], [joined([])], [joined([" "])]])
@pytest.mark.parametrize("unit", ["auto", *UNITS])
def test_texts_without_a_token(texts, unit):
    with pytest.raises(DataError, match=r"empty vocabulary.*Received: texts="):
        train(texts, unit=unit)


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ([*SPECIAL, "a", "a"], "has a token twice.*'a'"),
        (["a", "[PAD]", "[UNK]"], r"lacks the special tokens \[SEP\]"),
    ],
)
def test_vocabularies_that_are_refused(vocabulary, message):
    with pytest.raises(PresetFormatError, match=message):
        TrainedTokenizer(vocabulary, FAMILY)


def test_a_tokenizer_of_one_encoder_serves_another():
    tokenizer = train()
    preprocessor = hub_tasks.TextClassifierPreprocessor(tokenizer, 8, family=ENCODERS["cnn"])
    assert preprocessor(["good film"])["token_ids"].shape == (1, 8)
