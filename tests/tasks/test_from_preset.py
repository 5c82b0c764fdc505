"""`from_preset`'s contract, and errors that come before any work is lost."""

import numpy as np
import pytest

import hub_tasks
from hub_tasks.errors import (
    DataError,
    PresetError,
    PresetFormatError,
    PresetNotFoundError,
    PresetSaveError,
)
from tests.checks.tiny import LABELS, TEXTS, tiny_classifier


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    directory = tmp_path_factory.mktemp("presets") / "tiny"
    clf = tiny_classifier()
    clf.save_to_preset(directory)
    return directory


@pytest.fixture(scope="module")
def clf():
    return tiny_classifier()


def test_labels_or_num_classes_make_a_fresh_head(saved):
    named = hub_tasks.TextClassifier.from_preset(saved, labels=["a", "b", "c"])
    assert named.labels == ("a", "b", "c")
    counted = hub_tasks.TextClassifier.from_preset(saved, num_classes=4)
    assert counted.labels == ("LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3")
    same = hub_tasks.TextClassifier.from_preset(saved, num_classes=2)
    kept = hub_tasks.TextClassifier.from_preset(saved)
    kernels = [np.array(c.get_layer("logits").get_weights()[0]) for c in (same, kept)]
    assert not np.allclose(*kernels)


def test_the_options_of_keras_hub_are_accepted(saved):
    clf = hub_tasks.BertTextClassifier.from_preset(
        saved, sequence_length=8, dropout=0.3, activation="softmax", name="mine", dtype="bfloat16"
    )
    assert clf.preprocessor.sequence_length == 8
    assert (clf.dropout, clf.activation, clf.name) == (0.3, "softmax", "mine")
    assert clf.backbone.dtype_policy.name == "bfloat16"
    np.testing.assert_allclose(clf.predict(TEXTS, verbose=0).sum(axis=1), 1, atol=1e-2)
    bare = hub_tasks.BertTextClassifier.from_preset(saved, preprocessor=None)
    assert bare.preprocessor is None


def test_another_backbone_may_be_passed(saved):
    backbone = hub_tasks.BertBackbone.from_preset(saved)
    clf = hub_tasks.TextClassifier.from_preset(saved, backbone=backbone, num_classes=2)
    assert clf.backbone is backbone


def test_weights_stay_at_random_where_asked(saved):
    loaded, random = (
        hub_tasks.BertBackbone.from_preset(saved, load_weights=flag) for flag in (True, False)
    )
    assert not np.allclose(loaded.get_weights()[0], random.get_weights()[0])


def test_parts_load_and_save_by_themselves(saved, tmp_path):
    hub_tasks.BertTokenizer.from_preset(saved).save_to_preset(tmp_path / "tokenizer")
    tokenizer = hub_tasks.BertTokenizer.from_preset(tmp_path / "tokenizer")
    hub_tasks.BertBackbone.from_preset(saved).save_to_preset(tmp_path / "backbone")
    backbone = hub_tasks.Backbone.from_preset(tmp_path / "backbone")
    preprocessor = hub_tasks.BertTextClassifierPreprocessor.from_preset(saved)
    preprocessor.save_to_preset(tmp_path / "preprocessor")
    again = hub_tasks.BertTextClassifierPreprocessor.from_preset(tmp_path / "preprocessor")
    assert again.sequence_length == preprocessor.sequence_length
    clf = hub_tasks.BertTextClassifier(
        backbone,
        preprocessor=hub_tasks.BertTextClassifierPreprocessor(tokenizer, 16),
        num_classes=2,
    )
    assert clf.predict(TEXTS, verbose=0).shape == (6, 2)


def test_an_encoder_without_a_head_asks_for_labels(saved, tmp_path):
    hub_tasks.BertBackbone.from_preset(saved).save_to_preset(tmp_path / "encoder")
    with pytest.raises(PresetFormatError, match="labels="):
        hub_tasks.TextClassifier.from_preset(tmp_path / "encoder")
    with pytest.raises(PresetNotFoundError, match="no tokenizer"):
        hub_tasks.TextClassifier.from_preset(tmp_path / "encoder", num_classes=2)


def test_weights_that_are_loaded_are_not_drawn_at_random_first(saved, monkeypatch):
    drawn, generator = [], np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed: drawn.append(1) or generator(seed))
    hub_tasks.BertBackbone.from_preset(saved)
    assert drawn == []
    backbone = hub_tasks.BertBackbone.from_preset(saved, load_weights=False)
    assert len(drawn) >= len([v for v in backbone.weights if v.path.endswith("kernel")])


def test_a_missing_pooler_is_fresh_with_a_warning(minilm, tmp_path):
    from safetensors.numpy import load_file, save_file

    for name in ("config.json", "vocab.txt", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((minilm / name).read_bytes())
    tensors = load_file(minilm / "model.safetensors")
    save_file(
        {n: t for n, t in tensors.items() if "pooler" not in n}, tmp_path / "model.safetensors"
    )
    with pytest.warns(UserWarning, match="pooled_dense"):
        backbone = hub_tasks.BertBackbone.from_preset(tmp_path)
    kernel = backbone.get_layer("pooled_dense").get_weights()[0]
    assert 0.01 < kernel.std() < 0.03


@pytest.mark.parametrize(
    ("handle", "message"),
    [
        ("no_such_preset", "Accepted"),
        ("bert_tiny_en_sentimnt", "bert_tiny_en_sentiment"),
        ("./no/such/directory", "directory"),
        ("https://example.org/preset", "hf://org/model"),
        ("hf://", "hf://org/model"),
        ("kaggle://x", "kaggle://org/model/keras/variant"),
        (17, "Accepted"),
    ],
)
def test_handles_of_no_accepted_form(handle, message):
    with pytest.raises(PresetNotFoundError, match=message):
        hub_tasks.TextClassifier.from_preset(handle)


def test_a_directory_that_is_no_preset(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(PresetNotFoundError, match=r"config\.json"):
        hub_tasks.TextClassifier.from_preset(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": ["a", "a"]}, "twice"),
        ({"labels": "ab"}, "list"),
        ({"labels": []}, "list"),
        ({"labels": ["a", "b"], "num_classes": 3}, "2 label names"),
        ({"num_classes": 0}, "at least 1"),
        ({"num_classes": "2"}, "integer"),
        ({"num_classes": 1, "problem_type": "single_label_classification"}, "two classes"),
        ({"num_classes": 2, "problem_type": "multilabel"}, "multi_label_classification"),
        ({"num_classes": 2, "activation": "soft"}, "softmax"),
        ({"num_classes": 2, "sequence_length": 4096}, "24"),
    ],
)
def test_arguments_that_make_no_sense(saved, arguments, message):
    with pytest.raises((DataError, PresetError), match=message):
        hub_tasks.TextClassifier.from_preset(saved, **arguments)


NAN = float("nan")


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["good", None], [0, 1], r"texts\[1\]"),
        (["good", 3], [0, 1], r"texts\[1\]"),
        ([1, 2], [0, 1], r"texts\[0\]"),
        ([["good"], ["bad"]], [0, 1], r"texts\[0\]"),
        (["good", b"\xff"], [0, 1], r"texts\[1\].*UTF-8"),
        (["good", "\ud800"], [0, 1], r"texts\[1\].*surrogate"),
        (["good", NAN], [0, 1], r"texts\[1\]"),
        (["good", "bad"], ["positive", "positve"], r"labels\[1\].*positive"),
        (["good", "bad"], [0, 2], r"labels\[1\]"),
        (["good", "bad"], [-1, 0], r"labels\[0\]"),
        (["good", "bad"], [0.5, 0], r"labels\[0\]"),
        (["good", "bad"], [NAN, 0], r"labels\[0\]"),
        (["good", "bad"], [0], "texts=2, labels=1"),
        (["good", "bad"], None, "Labels are missing"),
        ([], [], "empty"),
        (None, None, "Texts are expected"),
        ({"good"}, [1], "list, tuple"),
        ("good", ["positive"], "wrap it"),
    ],
)
def test_bad_data_is_refused_before_the_first_step(clf, texts, labels, message):
    before = [weight.copy() for weight in clf.get_weights()]
    with pytest.raises(DataError, match=message):
        clf.fit(texts, labels, verbose=0)
    for old, new in zip(before, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_weight": [1, NAN, 1, 1, 1, 1]}, "sample_weight"),
        ({"sample_weight": [1, -1, 1, 1, 1, 1]}, "sample_weight"),
        ({"sample_weight": [1, 1]}, "sample_weight=2"),
        ({"class_weight": {"neutral": 2.0}}, "neutral"),
        ({"class_weight": {0: -2.0}}, "class_weight"),
        ({"class_weight": "even"}, "balanced"),
        ({"validation_split": 1.5}, "validation_split"),
        ({"validation_data": (["good"], ["unknown"])}, "unknown"),
        ({"validation_data": ([None], [1])}, r"texts\[0\]"),
    ],
)
def test_bad_options_are_refused_before_the_first_step(clf, options, message):
    before = clf.get_weights()[0].copy()
    with pytest.raises(DataError, match=message):
        clf.fit(TEXTS, LABELS, verbose=0, **options)
    np.testing.assert_array_equal(before, clf.get_weights()[0])


def test_a_generator_cannot_be_read_twice(clf):
    with pytest.raises(DataError, match="steps_per_epoch"):
        clf.fit(iter(zip(TEXTS, LABELS, strict=True)), epochs=2, verbose=0)
    with pytest.raises(DataError, match="in memory"):
        clf.fit(iter([(TEXTS, LABELS)]), validation_split=0.5, verbose=0)
    with pytest.raises(DataError, match="in memory"):
        clf.fit(iter([(TEXTS, LABELS)]), class_weight="balanced", verbose=0)
    with pytest.raises(DataError, match="empty"):
        clf.fit(iter([]), verbose=0)


def test_classes_that_only_validation_holds_are_named(clf):
    with pytest.warns(UserWarning, match="negative"):
        clf.fit(["good"] * 4, [1] * 4, validation_data=(TEXTS, LABELS), verbose=0)


def test_what_cannot_be_saved(clf, tmp_path):
    (tmp_path / "file").write_text("mine")
    for target in (tmp_path / "file", tmp_path, ""):
        with pytest.raises(PresetSaveError):
            clf.save_to_preset(target)
    assert (tmp_path / "file").read_text() == "mine"
    broken = tiny_classifier()
    broken.backbone.weights[0].assign(np.full(broken.backbone.weights[0].shape, np.nan))
    with pytest.raises(PresetSaveError, match="token_embedding"):
        broken.save_to_preset(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_source_of_a_preset_is_told(saved):
    clf = hub_tasks.TextClassifier.from_preset(saved)
    assert clf.preset_source.handle == str(saved)
