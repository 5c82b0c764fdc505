"""`hub_tasks.json`: the schema, and every other file as it was saved."""

import pytest

from hub_tasks import presets
from hub_tasks.errors import (
    PresetFormatError,
    PresetIntegrityError,
    PresetNotFoundError,
    PresetVersionError,
)
from tests.checks.broken_presets import copy_preset, drop, put, sign

FORMAT = {
    "schema version missing": (lambda p: drop(p, "/schema_version"), "/schema_version"),
    "schema version 0": (lambda p: put(p, "/schema_version", 0), "/schema_version"),
    "schema version true": (lambda p: put(p, "/schema_version", True), "/schema_version"),
    "schema version a string": (lambda p: put(p, "/schema_version", "999"), "/schema_version"),
    "unknown key": (lambda p: put(p, "/run", "rm"), "/'run'"),
    "labels missing": (lambda p: drop(p, "/labels"), "/labels is missing"),
    "unknown family": (lambda p: put(p, "/family", "zzz"), "/family must be one of albert, bert"),
    "family a list": (lambda p: put(p, "/family", ["bert"]), "/family"),
    "problem type": (lambda p: put(p, "/problem_type", "guess"), "/problem_type must be one of"),
    "backbone a list": (lambda p: put(p, "/backbone", []), "/backbone must be an object"),
    "backbone unknown": (lambda p: put(p, "/backbone/num_layers", 3), "/backbone/'num_layers'"),
    "backbone activation": (lambda p: put(p, "/backbone/activation", "x"), "/backbone/activation"),
    "backbone epsilon": (
        lambda p: put(p, "/backbone/layer_norm_epsilon", -1),
        "/backbone/layer_norm_epsilon",
    ),
    "preprocessor unknown": (lambda p: put(p, "/preprocessor/x", 3), "/preprocessor/'x'"),
    "truncation": (lambda p: put(p, "/preprocessor/truncate", "never"), "truncate"),
    "file outside": (
        lambda p: put(p, "/files", {"../secret": {"sha256": "0" * 64, "bytes": 1}}),
        "is no file of a preset",
    ),
    "file absolute": (
        lambda p: put(p, "/files", {"/etc/passwd": {"sha256": "0" * 64, "bytes": 1}}),
        "is no file of a preset",
    ),
    "itself": (
        lambda p: put(p, "/files/hub_tasks.json", {"sha256": "0" * 64, "bytes": 1}),
        "is no file of a preset",
    ),
    "entry a string": (lambda p: put(p, "/files/config.json", "x"), "/files/config.json"),
    "digest too short": (lambda p: put(p, "/files/config.json/sha256", "0"), "sha256"),
    "digest a number": (lambda p: put(p, "/files/config.json/sha256", 0), "sha256"),
    "size a string": (lambda p: put(p, "/files/config.json/bytes", "9"), "/bytes"),
    "size missing": (lambda p: drop(p, "/files/config.json/bytes"), "/bytes is missing"),
}


@pytest.mark.parametrize(("change", "message"), FORMAT.values(), ids=FORMAT)
def test_a_manifest_off_the_schema_is_refused(change, message, signed_preset):
    change(signed_preset / "hub_tasks.json")
    with pytest.raises(PresetFormatError, match=message) as caught:
        presets.load(signed_preset)
    assert "hub_tasks.json of preset" in str(caught.value) or "truncate" in message


def test_a_newer_schema_asks_for_an_upgrade(signed_preset):
    put(signed_preset / "hub_tasks.json", "/schema_version", 999)
    put(signed_preset / "hub_tasks.json", "/not_invented_yet", 1)
    with pytest.raises(PresetVersionError, match=r"schema version 999.*up to 2.*pip install"):
        presets.load(signed_preset)


@pytest.mark.parametrize(
    "name",
    ["config.json", "task.json", "assets/tokenizer/vocabulary.txt", "model.weights.h5"],
)
def test_one_flipped_bit_is_found(name, signed_preset):
    data = bytearray((signed_preset / name).read_bytes())
    data[len(data) // 2] ^= 0x40
    (signed_preset / name).write_bytes(data)
    with pytest.raises(PresetIntegrityError, match=name):
        presets.load(signed_preset)


def test_a_file_of_another_size_is_found(signed_preset):
    put(signed_preset / "hub_tasks.json", "/files/config.json/bytes", 9)
    with pytest.raises(PresetIntegrityError, match=r"config\.json"):
        presets.load(signed_preset)


def test_a_missing_file_is_found(signed_preset):
    (signed_preset / "task.weights.h5").unlink()
    with pytest.raises(PresetNotFoundError, match=r"task\.weights\.h5 is missing"):
        presets.load(signed_preset)


def test_a_file_of_another_preset_is_found(signed_preset):
    (signed_preset / "model.weights.safetensors").write_bytes(b"")
    with pytest.raises(PresetIntegrityError, match=r"model\.weights\.safetensors.*mixes"):
        presets.load(signed_preset)


def test_files_that_belong_to_no_preset_do_not_disturb(signed_preset):
    (signed_preset / "README.md").write_text("# Mine")
    (signed_preset / "notes.txt").write_text("a note")
    assert presets.load(signed_preset).head.labels == ("negative", "positive")


def test_without_a_manifest_it_is_a_preset_of_keras_hub(keras_preset):
    head = presets.load(keras_preset).head
    assert head.labels is None
    assert head.problem_type == "single_label_classification"


def test_settings_that_keras_hub_lacks_are_read_from_the_manifest(tiny, tmp_path):
    preset = copy_preset(tiny.keras, tmp_path / "p", manifest=True)
    manifest = preset / "hub_tasks.json"
    put(manifest, "/backbone", {"activation": "relu", "layer_norm_epsilon": 1e-5})
    put(manifest, "/preprocessor", {"truncate": "longest_first"})
    put(manifest, "/problem_type", "multi_label_classification")
    data = presets.load(preset)
    assert data.backbone["activation"] == "relu"
    assert data.backbone["layer_norm_epsilon"] == 1e-5
    assert data.preprocessor["truncate"] == "longest_first"
    assert data.head.problem_type == "multi_label_classification"


def test_a_problem_that_the_head_cannot_have_is_refused(signed_preset):
    put(signed_preset / "task.json", "/config/num_classes", 1)
    put(signed_preset / "hub_tasks.json", "/labels", ["score"])
    sign(signed_preset)
    with pytest.raises(PresetFormatError, match="/problem_type is single_label_classification"):
        presets.load(signed_preset)
