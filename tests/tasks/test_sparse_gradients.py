"""Gradients of the rows of a table that a batch holds, which PyTorch alone has."""

import keras
import numpy as np
import pytest
from keras import ops

from hub_tasks.layers import VectorTable
from hub_tasks.tasks.adamw import AdamW, sparse_gradients
from tests.tasks.test_adamw import START, named

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's alone")


@pytest.mark.parametrize("clip", [None, 0.5])
def test_sparse_gradients_do_what_dense_ones_do(clip):
    ids = torch.tensor([3, 0, 3, 6])  # a row twice: its gradients are added up
    results = []
    for sparse in (True, False):
        table, kernel = named("embedding/embeddings"), named("logits/kernel")
        optimizer = AdamW(0.01, weight_decay=0.0, lazy_embeddings=True, global_clipnorm=clip)
        for _ in range(3):
            vectors = torch.nn.functional.embedding(ids, table.value, sparse=sparse)
            (torch.tanh(vectors) @ kernel.value.T).sum().backward()
            assert table.value.grad.is_sparse == sparse
            optimizer.apply([table.value.grad, kernel.value.grad], [table, kernel])
            table.value.grad = kernel.value.grad = None
        results.append([ops.convert_to_numpy(variable) for variable in (table, kernel)])
    for ours, expected in zip(*results, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
    assert (results[0][0] != START[0]).any(axis=1).nonzero()[0].tolist() == [0, 3, 6]


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
def test_gradients_are_sparse_in_fit_where_the_optimizer_takes_them(optimizer, sparse):
    inputs = keras.Input((None,), dtype="int32")
    table = VectorTable(9, 4, name="embedding")
    model = keras.Model(inputs, keras.layers.Dense(1)(table(inputs)[:, 0]))
    model.compile(optimizer, "mse")
    x, y = np.array([[1, 2], [3, 4]], "int32"), np.ones((2, 1))
    with sparse_gradients(model):
        model.fit(x, y, verbose=0)
        assert table.embeddings.value.grad.is_sparse == sparse
    model.fit(x, y, verbose=0)
    assert not table.embeddings.value.grad.is_sparse
