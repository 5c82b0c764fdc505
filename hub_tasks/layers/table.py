"""A table of vectors, of which a batch needs a few."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="hub_tasks")
class VectorTable(keras.layers.Embedding):
    """`keras.layers.Embedding`, whose gradient may be one of single rows.

    A gradient is otherwise as large as the table: on PyTorch, room for it is taken and filled
    with zeros at every step, which takes longer than all else that a small model computes.

    Args:
        *args, **kwargs: as in `keras.layers.Embedding`.

    Attributes:
        sparse_gradients: whether the gradient is a sparse tensor on PyTorch, which only an
            optimizer that knows such may be given. Elsewhere it changes nothing.

    Call arguments:
        ids: `(batch, length)`, integers.

    Returns:
        `(batch, length, dim)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import VectorTable
    >>> VectorTable(100, 8)(np.array([[3, 4, 5]], "int32")).shape[-1]
    8
    """

    sparse_gradients = False

    def call(self, ids):
        if self.lora_enabled:
            return super().call(ids)
        table = self.embeddings.value
        if reads_rows(table):
            return ops.cast(table.sparse_read(ops.cast(ids, "int32")), self.compute_dtype)
        if not self.sparse_gradients or keras.backend.backend() != "torch":
            return super().call(ids)
        import torch

        vectors = torch.nn.functional.embedding(ids, table, sparse=True)
        return ops.cast(vectors, self.compute_dtype)


def reads_rows(value: Any) -> bool:
    """Whether single rows of a variable's value can be read: on TensorFlow, without a strategy.

    After rows of it were written, TensorFlow would copy a whole table to read it otherwise.
    """
    return type(value).__name__ == "ResourceVariable"
