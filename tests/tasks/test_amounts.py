"""Regressions from scratch: numbers of any size are learnt alike."""

import keras
import numpy as np
import pytest

import hub_tasks
from tests.checks.parameters import elsewhere_the_first
from tests.checks.tiny import from_scratch, tiny_classifier

WORTH = {"pebble": 1.0, "teapot": 4.0, "bicycle": 9.0, "piano": 20.0}
TEXTS = [f"{how} {what}" for what in WORTH for how in ("an old", "a new", "the", "this", "my")] * 4
AMOUNTS = np.array([WORTH[text.split()[-1]] for text in TEXTS])
QUIET = {"verbose": 0}


def average(amounts, **settings) -> hub_tasks.TextClassifier:
    settings = {"problem_type": "regression", "embedding_dim": 32, **settings}
    return from_scratch("average_embedding", TEXTS, amounts, **settings)


@pytest.mark.parametrize("unit", elsewhere_the_first([1e5, 1.0, 1e-3]))
def test_amounts_of_any_size_are_learnt(unit):
    keras.utils.set_random_seed(0)
    clf = average(unit * AMOUNTS)
    clf.fit(TEXTS, unit * AMOUNTS, validation_split=0, **QUIET)
    off = clf.predict(TEXTS, **QUIET)[:, 0] - unit * AMOUNTS
    assert np.abs(off).mean() < 0.15 * AMOUNTS.std() * unit


@pytest.mark.backend
def test_each_of_several_amounts_has_its_own_size():
    units = np.array([1.0, 10.0])
    amounts = AMOUNTS[:, None] * units + [0, 1e3]
    keras.utils.set_random_seed(0)
    clf = average(amounts)
    begun = clf.predict(TEXTS, **QUIET)
    np.testing.assert_allclose(begun, np.tile(amounts.mean(0), (len(TEXTS), 1)), rtol=0.05)
    clf.fit(TEXTS, amounts, **QUIET)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(clf.optimizer.output_rate), amounts.std(0), rtol=1e-4
    )
    off = (clf.predict(TEXTS, **QUIET) - amounts) / units
    assert np.abs(off).mean(0).max() < 0.2 * AMOUNTS.std()


def test_a_loaded_one_is_told_the_size_of_what_it_learns(tmp_path):
    average(AMOUNTS).save_to_preset(tmp_path / "preset")
    clf = hub_tasks.TextClassifier.from_preset(tmp_path / "preset")
    for unit in (1.0, 50.0):
        clf.fit(TEXTS, unit * AMOUNTS, epochs=1, **QUIET)
        assert float(clf.optimizer.output_rate[0]) == pytest.approx(unit * AMOUNTS.std(), rel=1e-4)


def test_a_stream_takes_the_size_of_what_it_was_made_for():
    clf = average(50 * AMOUNTS)
    clf.fit(iter([(TEXTS[:8], 50 * AMOUNTS[:8])]), **QUIET)
    assert float(clf.optimizer.output_rate[0]) == pytest.approx(50 * AMOUNTS.std(), rel=1e-4)


def test_amounts_that_are_all_the_same():
    clf = average(np.full(len(TEXTS), 7.5))
    clf.fit(TEXTS, np.full(len(TEXTS), 7.5), epochs=1, **QUIET)
    np.testing.assert_allclose(clf.predict(TEXTS[:3], **QUIET), 7.5, atol=0.2)


def test_what_is_no_amount_is_left_alone():
    """Outputs between 0 and 1, an optimizer of one's own, labels, and a pretrained encoder."""
    within = average(AMOUNTS / 20, activation="sigmoid")
    assert not np.any(within.head_variables()[1].numpy())
    labels = ["a", "b"] * (len(TEXTS) // 2)
    named = from_scratch("average_embedding", TEXTS, labels, embedding_dim=8)
    for clf in (within, named, tiny_classifier(labels=["worth"])):
        assert clf.optimizer.output_rate is None
    clf = average(AMOUNTS)
    clf.compile(keras.optimizers.SGD(0.0))
    clf.fit(TEXTS, AMOUNTS, epochs=1, **QUIET)
    np.testing.assert_allclose(clf.predict(TEXTS[:3], **QUIET), AMOUNTS.mean(), rtol=0.1)
