"""Small random models of every registered family."""

import string

import hub_tasks
from hub_tasks.backbones import BACKBONES
from hub_tasks.families import FAMILIES, Family
from hub_tasks.tasks.preprocessor import PREPROCESSORS
from hub_tasks.tasks.text_classifier import CLASSIFIERS
from hub_tasks.tokenizers import TOKENIZERS

TEXTS = ["good film", "a bad bad film", "", "fine", "what a good good good day it is", "bad"]
LABELS = ["positive", "negative", "negative", "positive", "positive", "negative"]


def tiny_vocabulary(family: Family) -> list[str]:
    """Special tokens first, then letters whole and continuing, then a few words."""
    words = ["good", "bad", "film", "fine", "day", "what"]
    letters = list(string.ascii_lowercase)
    size = family.tiny["vocabulary_size"]
    return [*family.special_tokens.values(), *words, *letters, *("##" + a for a in letters)][:size]


def tiny_classifier(
    family: str = "bert", sequence_length: int = 16, truncate="round_robin", dtype=None, **head
) -> hub_tasks.TextClassifier:
    """A random classifier with weights large enough for outputs to differ."""
    record = FAMILIES[family]
    tokenizer = TOKENIZERS[family](tiny_vocabulary(record), lowercase=True)
    preprocessor = PREPROCESSORS[family](tokenizer, sequence_length, truncate)
    backbone = BACKBONES[family](**record.tiny, dtype=dtype)
    head = head or {"labels": ["negative", "positive"]}
    clf = CLASSIFIERS[family](backbone, preprocessor=preprocessor, **head)
    for variable in clf.weights:
        if variable.path.endswith(("kernel", "embeddings")):
            variable.assign(variable * 8)
    return clf
