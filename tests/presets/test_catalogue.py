"""The catalogue: every record against the schema and against what it describes."""

import re
import tomllib
from pathlib import Path

import pytest

import hub_tasks
from hub_tasks import presets
from hub_tasks.errors import PresetFormatError
from hub_tasks.families import FAMILIES
from hub_tasks.presets import catalogue
from hub_tasks.presets.schema import PROBLEM_TYPES

RECORDS = Path(hub_tasks.__file__).parents[1] / "presets"
LARGEST = 4_000_000  # bytes that a preset inside the package may have
GOOD = """family = "bert"
description = "One sentence."
parameters = 3
languages = ["en"]
licence = "Apache-2.0"
labels = ["a", "b"]
size_bytes = 9

[metrics]
accuracy = 0.5
f1 = 0.25
"""


def size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def test_records_and_catalogue_agree():
    assert [record.id for record in hub_tasks.list_presets()] == list(presets.CATALOGUE)
    if RECORDS.is_dir():
        assert {path.stem for path in RECORDS.glob("*.toml")} == set(presets.CATALOGUE)
        directories = {path.name for path in RECORDS.iterdir() if path.is_dir()}
        assert directories <= set(presets.CATALOGUE)


def test_every_record_says_what_it_must():
    for record in hub_tasks.list_presets():
        assert re.fullmatch(r"[a-z][a-z0-9_]+", record.id)
        assert record.family in FAMILIES
        assert record.description.endswith(".")
        assert record.parameters > 0
        assert record.size_bytes > 0
        assert record.languages
        assert all(re.fullmatch(r"[a-z]{2}", language) for language in record.languages)
        assert record.licence
        assert record.training_data
        assert len(set(record.labels)) == len(record.labels)
        assert all(isinstance(value, float | int) for _, value in record.metrics)
        assert bool(record.handle) != bool(record.directory), f"{record.id}: one place, not two"
        if record.handle:
            assert record.handle.startswith(("hf://", "kaggle://"))
            assert record.revision
        if record.labels:
            assert record.metrics, f"{record.id}: a head without a measurement"


def test_every_shipped_preset_is_as_its_record_says():
    for record in hub_tasks.list_presets():
        if record.directory is None:
            continue
        assert size(record.directory) <= LARGEST
        assert size(record.directory) == pytest.approx(record.size_bytes, rel=0.05)
        data = presets.load(record.id)
        assert data.family.name == record.family
        assert (data.head.labels if data.head else ()) == record.labels
        assert data.head is None or data.head.problem_type in PROBLEM_TYPES
        assert len(data.tokenizer.vocabulary) <= data.backbone["vocabulary_size"]
        assert (record.directory / "hub_tasks.json").is_file()


def test_a_record_is_read(tmp_path):
    (tmp_path / "x.toml").write_text(GOOD)
    (tmp_path / "x").mkdir()
    record = catalogue.read_record(tmp_path / "x.toml")
    assert (record.id, record.directory) == ("x", tmp_path / "x")
    assert record.metrics == (("accuracy", 0.5), ("f1", 0.25))
    assert (record.languages, record.labels) == (("en",), ("a", "b"))
    (tmp_path / "x").rmdir()
    assert catalogue.read_record(tmp_path / "x.toml").directory is None


BAD = {
    "unknown key": (GOOD.replace("family", "famly"), "famly"),
    "key missing": (GOOD.replace('licence = "Apache-2.0"\n', ""), "licence"),
    "id stated": ('id = "y"\n' + GOOD, "id"),
    "no TOML": ("family = bert", r"x\.toml"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_a_record_off_the_schema_is_refused(text, message, tmp_path):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(PresetFormatError, match=message) as caught:
        catalogue.read_record(tmp_path / "x.toml")
    assert "x.toml" in str(caught.value)


def test_shipped_records_are_toml_of_known_keys():
    known = set(tomllib.loads(GOOD)) | {"handle", "revision", "training_data"}
    for path in RECORDS.glob("*.toml"):
        assert set(tomllib.loads(path.read_text(encoding="utf-8"))) <= known
