"""Every family against `transformers`: small random models of full mechanism, both ways."""

import shutil
import warnings

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

import hub_tasks
from hub_tasks.errors import PresetFormatError
from hub_tasks.families import FAMILIES
from tests.checks.tiny import LABELS, TEXTS, tiny_classifier

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = [pytest.mark.backend, pytest.mark.libraries]
PAIRS = (TEXTS, TEXTS[::-1])
# An epsilon that counts; DistilBERT's is fixed in transformers.
SIZES = {name: {"dropout": 0.0, "layer_norm_epsilon": 1e-2} for name in FAMILIES}
SIZES["distil_bert"] = {"dropout": 0.0}
NAMES = ["negative", "neutral", "positive"]


@pytest.fixture(scope="module", params=FAMILIES)
def checkpoint(request, tmp_path_factory):
    """A random classifier of `transformers` with our tiny tokenizer, and its directory."""
    family, root = request.param, tmp_path_factory.mktemp(request.param)
    clf = tiny_classifier(
        family, 24, "longest_first", sizes=SIZES[family], labels=NAMES, dropout=0.0
    )
    hub_tasks.save_to_transformers(clf, root / "sizes")
    torch.manual_seed(1)
    config = transformers.AutoConfig.from_pretrained(root / "sizes")
    model = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 0.1 if name.endswith("bias") else 0.3
            parameter.add_(torch.randn_like(parameter) * scale)
        # As transformers itself begins; its MobileBERT would else see how far a row is padded.
        model.get_input_embeddings().weight[config.pad_token_id] = 0.0
    model.save_pretrained(root / "model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(root / "sizes" / name, root / "model" / name)
    return family, model, root / "model"


@pytest.fixture(scope="module")
def ours(checkpoint):
    """The same classifier as we load it; tests leave it as it is."""
    return hub_tasks.TextClassifier.from_preset(checkpoint[2])


def encode(directory, texts):
    """Token ids as `transformers` makes them, for texts or pairs."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    columns = texts if isinstance(texts, tuple) else (texts,)
    return tokenizer(*columns, padding=True, truncation=True, max_length=24, return_tensors="pt")


def inputs_of(clf, encoded):
    """The same under our names."""
    names = {"token_ids": "input_ids", "segment_ids": "token_type_ids"}
    return {
        key: encoded[names.get(key, "attention_mask")].numpy().astype("int32")
        for key in clf.backbone.input
    }


def logits(model, directory, texts):
    with torch.no_grad():
        return model(**encode(directory, texts)).logits.numpy()


@pytest.mark.parametrize("texts", [TEXTS, PAIRS, TEXTS[:1]], ids=["ragged", "pairs", "single"])
def test_hidden_states_and_logits_are_those_of_transformers(checkpoint, ours, texts):
    family, model, directory = checkpoint
    assert ours.family is FAMILIES[family]
    assert ours.labels == tuple(NAMES)
    theirs = encode(directory, texts)
    with torch.no_grad():
        hidden = model.base_model(**theirs).last_hidden_state.numpy()
    inputs = inputs_of(ours, theirs)
    outputs = keras.ops.convert_to_numpy(ours.backbone(inputs)["sequence_output"])
    real = inputs["padding_mask"].astype(bool)
    np.testing.assert_allclose(outputs[real], hidden[real], atol=1e-4)
    expected = logits(model, directory, texts)
    np.testing.assert_allclose(ours.predict(texts, verbose=0), expected, atol=1e-4)
    assert np.ptp(expected) > 0.01


@pytest.mark.parametrize("kind", ["AutoModel", "AutoModelForMaskedLM"])
def test_encoders_without_a_classifier_are_read(checkpoint, kind, tmp_path):
    _, model, directory = checkpoint
    encoder = getattr(transformers, kind).from_config(model.config).eval()
    encoder.save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(directory / name, tmp_path)
    with pytest.raises(PresetFormatError, match="without a classification head"):
        hub_tasks.TextClassifier.from_preset(tmp_path)
    with warnings.catch_warnings():  # of a pooler that an encoder for masked words lacks
        warnings.simplefilter("ignore")
        clf = hub_tasks.TextClassifier.from_preset(tmp_path, labels=["a", "b"])
    theirs = encode(directory, TEXTS)
    with torch.no_grad():
        hidden = getattr(encoder, encoder.base_model_prefix, encoder)(**theirs)[0].numpy()
    outputs = keras.ops.convert_to_numpy(clf.backbone(inputs_of(clf, theirs))["sequence_output"])
    real = theirs["attention_mask"].numpy().astype(bool)
    np.testing.assert_allclose(outputs[real], hidden[real], atol=1e-4)


def test_the_way_back_is_equal_to_the_bit(checkpoint, ours, tmp_path):
    _, model, directory = checkpoint
    hub_tasks.save_to_transformers(ours, tmp_path / "back")
    before = load_file(directory / "model.safetensors")
    after = load_file(tmp_path / "back" / "model.safetensors")
    assert set(after) == set(before)
    assert all(np.array_equal(after[name], before[name]) for name in before)
    again = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "back")
    assert again.config.id2label == dict(enumerate(NAMES))
    expected = logits(model, directory, PAIRS)
    np.testing.assert_allclose(logits(again, tmp_path / "back", PAIRS), expected, atol=1e-6)


def test_our_own_preset_is_equal_to_the_bit(ours, tmp_path):
    ours.save_to_preset(tmp_path / "preset")
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "preset")
    for before, after in zip(ours.weights, again.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(before), keras.ops.convert_to_numpy(after), before.path
        )
    expected = ours.predict(PAIRS, verbose=0)
    np.testing.assert_allclose(again.predict(PAIRS, verbose=0), expected, atol=1e-5)


def test_a_training_step_is_that_of_transformers(checkpoint, tmp_path):
    _, _, directory = checkpoint
    clf = hub_tasks.TextClassifier.from_preset(directory)
    clf.compile(optimizer=keras.optimizers.SGD(0.5))
    loss = clf.fit(TEXTS, LABELS, batch_size=len(TEXTS), shuffle=False, verbose=0).history["loss"]
    hub_tasks.save_to_transformers(clf, tmp_path / "trained")
    ours = load_file(tmp_path / "trained" / "model.safetensors")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(directory).train()
    targets = torch.tensor([NAMES.index(label) for label in LABELS])
    theirs = model(**encode(directory, TEXTS), labels=targets).loss
    theirs.backward()
    np.testing.assert_allclose(loss[0], theirs.item(), atol=1e-4)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                parameter -= 0.5 * parameter.grad
            difference = np.abs(ours[name] - parameter.numpy()).max()
            assert difference < 1e-4, f"{name} differs by {difference}"
