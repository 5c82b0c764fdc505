"""Data sets of other libraries: Torch's DataLoader, Hugging Face's datasets, Grain."""

import itertools

import numpy as np
import pytest

from hub_tasks.data import open_data
from hub_tasks.errors import DataError

TEXTS = ["good film", "", "a bad day", "Ünïcode", "fine"]
SECOND = ["b", "c", "d", "e", "f"]
IDS = [1, 0, 0, 1, 1]


def rows_of(x):
    """All texts (by column) and labels of an input."""
    parts = list(open_data(x, None, None, 2).batches())
    texts = [
        list(itertools.chain(*columns)) for columns in zip(*(p.texts for p in parts), strict=True)
    ]
    labels = None if parts[0].labels is None else np.concatenate([p.labels for p in parts]).tolist()
    return texts, labels


def torch_loader(items):
    data = pytest.importorskip("torch").utils.data
    return data.DataLoader(items, batch_size=2)


def hugging_face(items):
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_list(items)


def grain_map(items):
    return pytest.importorskip("grain").MapDataset.source(items)


PLAIN = list(zip(TEXTS, IDS, strict=True))
PAIRS = [((a, b), i) for a, b, i in zip(TEXTS, SECOND, IDS, strict=True)]
NAMED = [{"text": text, "label": i} for text, i in PLAIN]
NAMED_PAIRS = [{"premise": a, "hypothesis": b, "label": i} for (a, b), i in PAIRS]

FORMS = {
    "torch tuples": (lambda: torch_loader(PLAIN), [TEXTS], IDS),
    "torch pairs": (lambda: torch_loader(PAIRS), [TEXTS, SECOND], IDS),
    "torch dicts": (lambda: torch_loader(NAMED), [TEXTS], IDS),
    "torch texts": (lambda: torch_loader(TEXTS), [TEXTS], None),
    "datasets": (lambda: hugging_face(NAMED), [TEXTS], IDS),
    "datasets pairs": (lambda: hugging_face(NAMED_PAIRS), [TEXTS, SECOND], IDS),
    "datasets iterable": (lambda: hugging_face(NAMED).to_iterable_dataset(), [TEXTS], IDS),
    "datasets texts": (lambda: hugging_face([{"sentence": t} for t in TEXTS]), [TEXTS], None),
    "grain tuples": (lambda: grain_map(PLAIN), [TEXTS], IDS),
    "grain pairs": (lambda: grain_map(PAIRS), [TEXTS, SECOND], IDS),
    "grain dicts": (lambda: grain_map(NAMED), [TEXTS], IDS),
    "grain batches": (lambda: grain_map(PLAIN).batch(2), [TEXTS], IDS),
    "grain iterator": (lambda: grain_map(PLAIN).to_iter_dataset(), [TEXTS], IDS),
    "grain texts": (lambda: grain_map(TEXTS), [TEXTS], None),
}


@pytest.mark.parametrize(("make", "texts", "labels"), FORMS.values(), ids=FORMS.keys())
def test_rows_come_in_order_and_again(make, texts, labels):
    x = make()
    assert rows_of(x) == (texts, labels)
    assert rows_of(x) == (texts, labels)


def test_lengths_are_known_where_the_library_knows_them():
    for x in (torch_loader(PLAIN), hugging_face(NAMED)):
        assert open_data(x, None, None, 2).num_batches == 3


def test_an_endless_grain_data_set_is_known_as_such():
    assert open_data(grain_map(PLAIN).repeat(), None, None, 2).endless


@pytest.mark.parametrize("make", [torch_loader, hugging_face, grain_map])
def test_unknown_fields_are_named(make):
    with pytest.raises(DataError, match=r"No field holds texts: accepted are text, .*'review'"):
        rows_of(make([{"review": "good", "label": 1}]))


def test_a_classifier_takes_them_all():
    from tests.checks.tiny import tiny_classifier

    clf = tiny_classifier()
    expected = clf.predict(TEXTS, verbose=0)
    for x in (torch_loader(TEXTS), hugging_face(NAMED), grain_map(TEXTS)):
        np.testing.assert_allclose(clf.predict(x, verbose=0), expected, atol=1e-5)
    clf.fit(hugging_face(NAMED), batch_size=2, verbose=0)
    clf.evaluate(torch_loader(PLAIN), verbose=0)
