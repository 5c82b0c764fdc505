"""Locks: nothing but what is recorded is loaded, and all of it."""

import json
import shutil
from pathlib import Path

import pytest

import hub_tasks
from hub_tasks import cli
from hub_tasks.errors import (
    PresetError,
    PresetFormatError,
    PresetIntegrityError,
    PresetNotFoundError,
    PresetVersionError,
)
from tests.checks.broken_presets import content, drop, put

BUILT_IN = "bert_tiny_en_sentiment"


@pytest.fixture
def locked(tiny, tmp_path) -> Path:
    """A directory with a preset, brought there, and its lock."""
    shutil.copytree(tiny.keras, tmp_path / "from" / "tiny")
    assert cli.main(["fetch", str(tmp_path / "from" / "tiny"), "--into", str(tmp_path / "to")]) == 0
    return tmp_path / "to"


CLASSES = (
    hub_tasks.TextClassifier,
    hub_tasks.BertBackbone,
    hub_tasks.BertTokenizer,
    hub_tasks.TextClassifierPreprocessor,
)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_takes_a_lock(cls, locked, tmp_path):
    lock = locked / "presets.lock"
    for handle in (locked / "tiny", str(tmp_path / "from" / "tiny"), f"{locked}/tiny/"):
        cls.from_preset(handle, lock=lock, local_files_only=True)
    with pytest.raises(PresetIntegrityError, match="is not in the lock") as caught:
        cls.from_preset(BUILT_IN, lock=lock)
    assert "hub-tasks fetch" in str(caught.value)


def test_a_built_in_preset_is_locked_as_well(tmp_path):
    assert cli.main(["fetch", BUILT_IN, "--into", str(tmp_path)]) == 0
    lock = tmp_path / "presets.lock"
    for handle in (BUILT_IN, tmp_path / BUILT_IN):
        clf = hub_tasks.TextClassifier.from_preset(handle, lock=lock)
        assert clf.preset_source.revision is None
        assert (
            dict(clf.preset_source.digests)
            == json.loads(lock.read_text())["presets"][BUILT_IN]["files"]
        )


def one_more(preset):
    (preset / "vocab.txt").write_text("x")


def one_less(preset):
    (preset / "hub_tasks.json").unlink()


def another(preset):
    put(preset / "task.json", "/config/name", "another")


def the_manifest_too(preset):
    one_less(preset)
    another(preset)


DIFFERENCES = [one_more, one_less, another, the_manifest_too]


@pytest.mark.parametrize("change", DIFFERENCES)
def test_whatever_differs_is_refused_before_anything_is_built(change, locked, monkeypatch):
    change(locked / "tiny")

    def build(*arguments, **settings):
        pytest.fail("something was built")

    monkeypatch.setattr("keras.Model.__init__", build)
    with pytest.raises(PresetIntegrityError, match="is not what the lock"):
        hub_tasks.TextClassifier.from_preset(locked / "tiny", lock=locked / "presets.lock")


LOCKS = {
    "no lock": (lambda path: path.unlink(), PresetNotFoundError, "hub-tasks fetch"),
    "no JSON": (lambda path: path.write_text("{"), PresetFormatError, "is not JSON"),
    "an array": (lambda path: path.write_text("[]"), PresetFormatError, "object"),
    "a directory": (lambda path: (path.unlink(), path.mkdir()), PresetNotFoundError, "cannot be"),
    "too large": (lambda path: path.write_text(" " * 5_000_000), PresetFormatError, "larger"),
    "newer": (lambda path: put(path, "/lock_version", 2), PresetVersionError, "Upgrade"),
    "no version": (lambda path: drop(path, "/lock_version"), PresetFormatError, "lock_version"),
    "true": (lambda path: put(path, "/lock_version", True), PresetFormatError, "lock_version"),
    "more": (lambda path: put(path, "/more", 1), PresetFormatError, "more"),
    "no presets": (lambda path: put(path, "/presets", []), PresetFormatError, "/presets"),
}
ENTRIES = {
    "no files": ("files", {}),
    "files of another kind": ("files", ["config.json"]),
    "a name that leads out": ("files", {"../config.json": "0" * 64}),
    "an absolute name": ("files", {"/etc/passwd": "0" * 64}),
    "no digest": ("files", {"config.json": "0" * 63}),
    "a number as digest": ("files", {"config.json": 0}),
    "a number as revision": ("revision", 3),
    "a number as directory": ("directory", 3),
    "a number as branch": ("asked", 3),
    "more": ("more", 3),
}


@pytest.mark.parametrize(("change", "error", "says"), LOCKS.values(), ids=LOCKS)
def test_a_lock_that_is_no_lock(change, error, says, locked):
    change(locked / "presets.lock")
    with pytest.raises(error, match=says):
        hub_tasks.BertTokenizer.from_preset(locked / "tiny", lock=locked / "presets.lock")


@pytest.mark.parametrize(("key", "value"), ENTRIES.values(), ids=ENTRIES)
def test_an_entry_that_is_no_entry(key, value, locked):
    lock = locked / "presets.lock"
    document = json.loads(lock.read_text())
    next(iter(document["presets"].values()))[key] = value
    lock.write_text(json.dumps(document))
    with pytest.raises(PresetFormatError, match=key):
        hub_tasks.BertTokenizer.from_preset(locked / "tiny", lock=lock)


def test_a_lock_is_sorted_and_has_several(locked, capsys):
    lock = locked / "presets.lock"
    assert cli.main(["fetch", BUILT_IN, "--into", str(locked)]) == 0
    document = json.loads(lock.read_text())
    assert len(document["presets"]) == 2
    assert lock.read_text() == json.dumps(document, indent=2, sort_keys=True) + "\n"
    before = lock.read_text()
    assert cli.main(["fetch", BUILT_IN, "--into", str(locked)]) == 0
    assert capsys.readouterr().out.count("verified") == 1
    assert lock.read_text() == before
    for name in ("tiny", BUILT_IN):
        hub_tasks.BertTokenizer.from_preset(locked / name, lock=lock)


def test_what_is_damaged_is_brought_again(locked, tmp_path, tiny, capsys):
    another(locked / "tiny")
    (locked / "tiny" / "README.md").write_text("# Mine")
    assert cli.main(["fetch", str(tmp_path / "from" / "tiny"), "--into", str(locked)]) == 0
    assert "fetched" in capsys.readouterr().out
    assert content(locked / "tiny") == {**content(tiny.keras), "README.md": b"# Mine"}


def foreign_file(into, preset):
    (into / "tiny").mkdir(parents=True)
    (into / "tiny" / "thesis.txt").write_text("mine")


def same_name(into, preset):
    shutil.copytree(preset, preset.parent / "second" / "tiny")
    cli.main(["fetch", str(preset.parent / "second" / "tiny"), "--into", str(into)])


def a_file_there(into, preset):
    into.write_text("mine")


def no_weights(into, preset):
    (preset / "model.weights.h5").unlink()
    (preset / "hub_tasks.json").unlink()


def cut_weights(into, preset):
    (preset / "hub_tasks.json").unlink()
    (preset / "model.weights.h5").write_bytes(b"\x89HDF\r\n")


REFUSED = [foreign_file, same_name, a_file_there, no_weights, cut_weights]


@pytest.mark.parametrize("arrange", REFUSED)
def test_what_cannot_be_brought(arrange, tiny, tmp_path, capsys):
    preset, into = tmp_path / "tiny", tmp_path / "to"
    shutil.copytree(tiny.keras, preset)
    arrange(into, preset)
    before = content(into) if into.is_dir() else None
    assert cli.main(["fetch", str(preset), "--into", str(into)]) == 2
    assert capsys.readouterr().err.startswith("hub-tasks: ")
    assert not into.is_dir() or content(into) == (before or {})


def test_a_link_is_not_brought(tiny, tmp_path):
    from hub_tasks.presets.carrying import bring
    from hub_tasks.presets.sources import parse

    preset = tmp_path / "tiny"
    shutil.copytree(tiny.keras, preset)
    (preset / "task.json").rename(tmp_path / "outside")
    (preset / "task.json").symlink_to(tmp_path / "outside")
    with pytest.raises(PresetError):
        bring(parse(preset), tmp_path / "to", {})
    assert not (tmp_path / "to" / "tiny").exists()
