"""What a preset is and what is odd about it, also where nothing would load it."""

import os
from pathlib import Path

import numpy as np
import pytest

from hub_tasks.errors import PresetNotFoundError
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.publishing import description
from hub_tasks.presets.publishing.description import describe
from tests.checks.broken_presets import drop, edit_hdf5, edit_json, edit_safetensors, put, sign
from tests.checks.tiny import tiny_classifier


def test_a_preset_of_ours(tiny):
    found = describe(tiny.keras)
    sizes = {p.relative_to(tiny.keras).as_posix(): p.stat().st_size
             for p in tiny.keras.rglob("*") if p.is_file()}  # fmt: skip
    assert found.handle == str(tiny.keras)
    assert (found.format, found.family, found.task) == ("keras_hub", "bert", "classifier")
    assert found.written_by.startswith("hub_tasks ")
    assert found.parameters == sum(value.size for value in tiny.values.values())
    assert (found.num_classes, found.labels) == (2, ("negative", "positive"))
    assert (found.problem_type, found.pooling) == ("single_label_classification", "family")
    assert (found.sequence_length, found.tokenizer) == (16, "wordpiece")
    assert found.vocabulary_size == 40
    assert found.dtypes == {"float32": len(tiny.values)}
    assert {entry.name: entry.size for entry in found.files} == sizes
    assert (found.others, found.oddities, found.errors) == ([], [], [])


def test_a_transformers_checkpoint(transformers_preset):
    put(transformers_preset / "config.json", "/transformers_version", "5.0.0")
    found = describe(transformers_preset)
    assert (found.format, found.written_by) == ("transformers", "transformers 5.0.0")
    assert found.labels == ("no", "yes")
    assert (found.vocabulary_size, found.oddities) == (40, [])
    assert found.errors == []


@pytest.mark.parametrize("part", ["backbone", "tokenizer"])
def test_parts_of_a_preset(part, tmp_path):
    clf = tiny_classifier("roberta")
    {"backbone": clf.backbone, "tokenizer": clf.preprocessor.tokenizer}[part].save_to_preset(
        tmp_path / "part"
    )
    found = describe(tmp_path / "part")
    assert found.task == {"backbone": "encoder", "tokenizer": "tokenizer"}[part]
    assert found.parameters == (clf.backbone.count_params() if part == "backbone" else None)
    assert (found.format, found.labels, found.errors) == ("keras_hub", None, [])


COMMIT = "0123456789" * 4


@pytest.mark.parametrize(
    ("handle", "revision", "told"),
    [
        ("hf://a/b@main", COMMIT, f" This one is hf://a/b@{COMMIT}"),
        ("hf://a/b@main", None, ""),
        ("kaggle://a/b/keras/c", "3", " This one is kaggle://a/b/keras/c/3"),
        ("kaggle://a/b/keras/c", None, ""),
        (f"hf://a/b@{COMMIT}", COMMIT, None),
        ("kaggle://a/b/keras/c/3", "3", None),
        ("./b", None, None),
    ],
)
def test_handles_that_can_change(handle, revision, told, tiny, monkeypatch):
    files = PresetFiles(tiny.keras, handle, revision)
    monkeypatch.setattr(description, "resolve", lambda _: files)
    monkeypatch.setattr(description, "_in_repository", lambda _: [])
    change = "The handle is not pinned: what it stands for can change."
    found = describe(handle)
    assert found.oddities == ([] if told is None else [change + told])
    assert (found.handle, found.revision, found.errors) == (handle, revision, [])


def foreign(name: str, content: str = "x"):
    def change(preset: Path) -> None:
        (preset / name).parent.mkdir(exist_ok=True)
        (preset / name).write_text(content)

    return change


def half_floats(preset: Path) -> None:
    def narrow(weights) -> None:
        value = weights["layers/dense/vars/0"][()]
        del weights["layers/dense/vars/0"]
        weights["layers/dense/vars/0"] = value.astype("float16")

    edit_hdf5(preset / "model.weights.h5", narrow)
    sign(preset)


def unnamed(preset: Path) -> None:
    edit_json(preset / "hub_tasks.json", lambda manifest: manifest.update(labels=None))


ODD = {
    "no manifest": (lambda p: (p / "hub_tasks.json").unlink(), "There is no hub_tasks.json"),
    "a pickle": (foreign("pytorch_model.bin"), "pytorch_model.bin may be a pickle"),
    "code": (foreign("more/modeling.py"), "more/modeling.py is a program; it is never run"),
    "other files": (foreign("notes.txt"), "Belong to no preset and are not read: notes.txt."),
    "a link": (lambda p: (p / "notes").symlink_to("/etc"), "notes is a link"),
    "a FIFO": (lambda p: os.mkfifo(p / "queue"), "queue is a device"),
    "half floats": (half_floats, "Not all weights are stored as float32: 1 of float16, "),
    "no label names": (unnamed, "The classes have no names."),
    "code asked for": (
        foreign("tokenizer_config.json", '{"auto_map": {"AutoTokenizer": "evil.Tok"}}'),
        "tokenizer_config.json asks for code of its own in /auto_map, which is never run.",
    ),
}


@pytest.mark.parametrize(("change", "oddity"), ODD.values(), ids=ODD)
def test_oddities(change, oddity, signed_preset):
    change(signed_preset)
    found = describe(signed_preset)
    assert any(told.startswith(oddity) for told in found.oddities), found.oddities
    strange = "tokenizer_config.json"  # a file of a preset, but not of this one
    assert bool(found.errors) == (signed_preset / strange).exists()


def test_code_that_a_checkpoint_asks_for(transformers_preset):
    put(transformers_preset / "config.json", "/auto_map", {"AutoModel": "evil.Model"})
    put(transformers_preset / "config.json", "/trust_remote_code", True)
    told = "\n".join(describe(transformers_preset).oddities)
    assert "config.json asks for code of its own in /auto_map" in told
    assert "config.json asks for code of its own in /trust_remote_code" in told


def test_layers_that_are_left_at_random(transformers_preset):
    def without_pooler(tensors: dict) -> None:
        for name in [name for name in tensors if "pooler" in name]:
            del tensors[name]

    edit_safetensors(transformers_preset / "model.safetensors", without_pooler)
    found = describe(transformers_preset)
    assert "Not stored, and left at random: pooled_dense/bias, pooled_dense/kernel." in (
        found.oddities
    )
    assert found.errors == []


def misfit(preset: Path) -> None:
    def shorten(weights) -> None:
        del weights["layers/dense/vars/0"]
        weights["layers/dense/vars/0"] = np.zeros((7, 8), "float32")

    edit_hdf5(preset / "model.weights.h5", shorten)
    sign(preset)


def overfull(preset: Path) -> None:
    put(preset / "config.json", "/config/vocabulary_size", 20)
    sign(preset)


def too_long(preset: Path) -> None:
    put(preset / "preprocessor.json", "/config/sequence_length", 99)
    sign(preset)


def relabelled(preset: Path) -> None:
    put(preset / "task.json", "/config/num_classes", 3)
    sign(preset)


def replaced(name: str, content: bytes):
    def change(preset: Path) -> None:
        (preset / name).write_bytes(content)

    return change


def linked(preset: Path) -> None:
    (preset / "model.weights.h5").unlink()
    (preset / "model.weights.h5").symlink_to("/etc/passwd")


def queue(preset: Path) -> None:
    (preset / "config.json").unlink()
    os.mkfifo(preset / "config.json")


# What stands in the way of loading, and whether the rest is described all the same.
BROKEN = {
    "weights that do not fit": (misfit, "expected shape (8, 8), got (7, 8)", True),
    "more tokens than rows": (overfull, "40 tokens, the embedding only 20 rows", True),
    "more tokens than positions": (too_long, "sequence length is 99", True),
    "another number of classes": (relabelled, "2 label names for a head of 3 classes", True),
    "a digest": (replaced("metadata.json", b"{}"), "metadata.json", True),
    "no weights": (
        lambda p: (p / "model.weights.h5").unlink(),
        "model.weights.h5 is missing",
        True,
    ),
    "weights that are a page": (replaced("model.weights.h5", b"<html>"), "HTML", True),
    "weights that link out": (linked, "symbolic link", True),
    "the manifest": (replaced("hub_tasks.json", b"["), "hub_tasks.json", True),
    "a configuration": (replaced("config.json", b'{"model_type": 3}'), "config.json", False),
    "deep JSON": (replaced("config.json", b"[" * 200_000), "deeper than 64", False),
    "half a character": (replaced("config.json", b'{"a": "\\ud800"}'), "surrogate", False),
    "a vocabulary": (replaced("assets/tokenizer/vocabulary.txt", b"\xff"), "vocabulary", False),
    "a FIFO": (queue, "config.json of preset", False),
    "an unknown family": (
        lambda p: drop(p / "config.json", "/registered_name"),
        "config.json",
        False,
    ),
}


@pytest.mark.parametrize(("change", "error", "rest"), BROKEN.values(), ids=BROKEN)
def test_what_stands_in_the_way_is_an_error(change, error, rest, signed_preset):
    change(signed_preset)
    found = describe(signed_preset)
    assert any(error in told for told in found.errors), found.errors
    assert (found.family is not None) == rest
    assert "task.json" in {entry.name for entry in found.files}


def test_a_foreign_error_is_an_error_of_the_description(signed_preset, monkeypatch):
    def fail(*arguments):
        raise RecursionError("too deep")

    monkeypatch.setattr("hub_tasks.presets.publishing.description.read_files", fail)
    assert describe(signed_preset).errors == ["RecursionError: too deep"]


def test_only_a_thousand_foreign_files_are_listed(signed_preset):
    for i in range(1_100):
        (signed_preset / f"{i}.py").touch()
    found = describe(signed_preset)
    assert len(found.others) == 1_000
    assert found.oddities[-1] == "And 900 more of that kind."


def test_what_is_not_there_is_not_described(tmp_path):
    with pytest.raises(PresetNotFoundError):
        describe(tmp_path / "nothing")
    assert "is no preset" in describe(tmp_path).errors[0]
