"""The catalogue: every record against the schema and against what it describes."""

import re
import runpy
from importlib.util import find_spec
from pathlib import Path

import pytest

import hub_tasks
from hub_tasks import presets
from hub_tasks.errors import PresetFormatError, PresetNotFoundError
from hub_tasks.families import FAMILIES, family_of
from hub_tasks.presets import catalogue
from hub_tasks.presets.schema import PROBLEM_TYPES
from hub_tasks.presets.sources import hugging_face, kaggle
from hub_tasks.registry import Registry

RECORDS = Path(hub_tasks.__file__).parents[1] / "presets"
LARGEST = 4_000_000  # bytes that a preset inside the package may have
GOOD = """family = "bert"
task = "classifier"
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
        assert re.fullmatch(r"[a-z][a-z0-9_]+(v1\.5_[a-z0-9_]+)?", record.id)
        assert family_of(record.family).name == record.family
        assert record.task in catalogue.TASKS
        assert re.fullmatch(r"[A-Z0-9][^.]*([.][0-9][^.]*)*[.]", record.description), record.id
        assert 20 <= len(record.description) <= 150, record.id
        assert record.parameters > 0
        assert record.languages
        assert record.languages == ("multi",) or all(
            re.fullmatch(r"[a-z]{2}", language) for language in record.languages
        )
        assert len(set(record.languages)) == len(record.languages)
        assert record.licence
        assert len(set(record.labels)) == len(record.labels)
        assert record.task == "classifier" or not (record.labels or record.metrics)
        assert all(isinstance(value, float | int) for _, value in record.metrics)
        assert bool(record.handle) != bool(record.directory), f"{record.id}: one place, not two"


def test_every_handle_is_one_that_can_be_fetched():
    for record in hub_tasks.list_presets():
        if record.directory is None:
            source = hugging_face if record.handle.startswith("hf://") else kaggle
            assert source.HANDLE.fullmatch(record.address), record.id
            assert record.pinned or record.revision == "main", record.id
            assert record.pinned or source is hugging_face, f"{record.id}: Kaggle has versions"
        else:
            assert (record.handle, record.revision, record.address) == ("", "", "")
            assert record.pinned


def test_no_two_records_are_the_same_preset():
    addresses = [record.address for record in hub_tasks.list_presets() if record.address]
    assert len(set(addresses)) == len(addresses)


def test_every_shipped_preset_is_as_its_record_says():
    for record in hub_tasks.list_presets():
        if record.directory is None:
            continue
        assert record.training_data
        assert record.metrics or not record.labels, f"{record.id}: a head without a measurement"
        assert size(record.directory) <= LARGEST
        assert size(record.directory) == pytest.approx(record.size_bytes, rel=0.05)
        data = presets.load(record.id)
        assert data.family.name == record.family
        assert (data.head.labels if data.head else ()) == record.labels
        assert record.task == ("classifier" if data.head else "encoder")
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
    "a task that is none": (GOOD.replace("classifier", "tagger"), "encoder or classifier"),
    "a number as text": (GOOD.replace("= 3", '= "3"'), "parameters must be of type int"),
    "text as a list": (GOOD.replace('"bert"', '["bert"]'), "family must be of type str"),
    "labels that are no list": (GOOD.replace('["a", "b"]', '"ab"'), "labels must be of type list"),
    "no TOML": ("family = bert", r"x\.toml"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_a_record_off_the_schema_is_refused(text, message, tmp_path):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(PresetFormatError, match=message) as caught:
        catalogue.read_record(tmp_path / "x.toml")
    assert "x.toml" in str(caught.value)


def test_records_are_read_at_the_first_look():
    looks = []
    table = Registry("thing", PresetNotFoundError, lambda: looks.append(1) or {"a": 1})
    assert not looks
    assert (list(table), table["a"], "b" in table) == (["a"], 1, False)
    assert len(looks) == 1


PLACES = {  # handle and revision -> address, pinned, version
    ("hf://org/model", "main"): ("hf://org/model@main", False, "main, unpinned"),
    ("hf://org/model", "v1"): ("hf://org/model@v1", False, "v1, unpinned"),
    ("hf://org/model", "7" * 40): ("hf://org/model@" + "7" * 40, True, "7777777"),
    ("hf://org/model", ""): ("hf://org/model", False, "newest, unpinned"),
    ("kaggle://o/m/keras/v", "3"): ("kaggle://o/m/keras/v/3", True, "3"),
    ("kaggle://o/m/keras/v", ""): ("kaggle://o/m/keras/v", False, "newest, unpinned"),
}


@pytest.mark.parametrize(("place", "expected"), PLACES.items(), ids=str)
def test_handle_and_revision_make_an_address(place, expected, tmp_path):
    handle, revision = place
    (tmp_path / "x.toml").write_text(f'handle = "{handle}"\nrevision = "{revision}"\n{GOOD}')
    record = catalogue.read_record(tmp_path / "x.toml")
    assert (record.address, record.pinned, record.version) == expected


def keras_hub_presets() -> dict[str, dict[str, dict]]:
    """Family -> name -> what KerasHub says of it, read without importing KerasHub."""
    package = find_spec("keras_hub")
    if package is None:
        pytest.skip("keras_hub is not installed")
    models = Path(package.origin).parent / "src" / "models"
    found = {}
    for family in FAMILIES:
        path = models / family / f"{family}_presets.py"
        if path.is_file():
            tables = [v for v in runpy.run_path(str(path)).values() if isinstance(v, dict)]
            found[family] = {
                name: about
                for table in tables
                for name, about in table.items()
                if isinstance(about, dict) and "kaggle_handle" in about
            }
    return found


def test_the_names_of_keras_hub_mean_the_same_here():
    published = keras_hub_presets()
    assert set(published) == {
        "albert",
        "bert",
        "deberta_v3",
        "distil_bert",
        "electra",
        "roberta",
        "xlm_roberta",
    }
    for family, table in published.items():
        assert table, family
        for name, about in table.items():
            record = presets.CATALOGUE[name]
            assert record.address == about["kaggle_handle"], name
            assert record.family == family, name
            assert record.parameters == about["metadata"]["params"], name


def test_a_wrong_name_gets_close_matches():
    with pytest.raises(PresetNotFoundError, match="Did you mean 'deberta_v3_base_en'"):
        presets.load("deberta_base_en")


def test_the_classes_of_a_family_know_its_presets():
    assert "mpnet" in hub_tasks.MPNetTextClassifier.presets["all_mpnet_base_v2_en"].handle
    assert set(hub_tasks.TextClassifier.presets) == set(presets.CATALOGUE)
    for record in hub_tasks.BertTextClassifier.presets.values():
        assert record.family == "bert"
