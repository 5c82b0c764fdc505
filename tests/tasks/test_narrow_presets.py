"""The shipped classifier with its weights as int8 or float16: the same labels on each backend."""

import numpy as np
import pytest

import hub_tasks
from tests.checks.broken_presets import content

pytestmark = pytest.mark.backend

TEXTS = [
    "a warm, funny and moving film.",
    "one long string of cliches.",
    "it never fails to engage us.",
    "the plot is nothing but boilerplate.",
    "",
]


@pytest.mark.parametrize(
    ("weights_format", "close", "share"), [("float16", 1e-3, 0.51), ("int8", 0.02, 0.27)]
)
def test_rounded_weights_predict_the_same(weights_format, close, share, tmp_path):
    clf = hub_tasks.TextClassifier.from_preset("bert_tiny_en_sentiment")
    clf.save_to_preset(tmp_path / "p", weights_format)
    loaded = hub_tasks.TextClassifier.from_preset(tmp_path / "p")
    expected = clf.predict_proba(TEXTS, verbose=0)
    actual = loaded.predict_proba(TEXTS, verbose=0)
    np.testing.assert_allclose(actual, expected, atol=close)
    assert [p.label for p in loaded.classify(TEXTS)] == [p.label for p in clf.classify(TEXTS)]
    assert {str(v.dtype) for v in loaded.weights} == {"float32"}
    loaded.save_to_preset(tmp_path / "again", weights_format)
    for name in ("model.weights.safetensors", "task.weights.safetensors"):
        assert content(tmp_path / "again")[name] == content(tmp_path / "p")[name]
    size = (tmp_path / "p" / "model.weights.safetensors").stat().st_size
    assert size < share * 4 * clf.backbone.count_params()
