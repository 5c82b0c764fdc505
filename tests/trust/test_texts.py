"""Texts and labels that are not what they should be, the same on every backend (TRUST, F)."""

import re
import sys
import time
import tracemalloc
import warnings

import keras
import numpy as np
import pytest

from hub_tasks.errors import DataError, PredictionError, TrainingError
from hub_tasks.tokenizers import first_tokens
from hub_tasks.tokenizers.long_texts import LONGEST_RUN, SHORT
from tests.checks.tiny import LABELS, TEXTS, tiny_classifier, tiny_tokenizer
from tests.trust.memory import measured

pytestmark = pytest.mark.backend

NAN = float("nan")
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # one picture of three, joined
WORDS = "what a good bad film "


@pytest.fixture(scope="module")
def clf():
    return tiny_classifier()


PREDICTED = {  # texts, and texts that have the same outputs
    "F01 empty_text": (["", " \t\n"], ["", ""]),
    "F01 NUL alone": (["\0\0", "\0"], ["", ""]),
    "F02 unicode": ([FAMILY, "\u05e9\u05dc\u05d5\u05dd"], None),
    "F02 combining": (["go\u0301od", "\ufffd film"], None),
    "F02 BOM and four bytes": (["\ufeffgood", "\U00020000"], ["good", "\u4e00"]),
    "F04 nul": (["good\0film", "a\0"], ["goodfilm", "a"]),
    "F06 bytes": ([b"good", "caf\u00e9".encode()], ["good", "caf\u00e9"]),
    "F08 tuple": (("good", "bad"), ["good", "bad"]),
    "F08 object array": (np.array(["good", "bad"], dtype=object), ["good", "bad"]),
    "F08 generator": ((t for t in ["good", "bad"]), ["good", "bad"]),
}


@pytest.mark.parametrize(("texts", "same"), PREDICTED.values(), ids=PREDICTED)
def test_texts_that_are_accepted(texts, same, clf):
    probabilities = clf.predict_proba(texts, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    if same is not None:
        np.testing.assert_allclose(probabilities, clf.predict_proba(same, verbose=0), atol=1e-6)


REFUSED = {
    "F03 lone_surrogate": (["good", "\ud800"], r"texts\[1\].*lone surrogate"),
    "F06 invalid bytes": (["good", b"\xff"], r"texts\[1\].*not valid UTF-8"),
    "F07 none": (["good", None], r"texts\[1\] is not a text"),
    "F07 all of it": (None, "Texts are expected"),
    "F07 NaN": (["good", NAN], r"texts\[1\] is not a text"),
    "F08 mixed_types": (["good", 3], r"texts\[1\] is not a text"),
    "F08 numbers": ([1, 2], r"texts\[0\] is not a text"),
    "F08 nested": ([["good"]], r"texts\[0\] is not a text"),
    "F08 dict": ({"text": ["good"]}, "Texts are expected"),
    "F08 set": ({"good"}, "Texts are expected"),
    "F09 bare_string": ("good", r"wrap it: \[text\]"),
}


@pytest.mark.parametrize(("texts", "message"), REFUSED.values(), ids=REFUSED)
def test_texts_that_are_refused(texts, message, clf):
    with pytest.raises(DataError, match=message):
        clf.predict(texts, verbose=0)


@pytest.mark.libraries
def test_f07_f08_pandas(clf):
    pd = pytest.importorskip("pandas")
    with pytest.raises(DataError, match=r"texts\[1\] is not a text"):
        clf.predict(pd.Series(["good", pd.NA], index=[5, 0]), verbose=0)
    outputs = clf.predict(pd.Series(["good", "bad"], index=[1, 0]), verbose=0)
    np.testing.assert_allclose(outputs, clf.predict(["good", "bad"], verbose=0), atol=1e-6)


@pytest.mark.libraries
def test_f08_tf_data(clf):
    tf = pytest.importorskip("tensorflow")
    data = tf.data.Dataset.from_tensor_slices(["good", "bad"]).batch(2)
    expected = clf.predict(["good", "bad"], verbose=0)
    np.testing.assert_allclose(clf.predict(data, verbose=0), expected, atol=1e-6)


def test_f09_a_bare_string_is_one_text(clf):
    assert clf.classify("good") == clf.classify(["good"])[0]


def test_f10_empty_list(clf):
    assert clf.predict([]).shape == (0, 2)
    with pytest.raises(DataError, match="data set is empty"):
        clf.fit([], [], verbose=0)


TWO = ["good film", "bad film"]
FITS = {  # labels, options of fit, what the message says
    "F11 label_out_of_range": ([1, 5], {}, r"labels\[1\] is out of range.*value=5"),
    "F11 negative": ([-1, 0], {}, r"labels\[0\] is out of range.*value=-1"),
    "F11 2**40": ([0, 2**40], {}, r"labels\[1\] is out of range"),
    "F11 number of classes": ([0, 2], {}, r"labels\[1\] is out of range.*value=2"),
    "F12 label_types": (["positive", "positve"], {}, r"labels\[1\] is not a label.*'positive'"),
    "F12 half": ([0.5, 1], {}, r"labels\[0\] is not a class.*value=0.5"),
    "F12 NaN": ([NAN, 1], {}, r"labels\[0\] is not a class"),
    "F12 None": ([None, 1], {}, r"labels\[0\] is not a class"),
    "F12 digits": (["0", "1"], {}, r"labels\[0\] is not a label"),
    "F12 object": ([object(), 1], {}, r"labels\[0\] is not a class"),
    "F12 none at all": (None, {}, "Labels are missing"),
    "F13 length_mismatch": ([0], {}, "texts=2, labels=1"),
    "F16 num_classes vs labels": (["negative", "neutral"], {}, r"labels\[1\] is not a label"),
    "F19 wrong_weights": ([0, 1], {"sample_weight": [1, NAN]}, "sample_weight.*finite numbers"),
    "F19 negative": ([0, 1], {"sample_weight": [1, -1]}, "sample_weight.*not negative"),
    "F19 short": ([0, 1], {"sample_weight": [1]}, "sample_weight=1"),
    "F19 class_weight": ([0, 1], {"class_weight": {"neutral": 2.0}}, "class_weight.*'neutral'"),
    "F19 class_weight id": ([0, 1], {"class_weight": {7: 2.0}}, "class_weight is out of range"),
}


@pytest.mark.parametrize(("labels", "options", "message"), FITS.values(), ids=FITS)
def test_labels_and_weights_are_refused_before_the_first_step(labels, options, message, clf):
    before = keras.ops.convert_to_numpy(clf.backbone.weights[0]).copy()
    with pytest.raises(DataError, match=message):
        clf.fit(TWO, labels, verbose=0, **options)
    np.testing.assert_array_equal(before, keras.ops.convert_to_numpy(clf.backbone.weights[0]))


DOUBTS = {  # texts, labels, validation data, what the warning says
    "F14 single_class": (TWO, [0, 0], None, "all 2 labels are 'negative'"),
    "F15 class_absent_in_train": (
        ["good", "bad"],
        [0, 0],
        (TWO, [0, 1]),
        "labels that the training data lacks: 'positive'",
    ),
    "F17 odd_rows": (["good film"] * 2, [0, 1], None, "all 2 texts are the same"),
    "F17 contradicting": (["bad", "bad"], [0, 1], None, r"1 of 2 .*another label.*texts\[1\]"),
    "F12 accepted": (TWO, [b"positive", 0.0], None, ""),
}


@pytest.mark.parametrize(("texts", "labels", "held_out", "message"), DOUBTS.values(), ids=DOUBTS)
def test_what_is_trained_with_a_warning(texts, labels, held_out, message, clf):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.fit(texts, labels, validation_data=held_out, verbose=0)
    said = [str(w.message) for w in caught if w.category is UserWarning]
    assert any(re.search(message, text) for text in said) if message else not said


@pytest.mark.parametrize("waited_for", [True, False])
def test_f18_nonfinite_loss(waited_for, tmp_path):
    clf = tiny_classifier()
    clf.compile(optimizer=keras.optimizers.SGD(1e38))
    saved = keras.callbacks.ModelCheckpoint(tmp_path / "clf.weights.h5", save_weights_only=True)
    ended = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: pytest.fail("An epoch ended."))
    callbacks = [saved, ended] if waited_for else [ended]
    with pytest.raises(TrainingError, match=r"loss is (nan|inf) after step \d+ of epoch 1"):
        clf.fit(TEXTS * 4, LABELS * 4, batch_size=2, epochs=2, callbacks=callbacks, verbose=0)
    assert list(tmp_path.iterdir()) == []


def test_f20_predict_nonfinite():
    clf = tiny_classifier()
    clf.get_layer("logits").kernel.assign(np.full((8, 2), NAN, "float32"))
    arrays = clf.preprocessor(TWO)
    bare = type(clf)(clf.backbone, labels=clf.labels)
    bare.set_weights(clf.get_weights())
    for predict in (
        lambda: clf.predict(TWO, verbose=0),
        lambda: clf.predict_proba(TWO, verbose=0),
        lambda: clf.classify(TWO),
        lambda: list(clf.predict_iter(TWO)),
        lambda: bare.predict(arrays, verbose=0),
    ):
        with pytest.raises(PredictionError, match=r"output for texts\[0\] is not finite"):
            predict()


LONG = {
    "F05 one word": ("a" * 10_000_000, "a" * 200),
    "F05 many words": (WORDS * 500_000, WORDS * 50),
    "F05 a long word first": ("a" * 5_000_000 + " " + WORDS * 250_000, "a" * 200 + " " + WORDS * 9),
}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux reports it")
@pytest.mark.parametrize(("text", "same"), LONG.values(), ids=LONG)
def test_f05_long_text(text, same, clf):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = clf.predict([same, "good"], verbose=0)
        with measured() as cost:
            outputs = clf.predict([text, "good"], verbose=0)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    assert cost.seconds < 2
    assert cost.memory < 64 * 2**20


def test_f05_a_million_texts(clf):
    texts = ["good film"] * 1_000_000
    expected = clf.predict(["good film"], verbose=0)[0]
    next(clf.predict_iter(texts[:100], window=64))
    began = time.process_time()
    first = next(clf.predict_iter(texts, window=64))
    assert time.process_time() - began < 2
    np.testing.assert_allclose(first, expected, atol=1e-5)
    tracemalloc.start()  # what is asked for; the rest of the process has no part in it
    try:
        next(clf.predict_iter(texts, window=64))
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("family", ["bert", "roberta", "modernbert", "albert", "xlm_roberta"])
@pytest.mark.parametrize(
    "text",
    [
        WORDS * 20_000,
        ("good," + "bad " * 3 + "fi\u0301lm\n") * 20_000,
        "\u4e2d\u6587 film" * 40_000,
        "a" * LONGEST_RUN + " good film" * 30_000,
    ],
    ids=["words", "punctuation", "chinese", "a long word"],
)
def test_f05_the_first_tokens_are_those_of_the_whole_text(family, text):
    tokenizer = tiny_tokenizer(family)
    assert len(text) > SHORT
    whole, part = tokenizer(text), first_tokens(tokenizer, 512)([text, "good"])
    assert len(part[0]) >= 512
    assert part[0][:512] == whole[:512]
    assert len(part[0]) < len(whole)
    assert part[1] == tokenizer("good")
