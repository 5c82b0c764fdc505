"""Layers that are called directly on PyTorch compute what Keras computes with them."""

import keras
import numpy as np
import pytest

import hub_tasks
from tests.checks.tiny import ENCODERS_OF_OURS, tiny_encoder

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="only PyTorch computes layer after layer"
)

EVERYTHING = {
    "bigram_buckets": 16,
    "part_buckets": 16,
    "run_buckets": 16,
    "pair_separator": 2,
    "overlap_entries": 4,
}


class Counter(keras.layers.Layer):
    """A layer that hears when it is called."""

    calls = 0

    def __call__(self, x):
        Counter.calls += 1
        return super().__call__(x)

    def call(self, x):
        return x


class CountingBackbone(hub_tasks.EncoderBackbone):
    """Has a layer that the house does not know."""

    def encode(self, x, mask):
        return keras.layers.GlobalAveragePooling1D()(Counter()(x), mask=mask)


class MaskingBackbone(hub_tasks.EncoderBackbone):
    """Hands a mask from one layer of Keras's to the next, past the arguments of `encode`."""

    def encode(self, x, mask, *, units: int = 3):
        x = keras.layers.Dropout(0.5)(keras.layers.Masking()(x))
        return keras.layers.LSTM(units)(x)


def inputs(width: int = 7) -> dict:
    import torch

    ids = np.random.default_rng(0).integers(3, 40, (4, 7))
    ids[0, 3] = 2
    mask = np.arange(7) < np.array([[7], [1], [5], [3]])
    arrays = {"token_ids": (ids * mask)[:, :width], "padding_mask": mask[:, :width]}
    return {name: torch.tensor(array.astype("int32")) for name, array in arrays.items()}


def calls_by_keras(monkeypatch) -> list[str]:
    """The names of the layers that Keras calls from now on, and not the house."""
    called, call = [], keras.layers.Layer.__call__

    def noted(layer, *args, **kwargs):
        called.append(layer.name)
        return call(layer, *args, **kwargs)

    monkeypatch.setattr(keras.layers.Layer, "__call__", noted)
    return called


def classifier(encoder: str, dtype="float32", **config) -> hub_tasks.TextClassifier:
    keras.utils.set_random_seed(0)
    backbone = tiny_encoder(encoder, dtype=dtype, **config)
    return hub_tasks.TextClassifier(backbone, preprocessor=None, labels=["bad", "good"])


def outputs(model, training: bool = False) -> np.ndarray:
    """Of a model whose random numbers begin where they began when it was made."""
    import torch

    torch.manual_seed(0)
    for variable in model.non_trainable_variables:
        if variable.path.endswith("seed_generator_state"):
            variable.assign([3, 0])
    with torch.no_grad():
        return keras.ops.convert_to_numpy(model(inputs(), training=training))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("encoder", ENCODERS_OF_OURS)
def test_layers_compute_what_they_compute_in_keras(encoder, training, monkeypatch):
    model = classifier(encoder, **EVERYTHING)
    called = calls_by_keras(monkeypatch)
    directly = outputs(model, training)
    assert not {"classifier_dropout", "logits", "embedding", "masked_pooling"} & {*called}

    by_keras(model)
    called.clear()
    np.testing.assert_array_equal(directly, outputs(model, training))
    assert {"classifier_dropout", "logits", "embedding"} <= {*called}


def by_keras(model) -> None:
    """Lets Keras call all layers, as it does where someone listens to them."""
    for layer in model._flatten_layers():
        layer.register_forward_hook(lambda *args: None)


def test_hooks_of_pytorch_are_called():
    model, heard = classifier("average_embedding"), []
    model(inputs())
    layers = [model.backbone, model.backbone.get_layer("embedding"), model.get_layer("logits")]
    for layer in layers:
        layer.register_forward_hook(lambda layer, *args: heard.append(layer))
    model(inputs())
    assert {layer.name for layer in heard} == {layer.name for layer in layers}


def test_an_encoder_of_ones_own_gets_the_masks_of_keras():
    model = classifier("masking")
    longer = outputs(model)[1]  # a text of one token
    shorter = keras.ops.convert_to_numpy(model(inputs(width=1)))[1]
    np.testing.assert_allclose(longer, shorter, rtol=1e-6)


def test_layers_of_ones_own_are_called_as_keras_calls_them():
    model = classifier("counting")
    before = Counter.calls
    model(inputs())
    assert Counter.calls == before + 1


def test_losses_of_layers_count():
    model = classifier("cnn")
    outputs(model)
    model.get_layer("logits").activity_regularizer = keras.regularizers.L2(0.5)
    logits = outputs(model)
    [loss] = model.losses
    assert float(loss) == pytest.approx(0.5 * (logits**2).sum() / len(logits))


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "float64"])
def test_other_precisions_are_those_of_keras(dtype):
    model = classifier("kim_cnn", dtype)
    found = outputs(model)
    by_keras(model)
    np.testing.assert_array_equal(found, outputs(model))


def test_quantized_layers_compute_in_whole_numbers():
    model = classifier("average_embedding")
    whole = outputs(model)
    model.get_layer("logits").quantize("int8")
    found = outputs(model)
    assert not np.array_equal(found, whole)
    by_keras(model)
    np.testing.assert_array_equal(found, outputs(model))


def test_other_inputs_are_read_as_keras_reads_them():
    model = classifier("cnn_attention")
    tensors = inputs()
    expected = outputs(model)
    for given in (
        {name: tensor.long() for name, tensor in tensors.items()},
        {name: tensor.numpy() for name, tensor in tensors.items()},
        dict(reversed(tensors.items())),
    ):
        found = keras.ops.convert_to_numpy(model(given))
        np.testing.assert_array_equal(found, expected)
