"""Any optimizer, by name or as an object; seeds; balanced weights."""

import keras
import numpy as np
import pytest
from keras import ops, optimizers

from tests.checks.tiny import LABELS, TEXTS, tiny_classifier

BASES = {"Optimizer", "MultiOptimizer", "LossScaleOptimizer"}  # the last one stands below
NAMES = sorted(
    name
    for name in dir(optimizers)
    if isinstance(getattr(optimizers, name), type)
    and issubclass(getattr(optimizers, name), optimizers.Optimizer)
    and name not in BASES
)

NAMELESS = {"lamb"}  # Keras itself has no name for it


class SignDescent(optimizers.Optimizer):
    """What somebody else's package might hold."""

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * ops.sign(ops.cast(gradient, variable.dtype)))


def losses(clf, optimizer):
    clf.compile(optimizer)
    before = clf.get_weights()
    loss = clf.fit(TEXTS, LABELS, batch_size=8, verbose=0).history["loss"]
    assert np.isfinite(loss).all()
    assert any((a != b).any() for a, b in zip(before, clf.get_weights(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_optimizers_of_keras(name):
    make = getattr(optimizers, name)
    clf = tiny_classifier(sizes={"num_layers": 1})
    losses(clf, make(0.01))
    if name.lower() not in NAMELESS:
        clf.compile(name.lower())
        assert isinstance(clf.optimizer, make)


@pytest.mark.backend
def test_optimizers_of_others_and_by_name():
    clf = tiny_classifier()
    losses(clf, SignDescent(0.01))
    losses(clf, "adagrad")
    assert isinstance(clf.optimizer, optimizers.Adagrad)


def test_a_small_loss_survives_float16():
    clf = tiny_classifier(dtype="mixed_float16")
    assert isinstance(clf.optimizer, optimizers.LossScaleOptimizer)
    losses(clf, optimizers.LossScaleOptimizer(optimizers.Adam(0.01), initial_scale=128.0))


@pytest.mark.parametrize("problem", ["names", "several"])
def test_a_seed_reproduces_a_run(problem):
    labels = LABELS if problem == "names" else [[name] for name in LABELS]
    runs = []
    for _ in range(2):
        keras.utils.set_random_seed(11)
        clf = tiny_classifier()
        clf.fit(TEXTS * 2, labels * 2, batch_size=4, epochs=2, verbose=0)
        runs.append([*clf.get_weights(), clf.predict(TEXTS, verbose=0)])
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_balanced_weights_are_rows_over_classes_times_count():
    ids = [0, 0, 0, 0, 1, 2, 2, 2]
    count = {0: 4, 1: 1, 2: 3}
    rows = [len(ids) / (3 * count[i]) for i in ids]  # scikit-learn's formula
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    results = []
    for weights in ({"class_weight": "balanced"}, {"sample_weight": rows}):
        keras.utils.set_random_seed(3)
        clf = tiny_classifier(labels=["a", "b", "c"])
        results.append(clf.fit([*TEXTS, "day", "what"], ids, **options, **weights).history["loss"])
    assert results[0] == pytest.approx(results[1], rel=1e-6)
