"""Presets that earlier versions wrote load, and give what `transformers` gave then."""

import json
from pathlib import Path

import numpy as np
import pytest

import hub_tasks
from hub_tasks.presets.formats.manifest import SCHEMA_VERSION

GOLDEN = Path(__file__).parents[2] / "golden"
RECORDS = sorted(GOLDEN.glob("schema_*/*.json"))


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: f"{path.parent.name}_{path.stem}")
def test_it_gives_what_it_gave(record):
    expected = json.loads(record.read_text())
    clf = hub_tasks.TextClassifier.from_preset(record.with_suffix(""))
    assert list(clf.labels) == expected["labels"]
    texts = expected["texts"]  # or pairs of them
    texts = texts if isinstance(texts[0], str) else tuple(zip(*texts, strict=True))
    outputs = clf.predict(texts, verbose=0)
    assert np.ptp(expected["logits"]) > 0.5
    np.testing.assert_allclose(outputs, expected["logits"], atol=1e-5)


def test_every_schema_has_its_presets():
    found = {}
    for record in RECORDS:
        manifest = json.loads((record.with_suffix("") / "hub_tasks.json").read_text())
        found.setdefault(record.parent.name, set()).add(manifest["schema_version"])
    assert found == {f"schema_{n}": {n} for n in range(1, SCHEMA_VERSION + 1)}


def test_what_is_saved_again_is_of_the_current_schema(tmp_path):
    clf = hub_tasks.TextClassifier.from_preset(GOLDEN / "schema_1" / "bert")
    clf.save_to_preset(tmp_path / "again")
    manifest = json.loads((tmp_path / "again" / "hub_tasks.json").read_text())
    assert manifest["schema_version"] == SCHEMA_VERSION
