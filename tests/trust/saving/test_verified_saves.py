"""What was written is read back, and on request compared, before an old preset goes."""

import json
import os
from dataclasses import replace
from pathlib import Path

import keras
import pytest

import hub_tasks
from hub_tasks import presets
from hub_tasks.errors import PresetSaveError
from hub_tasks.presets.formats import keras_writing, transformers_writing
from tests.checks.saving_worker import save, state
from tests.checks.tiny import tiny_classifier


@pytest.fixture(scope="module")
def clf():
    """Tests leave it as it is."""
    return tiny_classifier()


def to_transformers(clf, directory, **options):
    hub_tasks.save_to_transformers(clf, directory, **options)


def of_the_backbone(clf, directory, **options):
    clf.backbone.save_to_preset(directory, **options)


def of_the_preprocessor(clf, directory, **options):
    clf.preprocessor.save_to_preset(directory, **options)


def of_the_tokenizer(clf, directory, **options):
    clf.preprocessor.tokenizer.save_to_preset(directory, **options)


def of_the_classifier(clf, directory, **options):
    clf.save_to_preset(directory, **options)


def other_weights(data, factor=1.01):
    name = next(iter(data.weights))
    return replace(data, weights={**data.weights, name: data.weights[name] * factor})


def other_head(data):
    weights = {name: value[::-1].copy() for name, value in data.head.weights.items()}
    return replace(data, head=replace(data.head, weights=weights))


def other_vocabulary(data):
    """ "film" and "fine" in each other's place."""
    tokens = list(data.tokenizer.vocabulary)
    first, second = tokens.index("film"), tokens.index("fine")
    tokens[first], tokens[second] = tokens[second], tokens[first]
    return replace(data, tokenizer=replace(data.tokenizer, vocabulary=tuple(tokens)))


def other_labels(data):
    return replace(data, head=replace(data.head, labels=("positive", "negative")))


def shorter(data):
    return replace(data, preprocessor={**data.preprocessor, "sequence_length": 4})


def writing_another(monkeypatch, change):
    """Makes the writers write something else than what they are given."""
    for module in (keras_writing, transformers_writing):
        write = module.write

        def changed(data, *arguments, write=write):
            return write(change(data), *arguments)

        monkeypatch.setattr(module, "write", changed)


WRONG = {
    "classifier, weights": (of_the_classifier, other_weights, "outputs"),
    "classifier, head": (of_the_classifier, other_head, "outputs"),
    "classifier, vocabulary": (of_the_classifier, other_vocabulary, "outputs"),
    "transformers, weights": (to_transformers, other_weights, "outputs"),
    "transformers, labels": (to_transformers, other_labels, "labels"),
    "backbone, weights": (of_the_backbone, other_weights, "(pooled|sequence)_output"),
    "preprocessor, length": (of_the_preprocessor, shorter, "token_ids"),
    "tokenizer, vocabulary": (of_the_tokenizer, other_vocabulary, "token ids"),
}


@pytest.mark.parametrize(("write", "change", "what"), WRONG.values(), ids=WRONG)
def test_what_computes_something_else_does_not_replace_a_preset(
    write, change, what, clf, target, monkeypatch
):
    texts = True if write is of_the_backbone else ["fine film", "a good day"]
    writing_another(monkeypatch, change)
    with pytest.raises(PresetSaveError, match=f"the {what} of what was written differ"):
        write(clf, target, verify=texts)
    assert state(str(target)) == "old"
    assert os.listdir(target.parent) == ["preset"]
    write(clf, target)  # which is not noticed otherwise


SAVES = (of_the_classifier, to_transformers, of_the_backbone, of_the_preprocessor, of_the_tokenizer)


@pytest.mark.parametrize("write", SAVES)
def test_what_is_right_is_saved(write, clf, parent):
    write(clf, parent / "preset", verify=True)
    assert os.listdir(parent) == ["preset"]
    presets.load(parent / "preset")


@pytest.mark.parametrize("options", [{"dtype": "bfloat16"}, {"pooling": "mean", "num_classes": 3}])
def test_other_classifiers(options, parent):
    clf = tiny_classifier(**{"labels": ["no", "yes"], **options} if "dtype" in options else options)
    clf.save_to_preset(parent / "preset", "safetensors", verify="good film")


@pytest.fixture(scope="module")
def wide():
    """Whose kernels are stored as int8, too; tests leave it as it is."""
    return tiny_classifier(sizes={"hidden_dim": 32, "intermediate_dim": 64})


def slightly_other_weights(data):
    return other_weights(data, 1.003)


ROUNDED_WRONG = {
    "head": (other_head, r"outputs .* differ .* by more than 10% of the largest"),
    "vocabulary": (other_vocabulary, "the outputs of what was written differ"),
    "weights": (slightly_other_weights, r"the weight .* was written differs"),
}


@pytest.mark.parametrize(("change", "message"), ROUNDED_WRONG.values(), ids=ROUNDED_WRONG)
def test_rounding_hides_no_other_difference(change, message, wide, target, monkeypatch):
    writing_another(monkeypatch, change)
    with pytest.raises(PresetSaveError, match=message):
        wide.save_to_preset(target, "int8", verify=["film", "fine"])
    assert state(str(target)) == "old"


@pytest.mark.parametrize("weights_format", ["float16", "int8"])
def test_what_is_rounded_is_saved(weights_format, wide, parent):
    before = content(wide)
    wide.save_to_preset(parent / "preset", weights_format, verify="good film")
    wide.backbone.save_to_preset(parent / "backbone", weights_format, verify=True)
    assert content(wide) == before


def content(clf):
    return [keras.ops.convert_to_numpy(variable).tobytes() for variable in clf.weights]


def test_a_classifier_of_tokens(clf, target, monkeypatch):
    bare = type(clf)(clf.backbone, labels=clf.labels)
    bare.save_to_preset(target, verify=True)
    writing_another(monkeypatch, other_weights)
    with pytest.raises(PresetSaveError, match="outputs"):
        bare.save_to_preset(target, verify=True)


def test_only_given_texts_show_what_only_they_contain(clf, parent, monkeypatch):
    writing_another(monkeypatch, other_vocabulary)
    tokenizer = clf.preprocessor.tokenizer
    tokenizer.save_to_preset(parent / "preset", verify=["good", "day"])
    with pytest.raises(PresetSaveError, match="token ids"):
        tokenizer.save_to_preset(parent / "preset", verify=["good", "film"])


def test_verifying_leaves_the_classifier_as_it_was(clf, parent):
    clf.predict(["good film"], verbose=0)
    before = clf.last_run
    clf.save_to_preset(parent / "preset", verify=True)
    assert clf.last_run is before


@pytest.mark.parametrize("name", ["config.json", "model.weights.safetensors", "hub_tasks.json"])
def test_a_disk_that_does_not_keep_what_was_written(name, target, monkeypatch):
    real = os.fsync

    def corrupting(descriptor):
        real(descriptor)
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.name == name:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)

    monkeypatch.setattr(os, "fsync", corrupting)
    with pytest.raises(PresetSaveError, match=f"{name} reads back"):
        save(str(target), "new")
    monkeypatch.undo()
    assert state(str(target)) == "old"
    assert os.listdir(target.parent) == ["preset"]


def test_what_could_not_be_loaded_is_not_put_in_place(target, monkeypatch):
    write = keras_writing.write

    def unlike_the_schema(*arguments):
        contents = write(*arguments)
        config = json.loads(contents["config.json"])
        config["config"]["num_layers"] = "two"
        return {**contents, "config.json": json.dumps(config).encode()}

    monkeypatch.setattr(keras_writing, "write", unlike_the_schema)
    with pytest.raises(PresetSaveError, match=r"could not be loaded.*/config/num_layers"):
        save(str(target), "new")
    assert state(str(target)) == "old"
    assert os.listdir(target.parent) == ["preset"]
