"""The same ids, segments and mask as `transformers`, and the same cuts as keras-nlp."""

import json
import os
import shutil

import numpy as np
import pytest

import hub_tasks

transformers = pytest.importorskip("transformers")

LOWERCASE = {"bert-base-uncased": True, "bert-base-cased": False, "bert-base-chinese": False}
SETS = {
    "sst2": ("validation",),
    "goemotions": ("validation",),
    "thucnews_titles": ("validation", "test"),
}
HARD = [
    "Hello [SEP] \u00c9! [MASK][CLS] [sep]",
    "\u0130stanbul \u1e9e\ufb01 \u01c5 e\u0301",
    "\u4e2d\u6587abc\u3042\u30a2\uac00 \U00020000",
    "a\u200bb\u00adc\ufeff d\x00e\x07f\ufffdg",
    "\u3000\u00a0\u2028 tab\tnew\nline\r",
    "$5.00--(x)\u2014\u201cy\u201d\u3002 `^|~ \u00a1\u00bf\u20ac",
    "x" * 100 + " " + "y" * 101,
    "",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea",
]


@pytest.fixture(scope="module")
def texts(real_data):
    """All texts of a data set, with some hard ones."""

    def read(name):
        rows = list(HARD)
        for part in SETS[name]:
            lines = (real_data / name / f"{part}.tsv").read_text(encoding="utf-8").split("\n")
            rows += [line.split("\t")[0] for line in lines[1:] if line]
        return rows

    return {name: read(name) for name in SETS}


@pytest.fixture(scope="module", params=LOWERCASE)
def pair_of_tokenizers(request, real_data):
    vocabulary = real_data / "vocabs" / request.param / "vocab.txt"
    lowercase = LOWERCASE[request.param]
    theirs = transformers.BertTokenizerFast(vocab=str(vocabulary), do_lower_case=lowercase)
    ours = hub_tasks.BertTokenizer(
        vocabulary, lowercase=lowercase, strip_accents=None, special_tokens_in_strings=True
    )
    return ours, theirs


def pairs(rows):
    """Each odd row with the next one."""
    return rows[: len(rows) // 2 * 2 : 2], rows[1::2]


def pad(rows, width, value=0):
    array = np.full((len(rows), width), value, "int32")
    for i, row in enumerate(rows):
        array[i, : len(row)] = row
    return array


def assert_equal(preprocessor, tokenizer, first, second=None):
    """Compares all three arrays, row by row."""
    width = preprocessor.sequence_length
    expected = tokenizer(first, second, truncation="longest_first", max_length=width)
    got = preprocessor(first if second is None else (first, second))
    for ours, theirs in (
        ("token_ids", "input_ids"),
        ("segment_ids", "token_type_ids"),
        ("padding_mask", "attention_mask"),
    ):
        padding = tokenizer.pad_token_id if ours == "token_ids" else 0
        np.testing.assert_array_equal(got[ours], pad(expected[theirs], width, padding), ours)


def test_the_reference_is_the_one_that_is_meant(real_data):
    for name, lowercase in LOWERCASE.items():
        path = str(real_data / "vocabs" / name / "vocab.txt")
        theirs = transformers.BertTokenizerFast(vocab=path, do_lower_case=lowercase)
        with open(path, encoding="utf-8") as lines:
            assert len(theirs) == sum(1 for _ in lines)
        assert theirs.is_fast
        pieces = theirs.tokenize("HELLO [SEP]")
        assert pieces[-1] == "[SEP]"
        assert (pieces[0] == "hello") is lowercase


@pytest.mark.parametrize("data", SETS)
@pytest.mark.parametrize("max_length", [16, 128])
def test_single_texts(pair_of_tokenizers, texts, data, max_length):
    ours, theirs = pair_of_tokenizers
    preprocessor = hub_tasks.BertTextClassifierPreprocessor(ours, max_length)
    assert_equal(preprocessor, theirs, texts[data])


@pytest.mark.parametrize("data", SETS)
@pytest.mark.parametrize("max_length", [15, 24])
def test_pairs(pair_of_tokenizers, texts, data, max_length):
    ours, theirs = pair_of_tokenizers
    preprocessor = hub_tasks.BertTextClassifierPreprocessor(ours, max_length, "longest_first")
    assert_equal(preprocessor, theirs, *pairs(texts[data]))


@pytest.mark.parametrize("name", LOWERCASE)
def test_a_transformers_directory_is_read_with_its_settings(tmp_path, real_data, texts, name):
    shutil.copy(real_data / "vocabs" / name / "vocab.txt", tmp_path)
    tokens = (tmp_path / "vocab.txt").read_text(encoding="utf-8").count("\n")
    sizes = {"vocab_size": tokens, "hidden_size": 8, "num_hidden_layers": 1}
    more = {"num_attention_heads": 1, "intermediate_size": 8, "max_position_embeddings": 24}
    config = {"model_type": "bert", **sizes, **more}
    (tmp_path / "config.json").write_text(json.dumps(config))
    settings = {"do_lower_case": LOWERCASE[name], "tokenizer_class": "BertTokenizer"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))

    ours = hub_tasks.BertTextClassifierPreprocessor.from_preset(tmp_path)
    theirs = transformers.BertTokenizerFast.from_pretrained(tmp_path)
    assert ours.sequence_length == 24
    assert_equal(ours, theirs, texts["sst2"])
    assert_equal(ours, theirs, *pairs(texts["sst2"]))


@pytest.mark.parametrize("sequence_length", [15, 24])
@pytest.mark.parametrize("truncate", ["round_robin", "waterfall"])
def test_pairs_are_cut_as_in_keras_nlp(real_data, texts, truncate, sequence_length):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    models = pytest.importorskip("keras_hub", reason="keras-nlp is not installed").models
    vocabulary = str(real_data / "vocabs" / "bert-base-uncased" / "vocab.txt")
    theirs = models.BertTextClassifierPreprocessor(
        models.BertTokenizer(vocabulary, lowercase=True), sequence_length, truncate
    )
    ours = hub_tasks.BertTextClassifierPreprocessor(
        hub_tasks.BertTokenizer(vocabulary, lowercase=True), sequence_length, truncate
    )
    first, second = pairs(texts["sst2"][len(HARD) :])
    expected = theirs((first, second), y=None)  # without `y` the tuple would be text and label
    got = ours((first, second))
    for key, array in got.items():
        np.testing.assert_array_equal(array, np.asarray(expected[key]), key)
