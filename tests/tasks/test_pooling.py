"""What stands for a text: the family's own, the first token, or its tokens pooled."""

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.errors import DataError, PresetSaveError
from hub_tasks.families import FAMILIES
from hub_tasks.layers import AttentionPooling, MaskedPooling
from hub_tasks.presets.schema import POOLINGS
from tests.checks.tiny import LABELS, TEXTS, tiny_classifier

X = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], "int32")


@pytest.mark.backend
@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (MaskedPooling("mean"), [X[0, :2].mean(0), X[1].mean(0)]),
        (MaskedPooling("max"), [X[0, :2].max(0), X[1].max(0)]),
    ],
    ids=["mean", "max"],
)
@pytest.mark.parametrize("training", [False, True])
def test_pooling_by_hand(layer, expected, training):
    outputs = keras.ops.convert_to_numpy(layer(X, padding_mask=MASK, training=training))
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


@pytest.mark.backend
def test_attention_by_hand():
    layer = AttentionPooling()
    layer.build(X.shape)
    query = np.array([[2.0], [-1.0], [0.5]], "float32")
    layer.query.assign(query)
    weights = np.exp(X @ query)[..., 0] * MASK
    weights /= weights.sum(1, keepdims=True)
    outputs = keras.ops.convert_to_numpy(layer(X, padding_mask=MASK))
    np.testing.assert_allclose(outputs, (X * weights[..., None]).sum(1), atol=1e-5)


@pytest.mark.backend
@pytest.mark.parametrize(
    ("family", "pooling"),
    [("bert", "mean"), ("roberta", "attention"), ("modernbert", "max"), ("deberta_v3", "cls")],
)
def test_padding_is_left_out_and_presets_keep_it(family, pooling, tmp_path):
    one = {"num_layers": 1}
    clf = tiny_classifier(family, sizes=one, labels=["a", "b"], pooling=pooling, dropout=0.0)
    clf.fit(TEXTS, [{"positive": "a"}.get(label, "b") for label in LABELS], verbose=0)
    together = clf.predict(TEXTS, verbose=0)
    for i in (2, 3):  # the shortest, which are padded most
        alone = clf.predict(TEXTS[i : i + 1], verbose=0)
        np.testing.assert_allclose(together[i : i + 1], alone, atol=1e-5)
    clf.save_to_preset(tmp_path / "preset")
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "preset")
    assert again.pooling == pooling
    np.testing.assert_allclose(again.predict(TEXTS, verbose=0), together, atol=1e-6)


def test_the_ways_differ_and_the_family_s_own_is_the_default():
    outputs = {}
    for pooling in POOLINGS:
        keras.utils.set_random_seed(3)
        clf = tiny_classifier("roberta", labels=["a", "b"], pooling=pooling)
        outputs[pooling] = clf.predict(TEXTS, verbose=0)
    default = tiny_classifier("roberta")
    assert default.pooling == "family"
    np.testing.assert_array_equal(outputs["family"], outputs["cls"])  # RoBERTa's is the first token
    for other in ("mean", "max"):
        assert np.abs(outputs["cls"] - outputs[other]).max() > 1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_transformers_is_told_of_no_other_pooling(family, tmp_path):
    clf = tiny_classifier(family, labels=["a", "b"], pooling="max")
    with pytest.raises(PresetSaveError, match=r"pooling.*Received: pooling='max'"):
        hub_tasks.save_to_transformers(clf, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_pooling_is_refused():
    with pytest.raises(DataError, match="`pooling` must be one of family, cls"):
        tiny_classifier("bert", labels=["a", "b"], pooling="median")
