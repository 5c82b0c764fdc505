"""Bucketed runs compute what plain ones do: losses, metrics, gradients, order; and report it."""

import gc
import itertools
import tracemalloc
import warnings

import keras
import numpy as np
import pytest
from keras import ops

from hub_tasks.errors import DataError
from tests.checks.tiny import tiny_classifier

pytestmark = pytest.mark.backend

RANDOM = np.random.default_rng(5)
WORDS = np.array(["good", "bad", "film", "fine", "day", "what"])
MANY = [" ".join(RANDOM.choice(WORDS, n)) for n in RANDOM.integers(0, 14, 43)]
IDS = RANDOM.integers(0, 2, 43)
WEIGHTS = RANDOM.uniform(0, 3, 43)


@pytest.fixture
def clf():
    return tiny_classifier()


def logits_one_by_one(clf, texts):
    """Each text alone, padded to the full length, without any batching of ours."""
    return np.asarray(ops.convert_to_numpy(clf(clf.preprocessor(list(texts)), training=False)))


def losses(logits, ids):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(ids)), ids]


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
def test_loss_and_metrics_are_those_of_the_real_rows(clf, weights):
    precision = keras.metrics.SparseCategoricalAccuracy(name="right")
    clf.compile(metrics=["accuracy"], weighted_metrics=[precision])
    logits = logits_one_by_one(clf, MANY)
    measured = clf.evaluate(
        MANY, IDS, sample_weight=weights, batch_size=8, return_dict=True, verbose=0
    )
    right = logits.argmax(axis=1) == IDS
    by_row = np.ones(43) if weights is None else weights
    assert measured["loss"] == pytest.approx(np.mean(losses(logits, IDS) * by_row), rel=1e-4)
    assert measured["accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    assert measured["right"] == pytest.approx(np.average(right, weights=by_row), rel=1e-5)


def without_dropout():
    clf = tiny_classifier()
    backbone = type(clf.backbone)(**{**clf.backbone.config, "dropout": 0.0})
    backbone.set_weights(clf.backbone.get_weights())
    plain = type(clf)(backbone, 2, clf.preprocessor, dropout=0.0)
    plain.set_weights(clf.get_weights())
    return plain


def test_a_shuffled_fit_that_learns_nothing_reports_the_loss_of_all_rows():
    clf = without_dropout()
    clf.compile(optimizer=keras.optimizers.SGD(0.0), metrics=["accuracy"])
    history = clf.fit(MANY, IDS, batch_size=8, epochs=2, verbose=0).history
    logits = logits_one_by_one(clf, MANY)
    assert history["accuracy"] == pytest.approx([np.mean(logits.argmax(axis=1) == IDS)] * 2)
    # Keras weighs batches by their rows; so every epoch must see the mean over all rows.
    assert history["loss"] == pytest.approx([losses(logits, IDS).mean()] * 2, rel=1e-4)


def trained(texts, ids, batch_size):
    """The weights after a step without dropout, from the same start."""
    keras.utils.set_random_seed(3)
    plain = without_dropout()
    plain.compile(optimizer=keras.optimizers.SGD(1.0))
    plain.fit(texts, ids, batch_size=batch_size, shuffle=False, verbose=0)
    return plain.get_weights()


def test_rows_that_fill_up_a_batch_change_no_gradient():
    filled = trained(MANY[:5], IDS[:5], 8)
    exact = trained(MANY[:5], IDS[:5], 5)
    for a, b in zip(filled, exact, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    before = trained(MANY[:1], IDS[:1], 1)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(filled, before, strict=True))


def test_outputs_come_in_the_order_of_the_texts(clf):
    expected = logits_one_by_one(clf, MANY)
    for outputs in (
        clf.predict(MANY, batch_size=8, verbose=0),
        clf.predict((text for text in MANY), batch_size=8, verbose=0),
        np.stack(list(clf.predict_iter(MANY, batch_size=8, window=16))),
        np.stack(list(clf.predict_iter(iter(MANY), batch_size=4, window=10))),
    ):
        np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_few_shapes_where_they_are_compiled(clf):
    clf.fit(MANY, IDS, batch_size=8, epochs=2, verbose=0)  # of a training, on every backend
    assert 1 <= len(clf.last_run.shapes) <= 5
    assert clf.last_run.texts == 86
    if keras.backend.backend() == "torch":
        return
    if keras.backend.backend() == "tensorflow":
        clf.compile(jit_compile=True)
    clf.predict(iter(MANY), batch_size=8, verbose=0)
    assert 1 <= len(clf.last_run.shapes) <= 5
    list(clf.predict_iter(MANY, batch_size=8, window=8))
    assert 1 <= len(clf.last_run.shapes) <= 5


def test_no_padding_where_nothing_is_compiled(clf):
    none = keras.backend.backend() != "jax"
    clf.predict(MANY[:9], batch_size=1, verbose=0)
    assert (clf.last_run.padded_share == 0) == none
    clf.evaluate(MANY[:9], IDS[:9], batch_size=1, verbose=0)
    assert (clf.last_run.padded_share == 0) == none
    list(clf.predict_iter(iter(MANY[:9]), batch_size=1, window=4))
    assert (clf.last_run.padded_share == 0) == none


def test_the_report_adds_up(clf):
    clf.predict(MANY, batch_size=8, verbose=0)
    run = clf.last_run
    lengths = clf.preprocessor(MANY)["padding_mask"].sum(axis=1)
    assert (run.texts, run.tokens, run.truncated) == (43, lengths.sum(), 0)
    widest, narrowest = (f(width for _, width in run.shapes) for f in (max, min))
    assert narrowest * 43 <= run.padded_tokens <= widest * 48
    assert run.padded_share == pytest.approx(1 - lengths.sum() / run.padded_tokens)
    assert run.texts_per_second == pytest.approx(43 / run.seconds)
    assert 0 <= run.tokenising_seconds + run.compiling_seconds <= run.seconds * 1.01
    assert "43 texts" in str(run)


def test_cut_texts_are_told_of_once(clf):
    long = ["good " * 40, "bad"]
    with pytest.warns(UserWarning, match=r"50.0% of the texts .*`sequence_length=16`.*has 42"):
        clf.predict(long, verbose=0)
    assert clf.last_run.truncated == 1
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*of the texts")
        clf.predict(long, verbose=0)


def test_memory_stays_flat_on_a_long_stream(clf, monkeypatch):
    monkeypatch.setattr(keras.Model, "predict", _zeros)
    monkeypatch.setattr("hub_tasks.tasks.inference.feed", lambda batches: batches)

    def peak(texts):
        gc.collect()
        tracemalloc.start()
        count = sum(1 for _ in clf.predict_iter(texts, window=256))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return count, peak

    def stream(n):
        return (f"good film {i}" for i in range(n))

    peak(stream(512))
    (few, low), (many, high) = peak(stream(2_000)), peak(stream(20_000))
    assert (few, many) == (2_000, 20_000)
    assert high < 1.5 * low


def _zeros(model, batches, verbose, callbacks):
    rows = 0
    for i, (inputs,) in enumerate(batches):
        rows += len(inputs["token_ids"])
        for callback in callbacks:
            callback.on_predict_batch_begin(i)
            callback.on_predict_batch_end(i)
    return np.zeros((rows, 2), "float32")


def test_predict_iter_reads_a_stream_as_it_goes(clf):
    endless = ("good film" for _ in itertools.count())
    first = list(itertools.islice(clf.predict_iter(endless, batch_size=4, window=8), 20))
    assert len(first) == 20


class Stream(keras.utils.PyDataset):
    """The same batch of two texts over and over."""

    def __init__(self, batch, num_batches):
        super().__init__()
        self.batch, self._num_batches = batch, num_batches

    @property
    def num_batches(self):
        return self._num_batches

    def __getitem__(self, index):
        return self.batch


def test_predict_wants_an_end_and_predict_iter_does_not(clf):
    endless = Stream((["good film", "bad"],), None)
    with pytest.raises(DataError, match=r"never ends.*`steps=`.*predict_iter"):
        clf.predict(endless, verbose=0)
    assert clf.predict(endless, steps=3, verbose=0).shape == (6, 2)
    assert len(list(itertools.islice(clf.predict_iter(endless, window=4), 30))) == 30


def test_predict_iter_refuses_bad_input_at_once(clf):
    with pytest.raises(DataError, match="Texts are expected"):
        clf.predict_iter(5)


def test_streams_are_told_of_cut_texts_before_the_run_is_over(clf):
    told_at = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            told_at.append(len(caught))

    data = Stream((["good " * 40, "bad"], ["positive", "negative"]), 2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", message=".*of the texts")
        clf.fit(data, epochs=3, callbacks=[Watch()], verbose=0)
    assert told_at[1:] == [1, 1]  # TensorFlow has looked at a batch before the first epoch


def test_a_list_of_callbacks_of_keras_reports_as_well(clf):
    clf.fit(MANY, IDS, callbacks=keras.callbacks.CallbackList([]), verbose=0)
    assert clf.last_run.texts == 43


def test_predict_iter_needs_a_preprocessor(clf):
    bare = type(clf)(clf.backbone, 2)
    with pytest.raises(DataError, match="no preprocessor"):
        next(bare.predict_iter(["a"]))


def test_a_second_fit_traces_nothing_anew(clf):
    clf.fit(MANY, IDS, batch_size=8, verbose=0)
    function = clf.train_function
    clf.fit(MANY, IDS, batch_size=8, epochs=2, verbose=0)
    assert clf.train_function is function
