"""Classifiers from scratch: vocabulary and labels from the data, training, presets."""

import json
import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks import tasks
from hub_tasks.backbones import values
from hub_tasks.errors import DataError, PresetFormatError
from hub_tasks.families import ENCODERS
from hub_tasks.tasks.refitting import best_epoch
from hub_tasks.tokenizers import TrainedTokenizer
from tests.checks.tiny import ENCODERS_OF_OURS, from_scratch, small, tiny_tokenizer

GOOD = ["good", "fine", "great", "warm"]
BAD = ["bad", "dull", "poor", "cold"]
TEXTS = [f"{word} {noun}" for word in GOOD + BAD for noun in ("film", "day, really", "book !")]
LABELS = ["yes"] * 12 + ["no"] * 12
QUIET = {"verbose": 0}


def forward(clf, texts) -> np.ndarray:
    """The outputs without what `predict` compiles."""
    return keras.ops.convert_to_numpy(clf(clf.preprocessor(texts), training=False))


def average(texts=TEXTS, labels=LABELS, **settings) -> hub_tasks.TextClassifier:
    """The encoder that costs least."""
    return from_scratch("average_embedding", texts, labels, **settings)


@pytest.fixture(scope="module")
def fitted():
    """Encoder -> a classifier that was trained, and its weights before; each made once."""
    made = {}

    def of(name: str):
        if name not in made:
            keras.utils.set_random_seed(1)
            clf = from_scratch(name, TEXTS, LABELS)
            clf.compile(keras.optimizers.Adam(0.03))  # which moves nothing without a gradient
            before = values(clf.weights)
            clf.fit(TEXTS, LABELS, epochs=12, batch_size=8, validation_split=0, **QUIET)
            made[name] = clf, before
        return made[name]

    return of


@pytest.fixture
def clf(fitted):
    return fitted("average_embedding")[0]


@pytest.mark.backend
@pytest.mark.parametrize("name", ENCODERS_OF_OURS)
def test_it_learns_with_all_of_its_weights(name, fitted):
    clf, before = fitted(name)
    after = values(clf.trainable_weights)
    assert [path for path in after if np.array_equal(before[path], after[path])] == []
    assert clf.labels == ("no", "yes")
    assert clf.problem_type == "single_label_classification"
    assert clf.evaluate(TEXTS, LABELS, return_dict=True, **QUIET)["accuracy"] > 0.9
    outputs = clf.predict(TEXTS, **QUIET)
    np.testing.assert_allclose(outputs, forward(clf, TEXTS), atol=1e-5)
    expected = [clf.labels[i] for i in outputs.argmax(axis=1)]
    assert [prediction.label for prediction in clf.classify(TEXTS)] == expected


@pytest.mark.parametrize("weights_format", ["h5", "safetensors"])
@pytest.mark.parametrize("name", ENCODERS_OF_OURS)
def test_a_preset_gives_equal_outputs(name, weights_format, fitted, tmp_path):
    clf, _ = fitted(name)
    clf.save_to_preset(tmp_path / "preset", weights_format)
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "preset")
    assert again.backbone.config == clf.backbone.config
    assert again.labels == clf.labels
    np.testing.assert_allclose(forward(again, TEXTS), forward(clf, TEXTS), atol=1e-6)
    fresh = hub_tasks.TextClassifier.from_preset(tmp_path / "preset", labels=["a", "b", "c"])
    assert forward(fresh, TEXTS[:2]).shape == (2, 3)


OF_TEXTS = ("unit", "max_vocabulary", "min_frequency", "case_marks", "space_marks")
WIDE = ("wide_dim", "wide_runs")  # whose values are limited


@pytest.mark.parametrize("name", ENCODERS_OF_OURS)
def test_every_setting_arrives(name):
    """What is changed in `encoder_defaults` is what the classifier has, the head's left alone."""
    changed = small(name)
    for key, value in changed.items():
        if isinstance(value, bool):
            changed[key] = not value
        elif isinstance(value, float):
            changed[key] = value / 2 + 0.01
        elif key not in ("unit", "character_ngrams", "min_frequency", *WIDE):
            changed[key] = (2, 4) if isinstance(value, tuple) else (value or 0) + 1
    clf = hub_tasks.TextClassifier.from_scratch(name, TEXTS, LABELS, hyper_parameters=changed)
    found = {**clf.preprocessor.tokenizer.options, **clf.backbone.config}
    for key, value in changed.items():
        if key not in (
            "unit",
            "max_vocabulary",
            "min_frequency",
            "case_marks",
            "space_marks",
            *WIDE,
        ):
            assert found[key] == value, key
    assert clf.preprocessor.sequence_length == changed["max_sequence_length"]


def test_overrides_come_before_hyper_parameters():
    clf = average(embedding_dim=5)
    assert clf.backbone.config["embedding_dim"] == 5
    again = hub_tasks.TextClassifier.from_scratch(
        "average_embedding", TEXTS, LABELS, hyper_parameters={"embedding_dim": 5}, embedding_dim=3
    )
    assert again.backbone.config["embedding_dim"] == 3


@pytest.mark.parametrize(
    ("encoder", "texts", "rows"),
    [
        ("average_embedding", ["a b c", "a b d", "b a"], 2 * 4),  # ab, bc, bd, ba
        ("kim_cnn", ["a", "b"], 0),
        ("cnn", ["很好吃", "很好看"], 2 * 3),
        ("fast_ngram", ["abcd b c", "abcd b d"], 2 * 3),  # of words, not of n-grams
    ],
)
def test_pairs_have_twice_as_many_rows_as_the_texts_have_pairs(encoder, texts, rows):
    labels = ["x", "y", "x"][: len(texts)]
    assert from_scratch(encoder, texts, labels).backbone.config["bigram_buckets"] == rows
    given = from_scratch(encoder, texts, labels, bigram_buckets=3)
    assert given.backbone.config["bigram_buckets"] == 3


def test_pairs_have_no_more_rows_than_the_class_says():
    words = [f"w{i}" for i in range(300)]
    texts = [f"{a} {b}" for a in words for b in words]
    clf = average(texts, ["x", "y"] * (len(texts) // 2))
    assert clf.backbone.config["bigram_buckets"] == hub_tasks.EncoderBackbone.most_bigrams


# --- what `fit` does by default


def epochs_of(history) -> int:
    return len(history.history["loss"])


class Watch(keras.callbacks.Callback):
    """Notes the weights after every epoch."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(values(self.model.weights))


class Worse(keras.callbacks.Callback):
    """Says of the second epoch that it is the best on what is held out."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = abs(epoch - 1.0)


def second_is_best(monkeypatch):
    """Lets every training of the recipe find its second epoch the best."""
    early = tasks.task._stopping_early
    monkeypatch.setattr(
        tasks.task,
        "_stopping_early",
        lambda given, patience: [Worse(), *early(given, patience)],
    )


def test_training_stops_early_with_the_weights_of_the_best_epoch(monkeypatch):
    clf, watch = average(), Watch()
    second_is_best(monkeypatch)
    recipe = clf.recipe.for_rows(len(TEXTS) - len(TEXTS) // 10)
    history = clf.fit(TEXTS, LABELS, callbacks=[watch], **QUIET)
    assert epochs_of(history) == min(2 + recipe.patience, recipe.epochs)
    for name, value in values(clf.weights).items():
        np.testing.assert_array_equal(value, watch.weights[1][name])


def test_ones_own_early_stopping_takes_the_place_of_ours():
    class Never(keras.callbacks.EarlyStopping):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.stop_training = True

    assert epochs_of(average().fit(TEXTS, LABELS, callbacks=[Never()], **QUIET)) == 2


@pytest.mark.parametrize(
    ("arguments", "held_out"),
    [
        ({}, True),
        ({"validation_split": 0}, False),
        ({"validation_split": 0.25}, True),
        ({"validation_data": (TEXTS[:2], LABELS[:2])}, True),
        ({"validation_data": (TEXTS[:2], LABELS[:2]), "validation_split": 0.5}, True),
        ({"class_weight": "balanced"}, True),
    ],
)
def test_what_is_held_out(arguments, held_out, clf):
    history = clf.fit(TEXTS, LABELS, epochs=1, **arguments, **QUIET)
    assert ("val_loss" in history.history) == held_out
    assert epochs_of(history) == 1
    if "validation_split" in arguments:
        assert clf.last_run.texts == 24 * (1 - arguments["validation_split"])


def certain(labels) -> hub_tasks.TextClassifier:
    """A classifier whose training has nothing random."""
    keras.utils.set_random_seed(4)
    none = dict.fromkeys(("word_dropout", "embedding_dropout", "dropout"), 0.0)
    clf = average(TEXTS, labels, wide_dim=0, **none)
    clf.fit(TEXTS, labels, epochs=1, shuffle=False, validation_split=0, **QUIET)
    return clf


@pytest.mark.backend
@pytest.mark.parametrize(
    ("few", "labels", "again"),
    [
        (False, LABELS, 2),
        (True, LABELS, 5),  # what few rows find best is chance
        (True, [0.5, 1.5] * 12, 2),
        (False, [[label] for label in LABELS], 4),  # rare ones are learnt later
    ],
    ids=["many", "few", "few numbers", "several labels"],
)
def test_training_begins_anew_with_the_rows_held_out(few, labels, again, monkeypatch):
    monkeypatch.setattr(hub_tasks.backbones.recipe, "_VERY_FEW", 0)
    monkeypatch.setattr(hub_tasks.backbones.recipe, "_FEW", len(TEXTS) + 1 if few else 0)
    second_is_best(monkeypatch)
    clf, other = certain(labels), certain(labels)
    history = clf.fit(TEXTS, labels, epochs=5, shuffle=False, **QUIET)
    assert clf.history is history
    assert history.history["val_loss"] == [1.0, 0.0, 1.0, 2.0, 3.0]
    held = len(TEXTS) // 10
    assert clf.last_run.texts == 5 * (len(TEXTS) - held) + again * len(TEXTS)
    other.fit(TEXTS, labels, epochs=again, shuffle=False, validation_split=0, **QUIET)
    np.testing.assert_allclose(forward(clf, TEXTS), forward(other, TEXTS), atol=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"callbacks": [keras.callbacks.Callback()]},
        {"callbacks": keras.callbacks.TerminateOnNaN()},
        {"validation_split": 0.1},
        {"validation_data": (TEXTS, LABELS)},
        {"initial_epoch": 1},
        {"steps_per_epoch": 2},
        {"validation_freq": 2},
    ],
    ids=str,
)
def test_who_takes_part_in_the_training_keeps_what_it_gave(arguments, clf):
    epochs = 3 - arguments.get("initial_epoch", 0)
    history = clf.fit(TEXTS, LABELS, epochs=3, **arguments, **QUIET)
    assert len(history.history["val_loss"]) == epochs // arguments.get("validation_freq", 1)
    assert clf.last_run.texts <= epochs * len(TEXTS)


def test_who_only_watches_is_no_hindrance(clf, tmp_path):
    report = hub_tasks.callbacks.ClassificationReport(verbose=0)
    log = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    history = clf.fit(TEXTS, LABELS, epochs=3, callbacks=[report, log], **QUIET)
    assert len(history.epoch) == 3
    assert clf.last_run.texts == 3 * (len(TEXTS) - len(TEXTS) // 10) + 3 * len(TEXTS)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4  # of the first training


def test_a_doubt_is_said_once_and_of_the_rows_as_they_were_given(clf):
    texts, labels = [*TEXTS, TEXTS[3]], [*LABELS, "no"]
    for _ in range(3):  # whatever is held out
        with pytest.warns(UserWarning, match="have another label") as warned:
            clf.fit(texts, labels, epochs=1, **QUIET)
        [doubt] = [w for w in warned if "have another label" in str(w.message)]
        assert "first texts[24] (and texts[3])" in str(doubt.message)
        assert doubt.filename == __file__


def test_labels_that_only_the_validation_data_has_are_named(clf):
    with pytest.warns(UserWarning, match="training data lacks: 'no'") as warned:
        clf.fit(TEXTS[:12], LABELS[:12], epochs=1, validation_data=(TEXTS, LABELS), **QUIET)
    [found] = [w for w in warned if "training data lacks" in str(w.message)]
    assert found.filename == __file__


def test_an_epoch_without_a_loss_is_not_the_best():
    assert best_epoch([0.5, math.nan, 0.3, 0.4]) == 3
    assert best_epoch([math.nan, 0.5]) == 2


@pytest.mark.backend
def test_pairs_of_many_rows_are_trained_more_slowly(monkeypatch):
    monkeypatch.setattr(hub_tasks.backbones.recipe, "_FEW", 0)
    clf, rates = average(), []
    for many in (len(TEXTS) + 1, len(TEXTS) // 2):
        monkeypatch.setattr(hub_tasks.backbones.recipe, "_MANY", many)
        clf.fit(TEXTS, LABELS, epochs=1, **QUIET)
        rates.append(float(clf.optimizer.bigram_rate))
    assert rates == [4.0, 1.0]


def test_seeds_reproduce_a_run():
    outputs = []
    for seed in (7, 7, 8):
        keras.utils.set_random_seed(seed)
        clf = average()
        clf.fit(TEXTS, LABELS, epochs=2, **QUIET)
        outputs.append(forward(clf, TEXTS))
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert np.abs(outputs[0] - outputs[2]).max() > 1e-6


def test_a_stream_is_trained_on_but_gives_no_vocabulary(clf):
    def batches():
        yield TEXTS, LABELS

    history = clf.fit(batches(), **QUIET)
    assert epochs_of(history) == 1
    with pytest.raises(DataError, match="vocabulary is made from all texts"):
        average(batches(), None)


# --- labels


@pytest.mark.parametrize(
    ("labels", "arguments", "names", "problem"),
    [
        ([1, 0] * 12, {}, ("LABEL_0", "LABEL_1"), "single_label_classification"),
        (np.array([1, 0] * 12), {}, ("LABEL_0", "LABEL_1"), "single_label_classification"),
        ([True, False] * 12, {}, ("LABEL_0", "LABEL_1"), "single_label_classification"),
        ([0, 2] * 12, {"label_names": ["a", "b", "c"]}, ("a", "b", "c"), None),
        (["b", "a"] * 12, {"label_names": ["b", "a"]}, ("b", "a"), None),
        ([["a"], ["a", "b"], []] * 8, {}, ("a", "b"), "multi_label_classification"),
        (
            np.eye(3)[[0, 1, 2] * 8],
            {},
            ("LABEL_0", "LABEL_1", "LABEL_2"),
            "multi_label_classificat",
        ),
        ([0.5, 1.5] * 12, {}, ("LABEL_0",), "regression"),
        ([1, 5] * 12, {"problem_type": "regression"}, ("LABEL_0",), "regression"),
        (["1", "2"] * 12, {}, ("1", "2"), "single_label_classification"),
    ],
    ids=str,
)
def test_labels_say_what_the_problem_is(labels, arguments, names, problem):
    clf = average(labels=labels, **arguments)
    assert clf.labels == names
    assert clf.problem_type.startswith(problem or "single_label_classification")
    clf.label_space.encode(labels)


@pytest.mark.parametrize(
    ("labels", "arguments", "message"),
    [
        (["a"] * 24, {}, r"at least 2 classes; the labels have 1.*\['a'\]"),
        (["a"] * 24, {"label_names": ["a"]}, "at least 2 classes"),
        ([0] * 24, {}, "at least 2 classes"),
        (None, {}, "Labels are missing"),
        ([0, 2] * 12, {}, r"from 0 to the number of classes.*str\(label\).*ids=\[0, 2\]"),
        ([1, 2] * 12, {}, r"label_names=.*ids=\[1, 2\]"),
        ([1, "a"] * 12, {}, r"all of them strings.*labels\[0\] is not.*=1"),
        ([None, "a"] * 12, {}, r"labels\[0\] is not.*None"),
        (["a", "b"] * 12, {"label_names": ["a", "c"]}, r"labels\[1\] is not a label.*'b'"),
        (["a", "b"] * 12, {"problem_type": "regression"}, "numbers.*Received"),
        (["a", "b"] * 12, {"problem_type": "sorting"}, "`problem_type` must be one of"),
        (["a", "b"] * 11, {}, "one entry per row.*texts=24, labels=22"),
        ([[], []] * 12, {}, "at least 1"),
    ],
    ids=str,
)
def test_labels_that_make_no_classifier(labels, arguments, message):
    with pytest.raises((DataError, ValueError), match=message) as caught:
        average(labels=labels, **arguments)
    assert isinstance(caught.value, DataError)


@pytest.mark.parametrize("labels", [[["a"], ["b"], ["a", "b"]] * 8, [0.5, 1.5, 2.5] * 8])
def test_other_problems_are_trained_too(labels):
    clf = average(labels=labels)
    history = clf.fit(TEXTS, labels, epochs=1, **QUIET)
    assert np.isfinite(history.history["val_loss"]).all()


def test_one_example_of_a_class(clf):
    texts, labels = TEXTS[:13], LABELS[:13]
    with pytest.raises(DataError, match=r"'no' has one example.*validation_split=0"):
        clf.fit(texts, labels, epochs=1, validation_split=0.2, **QUIET)
    clf.fit(texts, labels, epochs=1, **QUIET)  # by default it is trained on
    for share in (-0.1, 1.0, 1.5):
        with pytest.raises(DataError, match="at least 0 and less than 1"):
            clf.fit(TEXTS, LABELS, epochs=1, validation_split=share, **QUIET)


# --- names and settings that do not exist


@pytest.mark.parametrize(
    ("encoder", "settings", "error", "message"),
    [
        ("bi_lstm", {}, PresetFormatError, "Unknown encoder.*Did you mean 'bilstm'"),
        (["cnn"], {}, PresetFormatError, "Unknown encoder"),
        ("bilstm", {"unit_s": 3}, DataError, r"no 'unit_s'\. Did you mean 'units'.*unit_s=3"),
        ("cnn", {"word_ngrams": 2}, DataError, "no 'word_ngrams'"),
        ("cnn", {"vocabulary_size": 9}, DataError, "Did you mean 'max_vocabulary'"),
        ("cnn", {"unit": "words"}, DataError, "unit must be one of word.*'words'"),
        ("cnn", {"lowercase": "yes"}, DataError, "lowercase must be true or false"),
        ("cnn", {"case_marks": "yes"}, DataError, "case_marks must be true or false"),
        ("cnn", {"space_marks": 1}, DataError, "space_marks must be true or false"),
        ("cnn", {"max_vocabulary": "9"}, DataError, "max_vocabulary must be an integer"),
        ("cnn", {"max_vocabulary": 3}, DataError, "max_vocabulary must be an integer from 4"),
        ("cnn", {"min_frequency": -1}, DataError, "min_frequency must be an integer"),
        ("cnn", {"min_frequency": 99}, DataError, "empty vocabulary.*min_frequency=99"),
        ("fast_ngram", {"word_ngrams": 0}, DataError, "word_ngrams must be an integer from 1"),
        ("fast_ngram", {"buckets": -1}, DataError, "buckets must be an integer from 0"),
        ("fast_ngram", {"character_ngrams": 3}, DataError, "character_ngrams must be two"),
        ("fast_ngram", {"character_ngrams": (5, 3)}, DataError, "shortest and the longest"),
        ("fast_ngram", {"character_ngrams": (0, 3)}, DataError, "from 1 character"),
    ],
    ids=str,
)
def test_settings_that_are_refused(encoder, settings, error, message):
    with pytest.raises(error, match=message):
        hub_tasks.TextClassifier.from_scratch(encoder, TEXTS, LABELS, **settings)


@pytest.mark.parametrize("texts", [[""] * 24, [" \n", "\t"] * 12, [[]] * 24, ["\u200d"] * 24])
def test_texts_without_a_token(texts):
    with pytest.raises(DataError, match="empty vocabulary"):
        average(texts)


@pytest.mark.parametrize("pooling", ["cls", "mean", "attention"])
def test_there_are_no_tokens_to_pool(pooling, clf):
    with pytest.raises(DataError, match=r"AverageEmbeddingBackbone gives one vector.*Received"):
        hub_tasks.TextClassifier(clf.backbone, 2, clf.preprocessor, pooling=pooling)


def test_classifiers_of_a_family_are_not_made_from_scratch():
    with pytest.raises(DataError, match=r"BertTextClassifier.*TextClassifier\.from_scratch"):
        hub_tasks.BertTextClassifier.from_scratch("cnn", TEXTS, LABELS)


# --- texts


def test_pairs_are_joined_by_a_token_between_them():
    clf = average((TEXTS, TEXTS[::-1]))
    clf.fit((TEXTS, TEXTS[::-1]), LABELS, epochs=1, **QUIET)
    arrays = clf.preprocessor((["good film"], ["dull day"]))
    tokenizer = clf.preprocessor.tokenizer
    found = [tokenizer.id_to_token(i) for i in arrays["token_ids"][0][:6]]
    assert found == ["good", "film", "[SEP]", "dull", "day", "[PAD]"]
    assert clf.predict((["good film"], ["dull day"]), **QUIET).shape == (1, 2)


def test_texts_of_pairs_are_compared():
    pairs = TEXTS, TEXTS[::-1]
    between = average(pairs).backbone.config["pair_separator"]
    assert average(pairs).preprocessor.tokenizer.id_to_token(between) == "[SEP]"
    assert average(pairs).backbone.config["overlap_entries"] == 64
    assert average(pairs, overlap_entries=5).backbone.config["overlap_entries"] == 5
    for clf in (average(TEXTS), average(pairs, pair_separator=0)):
        assert clf.backbone.config["pair_separator"] == clf.backbone.config["overlap_entries"] == 0


SPLIT = [[*text.split(), "New York"] for text in TEXTS]


def test_texts_may_come_as_lists_of_tokens(tmp_path):
    clf = average(SPLIT)
    assert clf.preprocessor.tokenizer.options["unit"] == "token"
    assert "new york" in clf.preprocessor.tokenizer.vocabulary
    clf.fit(SPLIT, LABELS, epochs=1, **QUIET)
    assert clf.predict(SPLIT, **QUIET).shape == (24, 2)
    assert len(clf.classify([["New York"], []])) == 2
    ids = clf.preprocessor([["New York", "good"], ["New", "York"]])["token_ids"]
    known = clf.preprocessor.tokenizer.token_to_id("new york")
    assert (ids[0] == known).sum() == 1
    assert (ids[1] == known).sum() == 0
    np.testing.assert_array_equal(
        clf.preprocessor(["good film"])["token_ids"],
        clf.preprocessor([["good", "film"]])["token_ids"],
    )
    clf.save_to_preset(tmp_path / "preset")
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "preset")
    np.testing.assert_allclose(forward(again, SPLIT), forward(clf, SPLIT), atol=1e-6)
    assert average((SPLIT, SPLIT)).predict(([["a"]], [["b", "c d"]]), **QUIET).shape == (1, 2)


def test_tokens_where_strings_were_trained_on_are_joined(clf):
    np.testing.assert_array_equal(
        forward(clf, [["good", "film"], ["dull"]]), forward(clf, ["good film", "dull"])
    )


@pytest.mark.parametrize("text", [[1, 2], ["a", None], ("a", "b"), ["\ud800"], {"a": 1}])
def test_lists_of_what_is_no_token(text, clf):
    with pytest.raises(DataError, match=r"texts\[1\].*is not a text|surrogate"):
        clf.predict(["good", text], **QUIET)


def test_an_encoder_of_a_family_takes_strings_alone():
    with pytest.raises(DataError, match=r"texts\[0\] is not a text"):
        hub_tasks.TextClassifierPreprocessor(tiny_tokenizer())([["good"]])


@pytest.mark.parametrize(
    ("texts", "unit"),
    [
        (["今天天气很好", "股市大跌"], "character"),
        (["今日はいい天気です", "コーヒー"], "character"),
        (["วันนี้อากาศดี", "แย่มาก"], "character"),
        (["今天 OK 很好", "iPhone手机很贵的"], "character"),
        (["오늘 날씨가 좋다", "나쁘다"], "word"),
        (["Добрый день", "плохо"], "word"),
        (["हिन्दी में लिखा", "बुरा"], "word"),
        (["good", "the word 好 means good"], "word"),
        (["12 34", "!!!"], "word"),
    ],
)
def test_the_script_says_what_a_token_is(texts, unit):
    clf = average(texts * 2, ["a", "b"] * 2)
    assert clf.preprocessor.tokenizer.options["unit"] == unit


@pytest.mark.parametrize("name", ENCODERS_OF_OURS)
def test_words_are_marked_as_they_were_written(name):
    titles = [f"a {t.title()}" for t in TEXTS]
    for options, marks in (({}, True), ({"case_marks": False}, False)):
        clf = hub_tasks.TextClassifier.from_scratch(name, titles, LABELS, **options)
        tokenizer = clf.preprocessor.tokenizer
        assert tokenizer.options["case_marks"] is ("[CAP]" in tokenizer.vocabulary) is marks


@pytest.mark.parametrize("options", [{}, {"space_marks": False}])
def test_white_space_between_characters_is_told(options, tmp_path):
    clf = average(["好 天气", "坏天 气"] * 4, ["a", "b"] * 4, **options)
    told = not options
    found = [clf.preprocessor.tokenizer(text) for text in ("好\u3000天", " 好天\n")]
    assert [len(ids) for ids in found] == [2 + told, 2]
    assert (found[0] == found[1]) is not told
    clf.save_to_preset(tmp_path / "preset")
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "preset")
    assert [again.preprocessor.tokenizer(text) for text in ("好 天", "好天")] == found


def test_averages_of_short_texts_go_in_larger_batches():
    clf = average()
    for longest, rows in ((256, 4096), (257, 1024)):
        clf.predict(["good"] * 4095 + ["x" * longest], verbose=0)
        assert {height for height, _ in clf.last_run.shapes} == {rows}
    clf.predict(["good"] * 4096, batch_size=512, verbose=0)
    assert {height for height, _ in clf.last_run.shapes} == {512}


@pytest.mark.backend
def test_few_texts_are_not_worth_a_second_program_but_a_training_is():
    clf, texts = average(), ["good"] * 128 + ["good " * 24] * 128
    clf.predict(texts, batch_size=32, verbose=0)
    assert len(clf.last_run.shapes) == (1 if keras.backend.backend() == "jax" else 2)
    labels = [LABELS[0], next(x for x in LABELS if x != LABELS[0])] * 128
    clf.fit(texts, labels, batch_size=32, epochs=1, validation_split=0, verbose=0)
    assert len(clf.last_run.shapes) == 2


def test_sizes_of_the_vocabulary():
    whole = average().preprocessor.tokenizer.vocabulary
    assert whole[:3] == ("[PAD]", "[UNK]", "[SEP]")
    frequent = average(min_frequency=8).preprocessor.tokenizer.vocabulary
    assert set(frequent[3:]) == {"film", "day", ",", "really", "book", "!"}
    assert len(average(max_vocabulary=5).preprocessor.tokenizer.vocabulary) == 5
    cased = average([t.title() for t in TEXTS], lowercase=False).preprocessor.tokenizer
    assert "Good" in cased.vocabulary
    pieces = average(unit="subword", max_vocabulary=40).preprocessor.tokenizer
    assert len(pieces.vocabulary) == 40
    assert pieces.special_ids["unknown"] not in pieces("filmed")


# --- in another process

ELSEWHERE = """
import json, sys
import keras, hub_tasks
from hub_tasks.families import ENCODERS
from hub_tasks.tokenizers import TrainedTokenizer
folder, texts = sys.argv[1], json.loads(sys.argv[2])
answers = {}
for name in ("fast_ngram", "cnn"):
    clf = hub_tasks.TextClassifier.from_preset(folder + "/" + name)
    outputs = keras.ops.convert_to_numpy(clf(clf.preprocessor(texts), training=False))
    answers[name] = [outputs.tolist(), clf.preprocessor.tokenizer(texts)]
try:
    hub_tasks.TextClassifier.from_preset(folder + "/own")
except Exception as error:
    answers["own"] = [type(error).__name__, str(error)]
texts = [" ".join(c * n for c in "abcdefgh" for n in range(1, 9))] * 3
made = TrainedTokenizer.train(texts, ENCODERS["cnn"], unit="subword", max_vocabulary=40)
answers["vocabulary"] = made.vocabulary
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def elsewhere(fitted, tmp_path_factory):
    """What another process makes of presets, and of the same texts."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name in ("fast_ngram", "cnn"):
        fitted(name)[0].save_to_preset(folder / name)

    class ElsewhereBackbone(hub_tasks.EncoderBackbone):
        def encode(self, x, mask):
            return x[:, 0]

    from_scratch("elsewhere", TEXTS, LABELS).save_to_preset(folder / "own")
    command = [sys.executable, "-c", ELSEWHERE, str(folder), json.dumps(TEXTS)]
    finished = subprocess.run(
        command, env={**os.environ, "PYTHONHASHSEED": "99"}, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.mark.backend
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow alone")
def test_variables_of_a_strategy_are_trained_alike():
    import tensorflow as tf

    trained = []
    for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0"])):
        with strategy.scope():
            keras.utils.set_random_seed(0)
            clf = average()
            fixed = {"validation_split": 0, "shuffle": False}
            clf.fit(TEXTS, LABELS, epochs=2, batch_size=8, **fixed, **QUIET)
            trained.append(clf.get_weights())
            clf.optimizer.get_config()
    for ours, theirs in zip(*trained, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["fast_ngram", "cnn"])
def test_it_means_the_same_in_another_process(name, elsewhere, fitted):
    clf, _ = fitted(name)
    outputs, ids = elsewhere[name]
    assert ids == clf.preprocessor.tokenizer(TEXTS)
    np.testing.assert_allclose(outputs, forward(clf, TEXTS), atol=1e-6)


def test_an_encoder_whose_class_is_not_defined_says_what_to_import(elsewhere):
    error, message = elsewhere["own"]
    assert error == "PresetFormatError"
    assert "Received: family='elsewhere'" in message
    assert "import the module that defines its class" in message


def test_a_vocabulary_of_pieces_is_the_same_in_every_process(elsewhere):
    texts = [" ".join(c * n for c in "abcdefgh" for n in range(1, 9))] * 3
    made = TrainedTokenizer.train(texts, ENCODERS["cnn"], unit="subword", max_vocabulary=40)
    assert list(made.vocabulary) == elsewhere["vocabulary"]
