"""`dtype="auto"`: the faster of two dtypes as measured, with the head in float32."""

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.backbones import auto_dtype, precision
from tests.checks.tiny import TEXTS, tiny_classifier

pytestmark = pytest.mark.backend

SIZES = {"hidden_dim": 8, "intermediate_dim": 12, "num_heads": 2}


@pytest.fixture(autouse=True)
def forget():
    auto_dtype.cache_clear()
    yield
    auto_dtype.cache_clear()


@pytest.mark.parametrize(
    ("float32", "bfloat16", "chosen"),
    [(0.02, 0.01, "mixed_bfloat16"), (0.02, 0.019, "float32"), (0.02, 0.04, "float32")],
    ids=["faster", "hardly faster", "slower"],
)
def test_bfloat16_only_where_it_is_measured_to_be_faster(monkeypatch, float32, bfloat16, chosen):
    measured = {"float32": float32, "mixed_bfloat16": bfloat16}
    monkeypatch.setattr(precision, "least_seconds", lambda runs: measured)
    assert auto_dtype(**SIZES) == chosen


def test_both_are_timed_on_the_real_layer_and_once():
    state = np.random.get_state()[1].tolist()
    first = auto_dtype(**SIZES)
    assert first in ("float32", "mixed_bfloat16")
    assert auto_dtype(**SIZES) == first
    assert auto_dtype.cache_info().misses == 1
    assert np.random.get_state()[1].tolist() == state


def test_what_is_faster_is_found():
    def after(seconds):
        return lambda: precision.time.sleep(seconds)

    seconds = precision.least_seconds({"float32": after(0.02), "mixed_bfloat16": after(0.001)})
    assert seconds["float32"] >= 0.02 > seconds["mixed_bfloat16"] >= 0.001


def test_auto_loads_the_same_weights_under_a_head_in_float32(monkeypatch, tmp_path):
    monkeypatch.setattr(
        precision, "least_seconds", lambda runs: {"float32": 2.0, "mixed_bfloat16": 1.0}
    )
    clf = tiny_classifier()
    clf.save_to_preset(tmp_path / "preset")
    auto = hub_tasks.TextClassifier.from_preset(tmp_path / "preset", dtype="auto")
    assert auto.backbone.compute_dtype == "bfloat16"
    assert {v.dtype for v in auto.weights if "seed" not in v.path} == {"float32"}
    outputs = auto.predict(TEXTS, verbose=0)
    assert outputs.dtype == np.float32
    expected = clf.predict(TEXTS, verbose=0)
    assert 0 < np.abs(outputs - expected).max() < 0.05 * np.abs(expected).max() + 0.05
    auto.fit(TEXTS, [0, 1, 1, 0, 0, 1], verbose=0)
    assert np.isfinite(auto.predict(TEXTS, verbose=0)).all()
    alone = hub_tasks.BertBackbone.from_preset(tmp_path / "preset", dtype="auto")
    assert alone.compute_dtype == "bfloat16"
    assert keras.config.floatx() == "float32"
