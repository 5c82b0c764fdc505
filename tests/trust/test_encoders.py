"""Presets of the small encoders that no preset should be: hyper-parameters, trained tokenizers."""

import json

import h5py
import pytest

from hub_tasks.errors import PresetFormatError, PresetWeightsError
from tests.checks.broken_presets import drop, put
from tests.trust.harness import Case

VOCABULARY = "assets/tokenizer/vocabulary.txt"
BASE = {"base": "encoder"}
SAVED = r"without hub_tasks\.json"


def entry(name, pointer, value):
    def change(preset, outside):
        told = str(outside)
        put(preset / name, pointer, json.loads(json.dumps(value).replace("OUTSIDE", told)))

    return change


def config(key, value, message=None, error=PresetFormatError, **options):
    """A hyper-parameter that config.json must not have."""
    change = entry("config.json", f"/config/{key}", value)
    return Case(change, error, message or rf"config\.json.*/config/{key}", **{**BASE, **options})


def tokenizer(key, value, message=None, error=PresetFormatError):
    change = entry("tokenizer.json", f"/config/{key}", value)
    return Case(change, error, message or rf"tokenizer\.json.*/config/'?{key}", **BASE)


def missing(name, pointer, message):
    return Case(lambda p, outside: drop(p / name, pointer), PresetFormatError, message, **BASE)


def vocabulary(change, message):
    def write(preset, outside):
        path = preset / VOCABULARY
        path.write_bytes(b"\n".join(change(path.read_bytes().splitlines())) + b"\n")

    return Case(write, PresetFormatError, message, **BASE)


def weights(change, message, error=PresetWeightsError):
    def write(preset, outside):
        with h5py.File(preset / "model.weights.h5", "r+") as file:
            change(file)

    return Case(write, error, message, **BASE)


def replaced(path, shape):
    def change(file):
        del file[path]
        file.create_dataset(path, shape, "float32")

    return change


LARGE = r"implies a model of more than \d+ parameters.*max_parameters"
BERT = {
    "family": "bert",
    "vocabulary_size": 12,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 8,
}


def nested(message, **changes):
    return config("embedding", {**BERT, **changes}, message)


CASES = {
    "as it was saved": Case(lambda preset, outside: None, None, SAVED, **BASE),
    "a string": config("filters", "4"),
    "zero": config("filters", 0),
    "a fraction": config("filters", 4.5),
    "true": config("filters", True),
    "null": config("filters", None),
    "a list": config("filters", [4]),
    "too large": config("filters", 65_537),
    "a list of strings": config("widths", ["3"]),
    "an empty list": config("widths", []),
    "a number for a list": config("widths", 3),
    "a long list": config("widths", [3] * 65),
    "nested lists": config("widths", [[3]]),
    "what no layer takes": config(
        "embedding_dropout", 2.0, r"config\.json of preset.*embedding_dropout must be a number"
    ),
    "a negative dropout": config("embedding_dropout", -0.5),
    "NaN": config("embedding_dropout", float("nan"), r"config\.json.*NaN"),
    "a flag": config("trainable_embedding", 1),
    "an unknown one": config("evil", 1, r"config\.json.*unknown key /config/'evil'"),
    "one of another encoder": config("units", 4, r"config\.json.*unknown key /config/'units'"),
    "a layer": config("encode", {"class_name": "Lambda"}, r"config\.json.*unknown key"),
    "huge filters": config("filters", 65_536, LARGE),
    "huge widths": config("widths", [65_536] * 64, LARGE),
    "a huge embedding": config("embedding_dim", 65_536, LARGE),
    "a huge vocabulary": config("vocabulary_size", 4_000_000, f"{LARGE}|cut short"),
    "huge buckets": config("bigram_buckets", 4_000_000, LARGE),
    "huge buckets of parts": config("part_buckets", 4_000_000, LARGE),
    "huge buckets of runs": config("run_buckets", 4_000_000, LARGE),
    "a huge linear model": config("wide_dim", 65_536, LARGE),
    "more n-grams than rows": config("ngram_rows", 4_000_000, "rows are of n-grams"),
    "a separator that is no token": config("pair_separator", 4_000_000, "the id of a token"),
    "unknown words without parts": config("part_buckets", 0, "ids that only an encoder with"),
    "unknown words": tokenizer("unknown_beginnings", "yes"),
    "case marks": tokenizer("case_marks", 1),
    "space marks": tokenizer("space_marks", "no"),
    "parts beside n-grams": tokenizer("buckets", 1, "its embedding only"),
    "no vocabulary size": missing("config.json", "/config/vocabulary_size", "vocabulary_size is m"),
    "a class of nobody's": Case(
        entry("config.json", "/registered_name", "hub_tasks>MineBackbone"),
        PresetFormatError,
        r"config\.json.*import the module that defines its class",
        **BASE,
    ),
    "a family of nobody's": Case(
        entry("hub_tasks.json", "/family", "mine"),
        PresetFormatError,
        r"hub_tasks\.json.*import the module that defines its class",
        base="encoder signed",
    ),
    "a pooling over tokens": Case(
        entry("hub_tasks.json", "/head", {"pooling": "mean"}),
        PresetFormatError,
        r"hub_tasks\.json.*/head/pooling must be family",
        base="encoder signed",
    ),
    "embedding a string": config("embedding", "OUTSIDE/fifo"),
    "embedding a list": config("embedding", [BERT]),
    "embedding without a family": config("embedding", {"hidden_dim": 8}),
    "embedding of no family": nested("/config/embedding/family must be one of", family="zzz"),
    "embedding of KerasHub": nested("/config/embedding/family", family="keras_hub"),
    "embedding of an encoder": nested("/config/embedding/family", family="cnn"),
    "embedding with another key": nested("/config/embedding/'path'", path="OUTSIDE/fifo"),
    "embedding of a wrong type": nested("/config/embedding/hidden_dim", hidden_dim="8"),
    "embedding of odd heads": nested("hidden_dim must be a multiple of num_heads", num_heads=3),
    "embedding in an embedding": nested("/config/embedding/'embedding'", embedding=BERT),
    "huge embedding": nested(LARGE, intermediate_dim=1_048_576, hidden_dim=65_536),
    "unit": tokenizer("unit", "words"),
    "unit null": tokenizer("unit", None),
    "lowercase": tokenizer("lowercase", "yes"),
    "word n-grams": tokenizer("word_ngrams", 17),
    "no word n-grams": tokenizer("word_ngrams", 0),
    "many word n-grams": tokenizer("word_ngrams", 10**9),
    "character n-grams": tokenizer("character_ngrams", [0, 10**9]),
    "one size": tokenizer("character_ngrams", [3]),
    "sizes upside down": tokenizer("character_ngrams", [5, 3]),
    "n-grams of nothing": tokenizer("character_ngrams", [0, 3]),
    "negative buckets": tokenizer("buckets", -1),
    "endless buckets": tokenizer("buckets", 2**40),
    "ids beyond the embedding": tokenizer("buckets", 5, "tokens, its embedding only"),
    "a path": tokenizer("vocabulary", "OUTSIDE/fifo"),
    "a pattern": tokenizer("pattern", "(a+)+"),
    "no unit": missing("tokenizer.json", "/config/unit", "/config/unit is missing"),
    "no [SEP]": vocabulary(
        lambda lines: [line.replace(b"[SEP]", b"sep") for line in lines], "special tokens.*SEP"
    ),
    "a token twice": vocabulary(lambda lines: [*lines[:-1], lines[3]], "twice"),
    "a token more": vocabulary(lambda lines: [*lines, b"more"], "its embedding only"),
    "a NUL": vocabulary(lambda lines: [*lines[:-1], b"a\0b"], "NUL|no line can hold"),
    "half of the vocabulary": vocabulary(lambda lines: lines[:4], "cut short"),
    "weights missing": weights(
        lambda file: file.pop("embedding"), r"model\.weights\.h5.*missing embedding/embeddings"
    ),
    "weights left over": weights(
        lambda file: file.create_dataset("evil/kernel", (2, 2), "float32"), "left over evil/kernel"
    ),
    "weights of another shape": weights(
        replaced("embedding/embeddings", (3, 6)), r"expected shape \(\d+, 6\), got \(3, 6\)"
    ),
    "weights that nothing stores": weights(
        replaced("embedding/embeddings", (2**20, 2**20)), "expected shape|larger"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_presets_of_encoders(case, holds):
    holds(case)
