"""Every callback of Keras's in `fit`, with the optimizer that a classifier brings along."""

import json

import keras
import numpy as np
import pytest
from keras import callbacks

from hub_tasks.errors import TrainingError
from tests.checks.tiny import LABELS, TEXTS, tiny_classifier

PEAK = 1e-3  # of "auto" for a small encoder


def backs_up(path, fit):
    stops = callbacks.LambdaCallback(on_epoch_begin=_interrupt_at_1)
    options = {"epochs": 3, "shuffle": False}
    whole = fit(_without_dropout(), None, **options)
    with pytest.raises(KeyboardInterrupt):
        fit(_without_dropout(), [callbacks.BackupAndRestore(str(path)), stops], **options)
    rest = fit(_without_dropout(), callbacks.BackupAndRestore(str(path)), **options)
    assert rest.history["loss"] == pytest.approx(whole.history["loss"][1:], rel=1e-4)


def _without_dropout():
    keras.utils.set_random_seed(3)
    return tiny_classifier(dropout=0.0, labels=["negative", "positive"], sizes={"dropout": 0.0})


def _interrupt_at_1(epoch, logs):
    if epoch == 1:
        raise KeyboardInterrupt


def saves_weights(path, fit):
    clf = tiny_classifier()
    fit(clf, callbacks.ModelCheckpoint(str(path / "{epoch}.weights.h5"), save_weights_only=True))
    other = tiny_classifier()
    other.load_weights(str(path / "2.weights.h5"))
    np.testing.assert_allclose(other.predict(TEXTS), clf.predict(TEXTS), atol=1e-5)


def saves_models(path, fit):
    clf = tiny_classifier()
    fit(clf, callbacks.ModelCheckpoint(str(path / "m.keras"), monitor="val_loss"))
    other = keras.saving.load_model(str(path / "m.keras"))
    np.testing.assert_allclose(other.predict(TEXTS), clf.predict(TEXTS), atol=1e-5)


def stops_early(path, fit):
    clf, seen = tiny_classifier(), []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda e, logs: seen.append(clf.predict(TEXTS)))
    stop = callbacks.EarlyStopping("loss", mode="max", patience=2, restore_best_weights=True)
    history = fit(clf, [keep, stop], epochs=9)
    best = int(np.argmax(history.history["loss"]))
    assert len(seen) == min(best + 3, 9)
    np.testing.assert_allclose(clf.predict(TEXTS), seen[best], atol=1e-5)


def logs(path, fit):
    fit(tiny_classifier(), callbacks.CSVLogger(str(path / "log.csv")))
    head, *rows = (path / "log.csv").read_text().splitlines()
    assert head.split(",") == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"]
    assert len(rows) == 2


def reduces_the_rate(path, fit):
    reduce = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    rates = fit(tiny_classifier(), reduce, epochs=3).history["learning_rate"]
    assert rates == pytest.approx([PEAK, PEAK, PEAK / 2])  # as logged before it is reduced


def schedules_the_rate(path, fit):
    received = []

    def schedule(epoch, rate):
        received.append(rate)
        return rate / 2

    history = fit(tiny_classifier(), callbacks.LearningRateScheduler(schedule)).history
    assert received == pytest.approx([PEAK, PEAK / 2])
    assert history["learning_rate"] == pytest.approx([PEAK / 2, PEAK / 4])


def lets_finite_losses_pass(path, fit):
    assert len(fit(tiny_classifier(), callbacks.TerminateOnNaN()).history["loss"]) == 2
    clf = tiny_classifier()
    clf.weights[0].assign(np.full(clf.weights[0].shape, np.nan))
    with pytest.raises(TrainingError, match="nan"):  # which says more than stopping would
        fit(clf, callbacks.TerminateOnNaN())


def swaps_averages(path, fit):
    clf = tiny_classifier()
    with pytest.raises(ValueError, match="use_ema=True"):
        fit(clf, callbacks.SwapEMAWeights(swap_on_epoch=True))
    clf.compile(keras.optimizers.AdamW(1e-3, use_ema=True, ema_momentum=0.9))
    assert len(fit(clf, callbacks.SwapEMAWeights(swap_on_epoch=True)).history["val_loss"]) == 2


def calls_functions(path, fit):
    seen = []
    hooks = ("train_begin", "epoch_begin", "train_batch_end", "epoch_end", "train_end")
    kinds = {f"on_{hook}": lambda *_, hook=hook, **__: seen.append(hook) for hook in hooks}
    fit(tiny_classifier(), callbacks.LambdaCallback(**kinds), epochs=1, batch_size=8)
    assert seen == list(hooks)


def draws(path, fit):
    fit(tiny_classifier(), callbacks.TensorBoard(str(path), histogram_freq=1))
    assert {p.parent.name for p in path.rglob("events.*")} == {"train", "validation"}


def records(path, fit):
    history = callbacks.History()
    assert fit(tiny_classifier(), history) is history
    assert len(history.history["val_loss"]) == 2


def shows_progress(path, fit):
    fit(tiny_classifier(), callbacks.ProgbarLogger(), epochs=1)


def keeps_its_own(path, fit):
    class Own(callbacks.Callback):
        """As anybody may write one."""

        def on_epoch_end(self, epoch, logs=None):
            logs["own"] = float(self.model.optimizer.learning_rate)
            self.model.optimizer.learning_rate = 1e-5

    rates = fit(tiny_classifier(), [[Own()]]).history["own"]
    assert rates[1] == pytest.approx(1e-5)


CASES = {
    "BackupAndRestore": backs_up,
    "ModelCheckpoint": saves_models,
    "ModelCheckpoint of weights": saves_weights,
    "EarlyStopping": stops_early,
    "CSVLogger": logs,
    "ReduceLROnPlateau": reduces_the_rate,
    "LearningRateScheduler": schedules_the_rate,
    "TerminateOnNaN": lets_finite_losses_pass,
    "SwapEMAWeights": swaps_averages,
    "LambdaCallback": calls_functions,
    "TensorBoard": draws,
    "History": records,
    "ProgbarLogger": shows_progress,
    "Callback": keeps_its_own,
}
ELSEWHERE = {
    "CallbackList": "holds callbacks",
    "MonitorCallback": "a base class",
    "RemoteMonitor": "sends to a server over the network",
    "OrbaxCheckpoint": "needs the package orbax-checkpoint, which is no part of the tests'",
}


def fit_briefly(clf, callback, **options):
    options = {"epochs": 2, "batch_size": 4, "verbose": 0, **options}
    held_out = TEXTS[:2], LABELS[:2]
    return clf.fit(TEXTS, LABELS, callbacks=callback, validation_data=held_out, **options)


@pytest.mark.parametrize("name", CASES)
def test_callback(name, tmp_path, capsys):
    CASES[name](tmp_path, fit_briefly)


def test_every_callback_of_keras_has_a_case():
    names = {name for name in dir(callbacks) if isinstance(getattr(callbacks, name), type)}
    assert names - set(CASES) <= set(ELSEWHERE)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_a_rate_that_is_set_stays(dtype):
    clf = tiny_classifier(dtype=dtype)
    clf.optimizer.learning_rate = 2e-5
    for _ in range(2):
        fit_briefly(clf, None)
        assert float(clf.optimizer.learning_rate) == pytest.approx(2e-5)
    fit_briefly(clf, callbacks.LearningRateScheduler(lambda epoch, rate: rate))
    assert float(clf.optimizer.learning_rate) == pytest.approx(2e-5)
    several = tiny_classifier(labels=["a", "b", "c"])
    several.optimizer.learning_rate = 0.0
    before = several.get_weights()
    several.fit(TEXTS, [["a"], ["b"], [], ["a"], ["c"], ["b"]], verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, several.get_weights(), strict=True))
    assert json.dumps(clf.optimizer.get_config())


@pytest.mark.parametrize("place", ["first step", "step", "epoch"])
def test_who_interrupts_training_keeps_the_weights(place):
    clf = tiny_classifier()

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    hook = {"step": "on_train_batch_end", "epoch": "on_epoch_end"}.get(place)
    callback = callbacks.LambdaCallback(**{hook: interrupt}) if hook else None
    own = clf.compute_loss
    if place == "first step":  # while it is traced, or computed
        clf.compute_loss = interrupt
    before = clf.get_weights()
    with pytest.raises(KeyboardInterrupt):
        fit_briefly(clf, callback)
    clf.compute_loss = own
    same = all(np.array_equal(a, b) for a, b in zip(before, clf.get_weights(), strict=True))
    assert same == (place == "first step")
    assert np.isfinite(clf.predict(TEXTS)).all()
