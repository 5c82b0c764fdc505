"""Equal logits with the libraries whose checkpoints we read, on real texts and a real encoder.

The 872 validation sentences of SST-2, all of them on each backend, MiniLM-L6 under a random
head, float32.
"""

import keras
import numpy as np
import pytest

import hub_tasks

pytestmark = [pytest.mark.backend, pytest.mark.libraries]

TOLERANCE = 1e-4
LENGTH = 64  # no validation sentence is longer


@pytest.fixture(scope="module")
def sentences(real_data):
    lines = (real_data / "sst2" / "validation.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[0] for line in lines[1:]]


@pytest.fixture(scope="module")
def transformers_model(minilm, tmp_path_factory):
    """A `transformers` classifier over MiniLM with a random head, saved and running."""
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = transformers.BertForSequenceClassification.from_pretrained(
        minilm, num_labels=3, id2label={0: "bad", 1: "so-so", 2: "good"}
    ).eval()
    with torch.no_grad():
        model.classifier.weight.mul_(30)
    directory = tmp_path_factory.mktemp("transformers")
    model.save_pretrained(directory)
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    tokenizer.save_pretrained(directory)
    return directory, model, tokenizer


def test_logits_equal_those_of_transformers(transformers_model, sentences):
    import torch

    directory, model, tokenizer = transformers_model
    expected = []
    with torch.no_grad():
        for i in range(0, len(sentences), 32):
            batch = tokenizer(sentences[i : i + 32], padding=True, return_tensors="pt")
            expected.append(model(**batch).logits.numpy())
    expected = np.concatenate(expected)
    clf = hub_tasks.TextClassifier.from_preset(directory)
    assert clf.labels == ("bad", "so-so", "good")
    outputs = clf.predict(sentences, verbose=0)
    assert np.abs(expected).max() > 1  # large enough for the tolerance to mean something
    assert np.abs(outputs - expected).max() <= TOLERANCE


def test_pairs_equal_those_of_transformers(transformers_model, sentences):
    import torch

    directory, model, tokenizer = transformers_model
    first, second = sentences[:48], sentences[48:96]
    batch = tokenizer(
        first, second, padding=True, truncation=True, max_length=41, return_tensors="pt"
    )
    with torch.no_grad():
        expected = model(**batch).logits.numpy()
    clf = hub_tasks.TextClassifier.from_preset(directory, sequence_length=41)
    outputs = clf.predict((first, second), verbose=0)
    assert np.abs(outputs - expected).max() <= TOLERANCE


@pytest.fixture(scope="module")
def keras_hub_preset(minilm, tmp_path_factory):
    """KerasHub's own conversion of MiniLM under a random head, saved by KerasHub."""
    keras_hub = pytest.importorskip("keras_hub")
    clf = keras_hub.models.BertTextClassifier.from_preset(str(minilm), num_classes=3)
    clf.preprocessor.sequence_length = LENGTH
    kernel = clf.output_dense.kernel
    kernel.assign(kernel * 30)
    directory = tmp_path_factory.mktemp("keras_hub") / "preset"
    clf.save_to_preset(str(directory))
    return directory, clf


def test_logits_equal_those_of_keras_hub(keras_hub_preset, sentences):
    """Those of at most half the length are padded to that: KerasHub computes all padding."""
    directory, theirs = keras_hub_preset
    ours = hub_tasks.TextClassifier.from_preset(directory)
    lengths = np.asarray(ours.preprocessor(sentences)["padding_mask"]).sum(1)
    expected = np.empty((len(sentences), 3), "float32")
    for length, rows in ((LENGTH // 2, lengths <= LENGTH // 2), (LENGTH, lengths > LENGTH // 2)):
        theirs.preprocessor.sequence_length = length
        chosen = [sentences[i] for i in np.flatnonzero(rows)]
        expected[rows] = theirs.predict(chosen, batch_size=32, verbose=0)
    outputs = ours.predict(sentences, verbose=0)
    assert np.abs(expected).max() > 0.5
    assert np.abs(outputs - expected).max() <= TOLERANCE


def test_keras_hub_reads_what_we_write(keras_hub_preset, sentences, tmp_path):
    """hub_tasks -> KerasHub -> hub_tasks: equal bits, equal outputs."""
    import keras_hub

    directory, _ = keras_hub_preset
    sentences = sentences[:64]
    ours = hub_tasks.TextClassifier.from_preset(directory)
    ours.save_to_preset(tmp_path / "ours")
    theirs = keras_hub.models.TextClassifier.from_preset(str(tmp_path / "ours"))
    assert theirs.preprocessor.sequence_length == LENGTH
    expected = ours.predict(sentences, verbose=0)
    outputs = np.asarray(theirs.predict(sentences, batch_size=32, verbose=0))
    assert np.abs(outputs - expected).max() <= TOLERANCE
    theirs.save_to_preset(str(tmp_path / "theirs"))
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "theirs")
    for a, b in zip(ours.weights, again.weights, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))
    np.testing.assert_allclose(again.predict(sentences, verbose=0), expected, atol=1e-6)
