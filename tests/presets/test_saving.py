"""Saving: the old preset or the new one, never a mixture."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hub_tasks import presets
from hub_tasks.errors import PresetSaveError
from hub_tasks.presets.saving import writing as saving
from tests.checks.broken_presets import read_weights

VERSION = "0.0.0"


def content(directory: Path) -> dict[str, bytes]:
    paths = [path for path in directory.rglob("*") if not path.is_dir()]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def undated(files: dict[str, bytes]) -> dict[str, object]:
    """All files; from `metadata.json` without the date, from the manifest without its digest."""
    metadata, manifest = (json.loads(files[n]) for n in ("metadata.json", "hub_tasks.json"))
    del metadata["date_saved"], manifest["files"]["metadata.json"]
    return {**files, "metadata.json": metadata, "hub_tasks.json": manifest}


@pytest.fixture
def other(tiny):
    """Another preset of the same family."""
    weights = {name: value + 1 for name, value in tiny.data.weights.items()}
    head = replace(tiny.data.head, labels=("no", "yes"))
    return replace(tiny.data, weights=weights, head=head)


@pytest.fixture
def target(tiny, tmp_path):
    """A saved preset to replace."""
    saving.save(tmp_path / "preset", tiny.data, VERSION)
    return tmp_path / "preset"


@pytest.mark.parametrize("exchange", [True, False], ids=["in one step", "where that cannot be"])
def test_the_old_preset_is_replaced_whole(exchange, target, other, tiny, monkeypatch):
    if not exchange:
        monkeypatch.setattr(sys, "platform", "another")
    saving.save(target, other, VERSION, "safetensors")
    data = presets.load(target)
    assert data.head.labels == ("no", "yes")
    values = read_weights(data, tiny.backbone, tiny.head)
    for name, value in {**other.weights, **other.head.weights}.items():
        np.testing.assert_array_equal(values[name], value)
    assert not (target / "model.weights.h5").exists()
    assert os.listdir(target.parent) == ["preset"]


def test_no_file_of_the_old_preset_remains(target, tiny):
    alone = presets.PresetData(
        tiny.data.family, backbone=tiny.data.backbone, weights=tiny.data.weights
    )
    saving.save(target, alone, VERSION)
    assert set(content(target)) == {
        "config.json",
        "metadata.json",
        "model.weights.h5",
        "hub_tasks.json",
    }
    assert presets.load(target).head is None


def test_a_readme_is_kept(target, other):
    (target / "README.md").write_text("# Mine")
    saving.save(target, other, VERSION)
    assert (target / "README.md").read_text() == "# Mine"
    assert presets.load(target).head.labels == ("no", "yes")


def test_saves_are_equal_apart_from_the_date(tiny, tmp_path):
    for name in ("a", "b"):
        saving.save(tmp_path / name, tiny.data, VERSION)
    first, second = content(tmp_path / "a"), content(tmp_path / "b")
    assert undated(first) == undated(second)


@pytest.mark.parametrize("weights_format", ["h5", "safetensors"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_weights_are_read_as_they_were_stored(dtype, weights_format, tiny, tmp_path):
    stored = {name: value.astype(dtype) for name, value in tiny.data.weights.items()}
    head = {name: value.astype(dtype) for name, value in tiny.data.head.weights.items()}
    data = replace(tiny.data, weights=stored, head=replace(tiny.data.head, weights=head))
    saving.save(tmp_path / "p", data, VERSION, weights_format)
    values = read_weights(presets.load(tmp_path / "p"), tiny.backbone, tiny.head)
    for name, value in {**stored, **head}.items():
        assert values[name].dtype == dtype
        np.testing.assert_array_equal(values[name], value)


def test_settings_that_keras_hub_lacks_survive(tiny, tmp_path):
    backbone = {**tiny.data.backbone, "activation": "gelu", "layer_norm_epsilon": 1e-6}
    data = replace(
        tiny.data,
        backbone=backbone,
        preprocessor={**tiny.data.preprocessor, "truncate": "longest_first"},
        head=replace(tiny.data.head, problem_type="multi_label_classification", labels=None),
    )
    saving.save(tmp_path / "p", data, VERSION)
    loaded = presets.load(tmp_path / "p")
    assert (loaded.backbone, loaded.preprocessor) == (data.backbone, data.preprocessor)
    assert loaded.head.labels is None
    assert loaded.head.problem_type == "multi_label_classification"


def test_parents_are_made_and_an_empty_directory_is_filled(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "empty").mkdir()
    for name in ("a/b/c", "empty", "~/home"):
        saving.save(name if name[0] == "~" else tmp_path / name, tiny.data, VERSION)
    for name in ("a/b/c", "empty", "home"):
        assert presets.load(tmp_path / name).head.labels == ("negative", "positive")


def make_file(directory: Path) -> None:
    directory.write_text("mine")


def make_foreign(directory: Path) -> None:
    directory.mkdir()
    (directory / "thesis.txt").write_text("mine")


def make_mixed(directory: Path) -> None:
    make_foreign(directory)
    (directory / "config.json").write_text("{}")


def make_nested(directory: Path) -> None:
    (directory / "assets" / "photos").mkdir(parents=True)
    (directory / "assets" / "photos" / "a.jpg").write_text("mine")
    (directory / "config.json").write_text("{}")


def make_readme(directory: Path) -> None:
    directory.mkdir()
    (directory / "README.md").write_text("mine")


def make_link(directory: Path) -> None:
    (directory.parent / "real").mkdir()
    directory.symlink_to("real")


TARGETS = [make_file, make_foreign, make_mixed, make_nested, make_readme, make_link]


@pytest.mark.parametrize("make", TARGETS)
def test_what_is_no_preset_is_left_alone(make, tiny, tmp_path):
    make(tmp_path / "target")
    before = content(tmp_path)
    with pytest.raises(PresetSaveError, match="Received: directory="):
        saving.save(tmp_path / "target", tiny.data, VERSION)
    assert content(tmp_path) == before
    assert not list(tmp_path.glob(".hub_tasks*"))


@pytest.mark.parametrize("name", ["", "a\0b", b"bytes", "/"], ids=repr)
def test_names_that_are_no_target(name, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PresetSaveError, match="directory="):
        saving.save(name, tiny.data, VERSION)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("where", [".", "inner"])
def test_the_working_directory_is_not_pulled_away(where, tiny, tmp_path, monkeypatch):
    saving.save(tmp_path / "p", tiny.data, VERSION)
    (tmp_path / "p" / "assets" / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "p" / (Path("assets/inner") if where == "inner" else "."))
    with pytest.raises(PresetSaveError, match="working directory"):
        saving.save(tmp_path / "p", tiny.data, VERSION)
    assert os.getcwd()


def nan_weight(data):
    name = next(iter(data.weights))
    return replace(data, weights={**data.weights, name: data.weights[name] * np.nan})


def infinite_head(data):
    head = {name: value + np.inf for name, value in data.head.weights.items()}
    return replace(data, head=replace(data.head, weights=head))


def vocabulary(*tokens):
    def change(data):
        words = (*data.tokenizer.vocabulary, *tokens)
        return replace(data, tokenizer=replace(data.tokenizer, vocabulary=words))

    return change


UNSAVED = {
    "NaN": (nan_weight, "token_embedding/embeddings holds NaN"),
    "infinity in the head": (infinite_head, "logits/kernel holds NaN or infinity"),
    "a token of two lines": (vocabulary("a\nb"), "vocabulary"),
    "a token twice": (vocabulary("good"), "'good' twice"),
    "an empty token": (vocabulary(""), "vocabulary has no token"),
    "half a character": (vocabulary("\ud800"), "vocabulary"),
}


@pytest.mark.parametrize(("change", "message"), UNSAVED.values(), ids=UNSAVED)
def test_what_could_not_be_loaded_is_not_written(change, message, target, tiny):
    before = content(target.parent)
    for directory in (target, target.parent / "new"):
        with pytest.raises(PresetSaveError, match=message):
            saving.save(directory, change(tiny.data), VERSION)
    assert content(target.parent) == before
    assert os.listdir(target.parent) == ["preset"]


def test_an_unknown_format_of_weights(target, tiny):
    with pytest.raises(PresetSaveError, match=r"one of h5, safetensors, .*weights_format='pickle'"):
        saving.save(target, tiny.data, VERSION, "pickle")


def test_files_have_the_permissions_that_the_user_chose(tiny, tmp_path):
    before = os.umask(0o027)
    try:
        saving.save(tmp_path / "p", tiny.data, VERSION)
    finally:
        os.umask(before)
    assert (tmp_path / "p").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "p" / "config.json").stat().st_mode & 0o777 == 0o640
