"""WordPiece as BERT uses it: the behaviour of the class."""

import pytest

import hub_tasks
from hub_tasks.errors import DataError, PresetFormatError

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [
    "good",
    "##ness",
    "##es",
    "caf\u00e9",
    "cafe",
    "Good",
    "movie",
    "!",
    "[",
    "]",
    "sep",
    "\u4e2d",
]
VOCABULARY = [*SPECIAL, *WORDS]


def tokens(text, vocabulary=VOCABULARY, **options):
    tokenizer = hub_tasks.BertTokenizer(vocabulary, **options)
    return [tokenizer.id_to_token(i) for i in tokenizer(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("good", ["good"]),
        ("goodness", ["good", "##ness"]),
        ("goodnesses", ["good", "##ness", "##es"]),
        ("goodly", ["[UNK]"]),
        ("ness", ["[UNK]"]),
        ("  good\tmovie\n", ["good", "movie"]),
        ("good!movie", ["good", "!", "movie"]),
        ("good\u4e2dgood", ["good", "\u4e2d", "good"]),
        ("go\u200bod", ["good"]),
        ("go\x07od", ["good"]),
        ("", []),
        (" \u3000", []),
        ("x" * 101, ["[UNK]"]),
    ],
    ids=ascii,
)
def test_words_and_pieces(text, expected):
    assert tokens(text) == expected


def test_a_word_of_more_than_a_hundred_characters_is_unknown():
    vocabulary = [*SPECIAL, "a", "##a"]
    assert tokens("a" * 100, vocabulary) == ["a"] + ["##a"] * 99
    assert tokens("a" * 101, vocabulary) == ["[UNK]"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["Good", "caf\u00e9"]),
        ({"lowercase": True}, ["good", "caf\u00e9"]),
        ({"strip_accents": True}, ["Good", "cafe"]),
        ({"strip_accents": None}, ["Good", "caf\u00e9"]),
        ({"lowercase": True, "strip_accents": None}, ["good", "cafe"]),
        ({"lowercase": True, "strip_accents": True}, ["good", "cafe"]),
        ({"lowercase": True, "strip_accents": False}, ["good", "caf\u00e9"]),
    ],
    ids=str,
)
def test_case_and_accents(options, expected):
    assert tokens("Good caf\u00e9", **options) == expected


@pytest.mark.parametrize(
    ("text", "standing_for_themselves", "as_text"),
    [
        ("good [SEP] good", ["good", "[SEP]", "good"], ["good", "[", "sep", "]", "good"]),
        ("good[SEP]good", ["good", "[SEP]", "good"], ["good", "[", "sep", "]", "good"]),
        ("[PAD]", ["[PAD]"], ["[", "[UNK]", "]"]),
        ("[sep]", ["[", "sep", "]"], ["[", "sep", "]"]),
    ],
)
def test_special_tokens_in_strings(text, standing_for_themselves, as_text):
    assert tokens(text, lowercase=True, special_tokens_in_strings=True) == standing_for_themselves
    assert tokens(text, lowercase=True) == as_text


def test_other_suffix_indicator_and_unknown_token():
    vocabulary = [*SPECIAL, "good", "_ness", "<oov>"]
    given = {"suffix_indicator": "_", "oov_token": "<oov>"}
    assert tokens("goodness bad", vocabulary, **given) == ["good", "_ness", "<oov>"]


@pytest.mark.parametrize(
    ("vocabulary", "options", "message"),
    [
        (["[PAD]", "[UNK]", "good"], {}, r"lacks the special tokens \[CLS\], \[SEP\], \[MASK\]"),
        ([], {}, "lacks the special tokens"),
        ([*SPECIAL, "good", "bad", "good"], {}, "a token twice. Received: token='good'"),
        (VOCABULARY, {"oov_token": "<oov>"}, "`oov_token` must be in the vocabulary.*'<oov>'"),
    ],
    ids=["special tokens missing", "empty", "a token twice", "unknown token missing"],
)
def test_vocabularies_that_do_not_do(vocabulary, options, message):
    with pytest.raises(PresetFormatError, match=message):
        hub_tasks.BertTokenizer(vocabulary, **options)


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("as_path", [str, lambda path: path], ids=["str", "Path"])
def test_a_vocabulary_file_has_a_token_a_line(tmp_path, newline, end, as_path):
    lines = [*VOCABULARY, "\u2028", "\x85"]  # line breaks to str.splitlines, tokens here
    path = tmp_path / "vocab.txt"
    path.write_bytes((newline.join(lines) + end).encode())
    assert hub_tasks.BertTokenizer(as_path(path)).get_vocabulary() == lines


def test_ids_and_tokens():
    tokenizer = hub_tasks.BertTokenizer(VOCABULARY)
    assert tokenizer.vocabulary_size() == len(VOCABULARY)
    assert [tokenizer.token_to_id(token) for token in VOCABULARY] == list(range(len(VOCABULARY)))
    assert [tokenizer.id_to_token(i) for i in range(len(VOCABULARY))] == VOCABULARY
    assert tokenizer.special_ids["start"] == 2
    assert tokenizer.special_ids["end"] == 3
    assert tokenizer.special_ids["pad"] == 0


@pytest.mark.parametrize("id", [-1, len(VOCABULARY)])
def test_no_such_id(id):
    with pytest.raises(ValueError, match=rf"Ids go from 0 to 16. Received: id={id}"):
        hub_tasks.BertTokenizer(VOCABULARY).id_to_token(id)


def test_no_such_token():
    with pytest.raises(ValueError, match=r"Not in the vocabulary\. Received: token='bad'"):
        hub_tasks.BertTokenizer(VOCABULARY).token_to_id("bad")


def test_one_text_gives_ids_and_several_give_lists():
    tokenizer = hub_tasks.BertTokenizer(VOCABULARY)
    assert tokenizer("good movie") == [5, 11]
    assert tokenizer(["good movie", ""]) == [[5, 11], []]
    assert tokenizer(("good",)) == [[5]]
    assert tokenizer([]) == []


@pytest.mark.parametrize("texts", [[None], [1], [["good"], 1], [b"good"], ["\ud800"]], ids=ascii)
def test_no_texts(texts):
    with pytest.raises(DataError, match="A tokenizer takes strings"):
        hub_tasks.BertTokenizer(VOCABULARY)(texts)


def test_detokenize():
    tokenizer = hub_tasks.BertTokenizer(VOCABULARY)
    assert tokenizer.detokenize([5, 6, 11]) == "goodness movie"
    assert tokenizer(tokenizer.detokenize([5, 6, 7, 11])) == [5, 6, 7, 11]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lowercase": True, "strip_accents": None, "special_tokens_in_strings": True},
        {"lowercase": True, "strip_accents": False},
    ],
    ids=str,
)
def test_config_round_trip(options):
    tokenizer = hub_tasks.BertTokenizer(VOCABULARY, **options)
    again = hub_tasks.BertTokenizer.from_config(tokenizer.get_config())
    texts = ["Good caf\u00e9 [SEP]", "goodness!"]
    assert again(texts) == tokenizer(texts)
    assert again.get_config() == tokenizer.get_config()
    assert type(again) is type(tokenizer)


def test_preset_round_trip(tmp_path):
    tokenizer = hub_tasks.BertTokenizer(VOCABULARY, lowercase=True)
    tokenizer.save_to_preset(tmp_path / "preset")
    again = hub_tasks.BertTokenizer.from_preset(tmp_path / "preset")
    assert again.get_config() == tokenizer.get_config()
