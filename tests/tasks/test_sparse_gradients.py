"""Gradients of the rows of a table that a batch holds."""

from contextlib import nullcontext

import keras
import numpy as np
import pytest
from keras import ops

from hub_tasks.layers import VectorTable
from hub_tasks.tasks.adamw import AdamW, sparse_gradients
from hub_tasks.tasks.adamw_rows import RowGradient, has_rows
from hub_tasks.tasks.row_step import RowStepModel
from tests.checks.tiny import ENCODERS_OF_OURS, from_scratch

pytestmark = pytest.mark.backend

BACKEND = keras.backend.backend()
IDS = np.array([[3, 0, 3], [6, 3, 6], [0, 0, 0], [6, 8, 3]], "int32")  # rows more than once


def model_of(optimizer, **options):
    """A model with a table of nine rows; always the same weights."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,), dtype="int32")
    vectors = VectorTable(9, 4, name="embedding")(inputs)
    outputs = keras.layers.Dense(1)(ops.tanh(vectors)[:, 0] * vectors[:, 1])
    model = RowStepModel(inputs, outputs)
    model.compile(optimizer, "mse", **options)
    return model


def trained(sparse, **options):
    """Weights before and after five epochs of two steps each."""
    model = model_of(AdamW(0.01, weight_decay=0.0, lazy_embeddings=True, **options))
    before = model.get_weights()
    y = np.array([[1.0], [5.0], [-3.0], [2.0]])
    for _ in range(5):
        if sparse:
            with sparse_gradients(model):
                model.fit(IDS, y, batch_size=2, shuffle=False, verbose=0)
        else:
            model.fit(IDS, y, batch_size=2, shuffle=False, verbose=0)
    return before, model.get_weights()


@pytest.mark.parametrize("clip", [None, 0.5])
def test_sparse_gradients_do_what_dense_ones_do(clip):
    (before, ours), (_, expected) = (trained(x, global_clipnorm=clip) for x in (True, False))
    for weight, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-5, atol=1e-6)
    # Of the texts the first two tokens count.
    assert (before[0] != ours[0]).any(axis=1).nonzero()[0].tolist() == [0, 3, 6, 8]


def test_clipping_adds_up_what_a_row_has_before():
    """A norm of the single tokens' gradients would be another one."""
    table = keras.Variable(np.zeros((4, 1), "float32"), name="embeddings")
    kernel = keras.Variable(np.zeros((1, 1), "float32"), name="kernel")
    optimizer = AdamW(1.0, weight_decay=0.0, global_clipnorm=1.0, beta_1=0.0, epsilon=1e3)
    grads = [gradient_of_rows([2, 2, 0], [[3.0], [4.0], [1.0]]), ops.ones((1, 1))]
    optimizer.apply(grads, [table, kernel])
    norm = np.sqrt(7.0**2 + 1 + 1)
    # With an epsilon this large a step is proportional to the clipped gradient.
    step = np.array([1.0, 0.0, 7.0, 0.0]) / norm * np.sqrt(1 - 0.999) / 1e3
    np.testing.assert_allclose(ops.convert_to_numpy(table)[:, 0], -step, rtol=1e-3)


def test_what_is_no_table_of_embeddings_keeps_its_momentum():
    """Gradients of rows come from any weight that is looked up, not from those tables alone."""
    steps = [([2, 2, 0], [[3.0], [4.0], [1.0]]), ([1, 0], [[1.0], [-2.0]]), ([3], [[0.5]])]
    ours = AdamW(0.1, weight_decay=0.0, global_clipnorm=1.0, lazy_embeddings=True)
    ours.sparse_gradients = True
    theirs = keras.optimizers.Adam(0.1, global_clipnorm=1.0)
    scores = [keras.Variable(np.zeros((4, 1), "float32"), name="scores") for _ in range(2)]
    for rows, values in steps:
        dense = np.zeros((4, 1), "float32")
        np.add.at(dense, rows, values)
        ours.apply([gradient_of_rows(rows, values)], scores[:1])
        theirs.apply([ops.convert_to_tensor(dense)], scores[1:])
    np.testing.assert_allclose(*map(ops.convert_to_numpy, scores), rtol=1e-5, atol=1e-6)


def gradient_of_rows(rows, values):
    """As the backend has it after tokens were looked up in a table of four rows."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant([4, 1]))
    if BACKEND == "jax":
        return RowGradient(ops.array(values), ops.array(rows), (4, 1))
    dense = np.zeros((4, 1), "float32")
    np.add.at(dense, rows, values)
    return ops.convert_to_tensor(dense)


@pytest.mark.parametrize(
    ("optimizer", "sparse"),
    [
        (AdamW(0.01, lazy_embeddings=True), True),
        (AdamW(0.01), False),
        (AdamW(0.01, lazy_embeddings=True, gradient_accumulation_steps=2), False),
        (AdamW(0.01, lazy_embeddings=True, clipnorm=1.0), False),
        (keras.optimizers.Adam(0.01), False),
    ],
    ids=["ours", "not lazy", "accumulating", "clipping each", "Keras's"],
)
def test_gradients_are_sparse_in_fit_where_the_optimizer_takes_them(optimizer, sparse, monkeypatch):
    model = model_of(optimizer)
    table = model.layers[1]
    if BACKEND == "torch":  # whose kernel takes rows on a processor alone
        sparse = sparse and table.embeddings.value.device.type == "cpu"
    applied, apply = [], optimizer.apply
    monkeypatch.setattr(
        optimizer, "apply", lambda grads, *of: applied.append(grads) or apply(grads, *of)
    )
    with sparse_gradients(model):
        model.fit(IDS, np.ones((4, 1)), batch_size=2, verbose=0)
        assert table.sparse_gradients == sparse
        if BACKEND == "torch":
            assert table.embeddings.value.grad.is_sparse == sparse
        if BACKEND == "jax":
            assert {has_rows(grads[0]) for grads in applied} == {sparse}
    model.fit(IDS, np.ones((4, 1)), verbose=0)
    assert not table.sparse_gradients
    if BACKEND == "torch":
        assert not table.embeddings.value.grad.is_sparse


@pytest.mark.parametrize("encoder", ENCODERS_OF_OURS)
def test_tables_of_every_encoder_are_trained_by_row(encoder):
    clf = from_scratch(encoder, ["a fine film", "a dull film"], ["good", "bad"])
    tables = [layer for layer in clf._flatten_layers() if isinstance(layer, VectorTable)]
    expected = BACKEND != "torch" or clf.weights[0].value.device.type == "cpu"
    with sparse_gradients(clf):
        assert {table.sparse_gradients for table in tables} == {expected}


class Twice(keras.layers.Layer):
    """Looks two columns up in one table, one after the other."""

    def __init__(self):
        super().__init__()
        self.table = VectorTable(9, 4, name="embedding")
        self.unused = VectorTable(9, 4, name="unused")

    def build(self, input_shape):
        self.table.build(input_shape)
        self.unused.build(input_shape)

    def call(self, ids):
        return self.table(ids[:, :1])[:, 0] * ops.tanh(self.table(ids[:, 1:])[:, 0])


@pytest.mark.parametrize("frozen", [False, True])
def test_a_table_that_is_looked_up_twice_has_the_gradients_of_both(frozen):
    results = []
    for lazy in (True, False):
        keras.utils.set_random_seed(0)
        inputs, twice = keras.Input((3,), dtype="int32"), Twice()
        model = RowStepModel(inputs, keras.layers.Dense(1)(twice(inputs)))
        twice.table.trainable = not frozen
        model.compile(AdamW(0.01, lazy_embeddings=True, global_clipnorm=0.5), "mse")
        with sparse_gradients(model) if lazy else nullcontext():
            model.fit(IDS, np.arange(4.0)[:, None], batch_size=2, epochs=3, verbose=0)
        results.append(model.get_weights())
    for weight, other in zip(*results, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-5, atol=1e-6)


class Summed(keras.layers.Layer):
    """Adds up the vectors of the first two of three ids, and of all of them."""

    def __init__(self):
        super().__init__()
        self.table = VectorTable(9, 4, name="embedding")

    def build(self, input_shape):
        self.table.build(input_shape)

    def call(self, ids):
        return self.table.sums(ids[:, :2]) * ops.tanh(self.table.sums(ids))


@pytest.mark.parametrize("batch_size", [1, 4])  # with fewer rows than the table has, and more
def test_sums_of_vectors_have_gradients_of_rows_and_none_of_row_0(batch_size):
    results = []
    for lazy in (True, False):
        keras.utils.set_random_seed(0)
        inputs, summed = keras.Input((3,), dtype="int32"), Summed()
        model = RowStepModel(inputs, keras.layers.Dense(1)(summed(inputs)))
        before = ops.convert_to_numpy(summed.table.embeddings).copy()
        model.compile(AdamW(0.01, weight_decay=0.0, lazy_embeddings=True), "mse")
        with sparse_gradients(model) if lazy else nullcontext():
            model.fit(IDS, np.arange(4.0)[:, None], batch_size=batch_size, epochs=3, verbose=0)
        results.append(model.get_weights())
    for weight, other in zip(*results, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-5, atol=1e-6)
    moved = (ops.convert_to_numpy(summed.table.embeddings) != before).any(axis=1)
    assert moved.nonzero()[0].tolist() == [3, 6, 8]


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "float16"])
@pytest.mark.parametrize("lora", [False, True])
def test_sums_are_those_of_the_vectors(dtype, lora):
    table = VectorTable(9, 4, dtype=dtype, name="embedding")
    table.build((None, None))
    if lora:
        table.enable_lora(2)
        table.lora_embeddings_b.assign(np.ones((2, 4)))
    ids = np.array([[[3, 0, 3], [8, 2, 1]], [[0, 0, 0], [0, 5, 0]]], "int32")
    vectors = ops.convert_to_numpy(ops.cast(table(ids), "float32"))
    sums = ops.cast(table.sums(ids), "float32")
    expected = (vectors * (ids > 0)[..., None]).sum(axis=2)
    np.testing.assert_allclose(ops.convert_to_numpy(sums), expected, atol=0.02, rtol=0.02)
    assert table.sums(ids).dtype == table(ids).dtype
