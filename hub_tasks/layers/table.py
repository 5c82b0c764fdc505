"""A table of vectors, of which a batch needs a few."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

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
        sparse_gradients: whether the gradient is one of rows, which only an optimizer that
            knows such may be given: a sparse tensor on PyTorch; on JAX that of the vectors that
            a call looks up, and of nothing else that is computed from the table. On TensorFlow
            it changes nothing.
        lookups: where calls note what they look up, if anywhere; see `Lookups`.

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
    lookups: "Lookups | None" = None

    def call(self, ids):
        if self.lora_enabled:
            return super().call(ids)
        table = self.embeddings.value
        if reads_rows(table):
            return ops.cast(table.sparse_read(ops.cast(ids, "int32")), self.compute_dtype)
        if self.lookups is not None:
            vectors = self.lookups.add(ids, ops.take(self.embeddings, ids, axis=0))
            return ops.cast(vectors, self.compute_dtype)
        if not self.sparse_gradients or keras.backend.backend() != "torch":
            return super().call(ids)
        import torch

        vectors = torch.nn.functional.embedding(ids, table, sparse=True)
        return ops.cast(vectors, self.compute_dtype)

    def sums(self, ids):
        """The sums of several vectors each.

        One after the other is added: all at once would be several times what a processor keeps
        at hand. TensorFlow sums those of a batch's distinct tokens, which are few, at once.

        Args:
            ids: `(..., rows)`, int32, 0 for no vector.

        Returns:
            `(..., dim)`.
        """
        backend = keras.backend.backend()
        if backend == "torch" and not self.lora_enabled:
            total = self._sums_on_torch(ids)
        elif backend == "jax":
            total = self._sums_on_jax(ids)
        elif ids.ndim == 2:
            vectors = self._read(ids)
            total = ops.matmul(ops.cast(ids > 0, vectors.dtype)[:, None], vectors)[:, 0]
        else:
            total = sum(self._of(ids[..., k]) for k in range(ids.shape[-1]))
        if self.lookups is not None:
            total = self.lookups.add(ids, total)
        return ops.cast(total, self.compute_dtype)

    def _of(self, rows):
        """Vectors, zeros for row 0."""
        vectors = self._read(rows)
        return vectors * ops.cast(rows[..., None] > 0, vectors.dtype)

    def _read(self, rows):
        if self.lora_enabled:
            return ops.cast(super().call(rows), self.variable_dtype)
        if reads_rows(self.embeddings.value):
            return self.embeddings.value.sparse_read(rows)
        return ops.take(self.embeddings, rows, axis=0)

    def _sums_on_jax(self, ids):
        def add(so_far, rows):
            return so_far + self._of(rows), None

        nothing = ops.zeros((*ids.shape[:-1], self.output_dim), self.variable_dtype)
        return ops.scan(add, nothing, ops.moveaxis(ids, -1, 0))[0]

    def _sums_on_torch(self, ids):
        from torch.nn.functional import embedding_bag

        options = {"mode": "sum", "padding_idx": 0, "sparse": self.sparse_gradients}
        flat = ops.reshape(ids, (-1, ids.shape[-1]))
        summed = embedding_bag(flat, self.embeddings.value, **options)
        return ops.reshape(summed, (*ids.shape[:-1], self.output_dim))


class Lookups:
    """What the calls of one table look up while a step is traced.

    Args:
        added: what is added to the vectors of each call; None to add nothing.

    Attributes:
        ids: the rows of each call, `(..., rows)` where vectors are sums of several.
        vectors: of each call, `(..., dim)`.
    """

    def __init__(self, added: Sequence[Any] | None):
        self.ids: list[Any] = []
        self.vectors: list[Any] = []
        self._added = added

    def add(self, ids: Any, vectors: Any) -> Any:
        """Notes a call; returns its vectors with what is added to them."""
        if self._added is not None:
            vectors += self._added[len(self.ids)]
        self.ids.append(ids)
        self.vectors.append(vectors)
        return vectors

    @classmethod
    @contextmanager
    def recorded(cls, tables: Sequence[VectorTable], added: Sequence[Any]) -> Iterator[list[Self]]:
        """Lets tables note what they look up, in the order of the tables."""
        lookups = [cls(one) for one in added]
        for table, lookup in zip(tables, lookups, strict=True):
            table.lookups = lookup
        try:
            yield lookups
        finally:
            for table in tables:
                table.lookups = None


def reads_rows(value: Any) -> bool:
    """Whether single rows of a variable's value can be read: on TensorFlow, without a strategy.

    After rows of it were written, TensorFlow would copy a whole table to read it otherwise.
    """
    return type(value).__name__ == "ResourceVariable"
