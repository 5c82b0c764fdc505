"""How weights begin: spread as Keras would draw them."""

import keras
import numpy as np
import pytest
from keras import ops

from hub_tasks.layers import random_weights, to_be_loaded

pytestmark = pytest.mark.backend

KERAS = {
    "truncated_normal": keras.initializers.TruncatedNormal(stddev=0.02),
    "uniform": keras.initializers.RandomUniform(),
    "glorot_uniform": keras.initializers.GlorotUniform(),
    "orthogonal": keras.initializers.Orthogonal(),
    "zeros": keras.initializers.Zeros(),
}
SHAPES = [(40, 300), (300, 40), (5, 40, 30)]  # kernels of dense layers, and of a convolution


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KERAS)
def test_weights_are_spread_as_those_of_keras(kind, shape):
    if kind == "orthogonal" and len(shape) > 2:
        shape = (60, 60)
    ours, theirs = (
        ops.convert_to_numpy(draw(shape, dtype="float32"))
        for draw in (random_weights(kind), KERAS[kind])
    )
    assert ours.dtype == "float32"
    assert abs(ours.mean()) <= 0.05 * theirs.std()
    np.testing.assert_allclose(ours.std(), theirs.std(), rtol=0.03)
    if kind == "orthogonal":
        product = ours @ ours.T if shape[0] <= shape[1] else ours.T @ ours
        np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-5)
    else:
        # On PyTorch one in 200,000 of Keras's truncated numbers lies beyond the bounds.
        bounds = (np.quantile(np.abs(x), 0.999) for x in (ours, theirs))
        np.testing.assert_allclose(*bounds, rtol=0.03)


def test_a_seed_says_what_is_drawn():
    def draw():
        return ops.convert_to_numpy(random_weights()((3, 4), dtype="float32"))

    keras.utils.set_random_seed(1)
    first, second = draw(), draw()
    assert (first != second).all()
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(draw(), first)


@pytest.mark.parametrize("kind", KERAS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_every_type(kind, dtype):
    drawn = random_weights(kind)((6, 8), dtype=dtype)
    assert keras.backend.standardize_dtype(drawn.dtype) == dtype


@pytest.mark.parametrize("kind", sorted({*KERAS} - {"zeros"}))
def test_an_initializer_comes_back_from_its_configuration(kind):
    drawn = random_weights(kind)
    again = keras.initializers.deserialize(keras.initializers.serialize(drawn))
    np.testing.assert_array_equal(*(ops.convert_to_numpy(x((4, 4))) for x in (drawn, again)))


def test_nothing_is_drawn_for_weights_that_are_loaded():
    with to_be_loaded():
        assert not ops.convert_to_numpy(random_weights()((3, 4))).any()
