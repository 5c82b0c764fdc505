"""What recurrent layers say of each token, whichever kernels compute it."""

import keras
import numpy as np
import pytest
from keras import ops

from hub_tasks.layers import Bidirectional

KEPT = {"all": [5, 5, 5], "padded": [5, 1, 3], "one empty": [0, 5, 2]}
X = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")


@pytest.fixture(autouse=True)
def _whole_float32(monkeypatch):
    """On a GPU cuDNN rounds what it multiplies to 10 bits otherwise."""
    if keras.backend.backend() == "torch":
        import torch

        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def both(kind, policy="float32"):
    """Our layer and Keras's, with the same weights."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    ours = Bidirectional(kind, 6)
    cls = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[kind]
    plain = cls(6, return_sequences=True, recurrent_initializer="zeros")
    theirs = keras.layers.Bidirectional(plain)
    keras.config.set_dtype_policy(before)
    rng = np.random.default_rng(1)
    for layer in (ours, theirs):
        layer.build(X.shape)
    weights = [rng.normal(0, 0.5, variable.shape) for variable in ours.weights]
    for layer in (ours, theirs):
        layer.set_weights(weights)
    return ours, theirs


def first(counts):
    """A mask that keeps the first tokens of each text."""
    return np.arange(5) < np.array(counts)[:, None]


@pytest.mark.backend
@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("mask", [*map(first, KEPT.values()), first([5, 2, 4])[:, ::-1], None])
def test_states_are_those_of_keras(kind, mask):
    ours, theirs = both(kind)
    found, expected = (ops.convert_to_numpy(layer(X, mask=mask)) for layer in (ours, theirs))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="kernels of PyTorch's")
@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("counts", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("frozen", [False, True])
def test_gradients_are_those_of_keras(kind, counts, frozen):
    gradients = []
    for layer in both(kind):
        x = ops.convert_to_tensor(X).requires_grad_(not frozen)
        states = layer(x, mask=first(counts))
        (states * ops.arange(states.shape[-1])).sum().backward()
        trained = [] if frozen else [x.grad]
        gradients.append([*trained, *(variable.value.grad for variable in layer.weights)])
    for found, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="kernels of PyTorch's")
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_no_token_is_read_alone(kind, monkeypatch):
    ours, theirs = both(kind)
    monkeypatch.setattr(type(theirs.forward_layer.cell), "call", lambda *_, **__: 1 / 0)
    ours(X, mask=first([5, 1, 3]))
    with pytest.raises(ZeroDivisionError):
        theirs(X, mask=first([5, 1, 3]))


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="kernels of PyTorch's")
@pytest.mark.parametrize(("policy", "within"), [("float16", 0), ("mixed_bfloat16", 0.03)])
def test_half_precision(policy, within):
    ours, theirs = both("lstm", policy)
    found, expected = (layer(X, mask=first([5, 1, 3])).detach() for layer in (ours, theirs))
    assert str(found.dtype) == f"torch.{policy.removeprefix('mixed_')}"
    np.testing.assert_allclose(found.float(), expected.float(), atol=within)
