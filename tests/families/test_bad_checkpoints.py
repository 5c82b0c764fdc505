"""Checkpoints of `transformers` that are not what they should be, for every family."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import hub_tasks
from hub_tasks.errors import PresetError, PresetFormatError, PresetWeightsError
from hub_tasks.families import FAMILIES
from tests.checks.tiny import tiny_classifier


@pytest.fixture(scope="module", params=FAMILIES)
def checkpoint(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp(request.param) / "checkpoint"
    hub_tasks.save_to_transformers(tiny_classifier(request.param, 24, "longest_first"), directory)
    return FAMILIES[request.param], directory


@pytest.fixture
def copy(checkpoint, tmp_path):
    """The family, and a copy of its checkpoint to be broken."""
    family, directory = checkpoint
    return family, shutil.copytree(directory, tmp_path / "copy")


def put(directory, **entries):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def test_impossible_sizes_are_named(copy):
    family, directory = copy
    for field in family.config:
        if not field.choices:
            before = json.loads((directory / "config.json").read_text())
            for value in (-1, "7", [1], True):
                put(directory, **{field.transformers: value})
                with pytest.raises(PresetFormatError, match=f"/{field.transformers} must be"):
                    hub_tasks.TextClassifier.from_preset(directory)
            put(directory, **before)


def test_what_another_encoder_would_have_is_refused(copy):
    family, directory = copy
    for key, accepted in family.fixed.items():
        before = json.loads((directory / "config.json").read_text())
        put(directory, **{key: "something else"})
        with pytest.raises(
            PresetFormatError, match=rf"/{key} must be .*{accepted[0]}".split("[")[0]
        ):
            hub_tasks.TextClassifier.from_preset(directory)
        put(directory, **before)


def test_all_that_is_missing_left_over_or_misshapen_is_in_one_error(copy):
    _, directory = copy
    path = directory / "model.safetensors"
    tensors = load_file(path)
    first, second, *_ = (name for name in tensors if "embeddings" in name)
    other = next(name for name in tensors if name.endswith(".weight") and "layer" in name.lower())
    del tensors[first]
    tensors[second] = np.zeros((3, 3, 3), "float32")
    tensors[other + ".twin"] = np.zeros(1, "float32")
    save_file(tensors, path)
    with pytest.raises(PresetWeightsError) as caught:
        hub_tasks.TextClassifier.from_preset(directory)
    message = str(caught.value)
    assert "missing" in message
    assert f"left over {other}.twin" in message
    assert "(3, 3, 3)" in message


def test_a_head_of_another_size_is_refused(copy):
    _, directory = copy
    put(directory, id2label={"0": "a", "1": "b", "2": "c"}, label2id={"a": 0, "b": 1, "c": 2})
    with pytest.raises(PresetFormatError, match=r"3 classes by its configuration, and of 2 by its"):
        hub_tasks.TextClassifier.from_preset(directory)


def test_a_vocabulary_larger_than_the_embedding_is_refused(copy):
    _, directory = copy
    put(directory, vocab_size=11)
    with pytest.raises(PresetFormatError, match="its embedding only 11 rows"):
        hub_tasks.TextClassifier.from_preset(directory)


def test_pickled_weights_are_never_loaded(copy):
    _, directory = copy
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    with pytest.raises(PresetFormatError, match=r"[Cc]onvert it to model\.safetensors"):
        hub_tasks.TextClassifier.from_preset(directory)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(model={"type": "WordLevel", "vocab": {}}),
        lambda d: d.update(pre_tokenizer={"type": "Split", "pattern": {"Regex": "(a+)+"}}),
        lambda d: d.update(
            normalizer={"type": "Replace", "pattern": {"Regex": "(a+)+"}, "content": ""}
        ),
        lambda d: d["model"].update(vocab=7),
        lambda d: d.update(added_tokens=[{"id": 9**9, "content": "zzz"}]),
    ],
    ids=["model", "regex", "normalizer", "vocabulary", "added token"],
)
def test_a_tokenizer_of_an_unknown_shape_is_refused(copy, change):
    _, directory = copy
    path = directory / "tokenizer.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(PresetError, match=r"tokenizer\.json"):
        hub_tasks.TextClassifier.from_preset(directory)


def test_every_file_of_a_family_is_in_the_registry():
    from pathlib import Path

    folder = Path(hub_tasks.__file__).parent / "families"
    files = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert files == set(FAMILIES)
    for name, family in FAMILIES.items():
        assert family.name == name
        for kind in ("Backbone", "Tokenizer", "TextClassifierPreprocessor", "TextClassifier"):
            assert getattr(hub_tasks, family.prefix + kind).family is family
