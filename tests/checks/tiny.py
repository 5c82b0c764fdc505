"""Small random models of every registered family."""

import string

import hub_tasks
from hub_tasks.backbones import BACKBONES, BY_THE_TEXTS
from hub_tasks.families import ENCODERS, FAMILIES, Family
from hub_tasks.families._encoders import COMMON
from hub_tasks.presets import PresetData
from hub_tasks.tasks.preprocessor import PREPROCESSORS
from hub_tasks.tasks.text_classifier import CLASSIFIERS
from hub_tasks.tokenizers import TOKENIZERS, TrainedTokenizer

TEXTS = ["good film", "a bad bad film", "", "fine", "what a good good good day it is", "bad"]
LABELS = ["positive", "negative", "negative", "positive", "positive", "negative"]


WORDS = ["good", "bad", "film", "fine", "day", "what"]
LETTERS = list(string.ascii_lowercase)
ROLES = ("start", "pad", "end", "unknown", "mask")  # the id of padding is RoBERTa's


def special_tokens(family: Family) -> list[str]:
    """The special tokens of a family in the order of their ids."""
    return [family.special_tokens[role] for role in ROLES]


def tiny_vocabulary(family: Family) -> list[str]:
    """Special tokens first, then letters whole and continuing, then a few words."""
    size = family.tiny["vocabulary_size"]
    return [*special_tokens(family), *WORDS, *LETTERS, *("##" + a for a in LETTERS)][:size]


def _wordpiece(family: Family) -> dict:
    return {"vocabulary": tiny_vocabulary(family), "lowercase": True}


def _byte_pair(family: Family) -> dict:
    merges = [("o", "o"), ("g", "oo"), ("goo", "d"), ("b", "a"), ("ba", "d")]
    joined = [first + second for first, second in merges]
    return {
        "vocabulary": [*special_tokens(family), "\u0120", *LETTERS, *joined],
        "merges": merges,
    }


def _sentencepiece(family: Family) -> dict:
    special = family.special_tokens
    order = (
        ("start", "pad", "end", "unknown")
        if family.fairseq_ids
        else ("pad", "unknown", "start", "end")
    )
    pieces = ["\u2581", *("\u2581" + word for word in WORDS), *LETTERS]
    vocabulary = [*(special[role] for role in order), *pieces, special["mask"]]
    scores = [0.0] * 4 + [-3.0] + [-2.0] * len(WORDS) + [-4.0] * len(LETTERS) + [0.0]
    return {"vocabulary": vocabulary, "scores": scores}


_TOKENIZERS = {"wordpiece": _wordpiece, "byte_pair": _byte_pair, "sentencepiece": _sentencepiece}


def tiny_tokenizer(family: str = "bert", **options):
    """A tokenizer with the letters and a few words."""
    record = FAMILIES[family]
    return TOKENIZERS[family](**{**_TOKENIZERS[record.tokenizer](record), **options})


def tiny_classifier(
    family: str = "",
    sequence_length: int = 16,
    truncate="round_robin",
    dtype=None,
    sizes=None,
    tokenizer: str = "",
    **head,
) -> hub_tasks.TextClassifier:
    """A random classifier with weights large enough for outputs to differ.

    Without a `family` it is a BERT of one layer, which is compiled in half of the time.
    `tokenizer` names the family of the tokenizer where it is not that of the encoder.
    """
    if not family:
        family, sizes = "bert", {"num_layers": 1, **(sizes or {})}
    tokenizer = tiny_tokenizer(tokenizer or family)
    preprocessor = PREPROCESSORS[family](tokenizer, sequence_length, truncate)
    backbone = BACKBONES[family](**{**FAMILIES[family].tiny, **(sizes or {})}, dtype=dtype)
    head = head or {"labels": ["negative", "positive"]}
    clf = CLASSIFIERS[family](backbone, preprocessor=preprocessor, **head)
    for variable in clf.weights:
        if variable.path.endswith(("kernel", "embeddings")):
            variable.assign(variable * 8)
    return clf


ENCODERS_OF_OURS = [n for n in ENCODERS if BACKBONES[n].__module__.startswith("hub_tasks.")]
_SMALL = {"embedding_dim": 6, "max_sequence_length": 24, "buckets": 40}
_LARGE = 8  # of whole numbers; those that are sizes, and not widths or depths


def small(encoder: str, **overrides) -> dict:
    """The defaults of an encoder with sizes for tests, whatever they are called."""
    defaults = hub_tasks.encoder_defaults(encoder)
    own = {f.name for f in ENCODERS[encoder].config} - {f.name for f in COMMON}
    sizes = {n: 4 for n in own if type(defaults[n]) is int and defaults[n] > _LARGE}
    known = {name: value for name, value in _SMALL.items() if name in defaults}
    return {**defaults, **sizes, **known, **overrides}


def tiny_encoder(encoder: str, dtype=None, **overrides) -> hub_tasks.EncoderBackbone:
    """A random encoder over 40 ids, of words from "aaaa0" to "mmmm2"."""
    known = {field.name for field in ENCODERS[encoder].config}
    # Which `from_scratch` takes from the texts.
    settings = {**dict.fromkeys(BY_THE_TEXTS, 0), **overrides}
    config = {k: v for k, v in small(encoder, **settings).items() if k in known}
    backbone = BACKBONES[encoder](**{"vocabulary_size": 40, **config}, dtype=dtype)
    family = backbone.family
    words = [f"{4 * letter}{number}" for letter in "abcdefghijklm" for number in range(3)]
    vocabulary = [*family.special_tokens.values(), *words][:40]
    tokenizer = TrainedTokenizer(vocabulary, family)
    backbone.read_vocabulary(PresetData(family, tokenizer=tokenizer.to_data()))
    return backbone


def from_scratch(encoder: str, texts, labels, **overrides) -> hub_tasks.TextClassifier:
    """A small classifier of an encoder."""
    arguments = ("label_names", "problem_type", "dtype")
    given = {n: overrides.pop(n) for n in arguments if n in overrides}
    settings = small(encoder, **overrides)
    return hub_tasks.TextClassifier.from_scratch(
        encoder, texts, labels, hyper_parameters=settings, **given
    )
