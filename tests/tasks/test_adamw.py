"""The one-pass AdamW: Keras's own, step for step."""

import contextlib

import keras
import numpy as np
import pytest
from keras import ops

from hub_tasks.tasks.adamw import AdamW

pytestmark = pytest.mark.backend

START = [np.random.default_rng(i).normal(size=(7, 5)).astype("float32") for i in range(3)]


def lying_otherwise(value):
    """An initializer that gives this, column by column in memory where the backend can."""
    return lambda shape, dtype: ops.transpose(ops.convert_to_tensor(value.T.copy()))


def stepped(optimizer, scale):
    """Variables after five steps with gradients of this size."""
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    # The kernel takes memory as it comes, so weights and gradients that lie otherwise are here.
    variables = [
        keras.Variable(lying_otherwise(START[0]), (7, 5), name="kernel"),
        keras.Variable(START[1].copy(), name="bias"),
        keras.Variable(START[2].copy(), name="gamma"),
    ]
    random = np.random.default_rng(0)
    for _ in range(5):
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
    rates = {"embedding/embeddings": 0.04, "logits/kernel": 0.01}
    rates |= {f"{name}/table/embeddings": 0.02 for name in ("bigrams", "character_runs")}
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


def test_each_output_may_have_a_rate_of_its_own():
    rates = np.array([1.0, 2.0, 0.5, 100.0, 0.001], "float32")
    names = ("logits/kernel", "dense/logits/kernel", "dense/kernel")
    ours = [named(path) for path in names]
    optimizer = AdamW(0.01, weight_decay=0.0, output_rate=[1.0] * 5)
    optimizer.output_rate.assign(rates)
    optimizer.apply([ops.convert_to_tensor(START[1]) for _ in ours], ours)
    assert AdamW.from_config(optimizer.get_config()).get_config() == optimizer.get_config()
    steps = [ops.convert_to_numpy(variable) - START[0] for variable in ours]
    np.testing.assert_allclose(steps[0], rates * steps[2], rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(steps[1], steps[2])


@pytest.mark.parametrize("clip", [None, 0.5])
def test_lazy_embeddings_move_only_where_they_have_a_gradient(clip):
    """Kingma and Ba, 2014, https://arxiv.org/abs/1412.6980, algorithm 1 with a beta_1 of 0."""
    table, kernel = named("embedding/embeddings"), named("logits/kernel")
    options = {"weight_decay": 0.0, "global_clipnorm": clip}
    optimizer = AdamW(0.01, embedding_rate=4.0, lazy_embeddings=True, **options)
    assert AdamW.from_config(optimizer.get_config()).get_config() == optimizer.get_config()
    expected, moment = START[0].astype("float64"), np.zeros((7, 5))
    random = np.random.default_rng(0)
    for step in range(1, 6):
        gradient = random.normal(size=(7, 5)) * (random.random((7, 5)) < 0.5)
        grads = [gradient, 2 * START[1]]
        optimizer.apply([ops.convert_to_tensor(g, "float32") for g in grads], [table, kernel])
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        gradient *= min(1.0, clip / norm) if clip else 1.0
        moment = np.where(gradient != 0, 0.999 * moment + 0.001 * gradient**2, moment)
        # Keras adds epsilon to the root before its bias is corrected.
        expected -= 0.04 * gradient * np.sqrt(1 - 0.999**step) / (np.sqrt(moment) + 1e-7)
    np.testing.assert_allclose(ops.convert_to_numpy(table), expected, rtol=2e-4, atol=2e-5)


def test_weights_of_several_precisions_are_clipped_together():
    """Keras's own fails here on TensorFlow, so what stands beside it is ours in one precision."""
    stepped = []
    for dtypes in (("bfloat16", "float32"), ("float32", "float32")):
        variables = [keras.Variable(START[0], dtype=dtype) for dtype in dtypes]
        grads = [ops.cast(10 * START[1], dtype) for dtype in dtypes]
        AdamW(0.1, global_clipnorm=1.0, epsilon=1.0).apply(grads, variables)
        stepped.append([ops.convert_to_numpy(ops.cast(v, "float32")) for v in variables])
    for ours, expected in zip(*stepped, strict=True):
        assert (ours != START[0]).any()
        np.testing.assert_allclose(ours, expected, rtol=1e-2)


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
