"""The one-pass AdamW: Keras's own, step for step."""

import contextlib

import keras
import numpy as np
import pytest
from keras import ops

from hub_tasks.tasks.adamw import AdamW

pytestmark = pytest.mark.backend

START = [np.random.default_rng(i).normal(size=(7, 5)).astype("float32") for i in range(3)]


def stepped(optimizer, scale):
    """Variables after five steps with gradients of this size."""
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    variables = [
        keras.Variable(value.copy(), name=name)
        for value, name in zip(START, ("kernel", "bias", "gamma"), strict=True)
    ]
    random = np.random.default_rng(0)
    for _ in range(5):
        # The kernel takes memory as it comes, so gradients that lie otherwise are among them.
        grads = [
            ops.transpose(ops.convert_to_tensor(scale * random.normal(size=(5, 7)), "float32"))
            for _ in variables
        ]
        optimizer.apply(grads, variables)
    return [ops.convert_to_numpy(variable) for variable in variables]


@pytest.mark.parametrize("scale", [1e-6, 0.01, 10.0], ids=["tiny", "small", "clipped"])
@pytest.mark.parametrize(
    "options", [{}, {"weight_decay": 0.1}, {"global_clipnorm": 1.0}, {"amsgrad": True}], ids=str
)
def test_steps_are_those_of_keras(options, scale):
    schedule = keras.optimizers.schedules.PolynomialDecay(0.05, 10)
    options = {"learning_rate": schedule, **options}
    for ours, theirs in zip(
        stepped(AdamW(**options), scale),
        stepped(keras.optimizers.AdamW(**options), scale),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("options", [{}, {"amsgrad": True}], ids=str)
def test_embeddings_have_rates_of_their_own(options):
    rates = {"embedding/embeddings": 0.04, "bigrams/table/embeddings": 0.02, "logits/kernel": 0.01}
    ours = [named(path) for path in rates]
    grads = [ops.convert_to_tensor(START[1]) for _ in ours]
    optimizer = AdamW(0.01, weight_decay=0.0, embedding_rate=4.0, bigram_rate=9.0, **options)
    optimizer.bigram_rate.assign(2.0)
    optimizer.apply(grads, ours)
    assert AdamW.from_config(optimizer.get_config()).get_config() == optimizer.get_config()
    for rate, variable in zip(rates.values(), ours, strict=True):
        alone = keras.Variable(START[0].copy())
        keras.optimizers.AdamW(rate, weight_decay=0.0, **options).apply(grads[:1], [alone])
        expected = ops.convert_to_numpy(alone)
        np.testing.assert_allclose(ops.convert_to_numpy(variable), expected, rtol=2e-5, atol=2e-6)


def named(path: str) -> keras.Variable:
    *scopes, name = path.split("/")
    with contextlib.ExitStack() as stack:
        for scope in scopes:
            stack.enter_context(keras.name_scope(scope))
        return keras.Variable(START[0].copy(), name=name)


def test_gradients_that_are_not_numbers_are_not_hidden():
    variable = keras.Variable(START[0])
    grads = [ops.convert_to_tensor(np.full((7, 5), np.nan, "float32"))]
    AdamW(0.1, global_clipnorm=1.0).apply(grads, [variable])
    assert np.isnan(ops.convert_to_numpy(variable)).all()
