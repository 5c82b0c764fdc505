"""A training step on JAX whose gradients of tables are those of the rows that a batch holds.

JAX's gradient of a lookup is as large as the table, most of it zeros. Here zeros are added to
the vectors that were looked up, and the gradient is taken of those in place of the table.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from hub_tasks.layers import Lookups, VectorTable
from hub_tasks.tasks.adamw_rows import RowGradient


class RowStepModel(keras.Model):
    """A model whose tables are trained by row on JAX, where they are told to."""

    def train_step(self, *args: Any) -> Any:
        """Keras's hook for a step, with its arguments and results on each backend."""
        tables = _tables_by_row(self) if keras.backend.backend() == "jax" else []
        return _row_step(self, tables, *args) if tables else super().train_step(*args)


def _tables_by_row(model: keras.Model) -> list[VectorTable]:
    layers = [x for x in model._flatten_layers() if isinstance(x, VectorTable)]
    return [x for x in layers if x.sparse_gradients and x.embeddings.trainable]


def _row_step(model: keras.Model, tables: Sequence[VectorTable], state: Any, data: Any) -> Any:
    """What Keras's step on JAX does, but for the gradients."""
    trainable, _, of_optimizer, _ = state
    data = keras.utils.unpack_x_y_sample_weight(data)
    grads, (unscaled_loss, y_pred, non_trainable, of_metrics) = _gradients(
        model, tables, state, data
    )
    trainable, of_optimizer = model.optimizer.stateless_apply(of_optimizer, grads, trainable)
    x, y, sample_weight = data
    logs, of_metrics = model._update_metrics_variables(
        of_metrics, unscaled_loss, x, y, y_pred, sample_weight
    )
    return logs, (trainable, non_trainable, of_optimizer, of_metrics)


def _gradients(
    model: keras.Model, tables: Sequence[VectorTable], state: Any, data: Any
) -> tuple[list[Any], Any]:
    """Gradients of all trainable variables, those of tables by row; what the pass changed."""
    import jax

    trainable, non_trainable, of_optimizer, of_metrics = state

    def loss_of(rest: Any, added: Any) -> Any:
        trained = [old if new is None else new for old, new in zip(trainable, rest, strict=True)]
        told = {"training": True, "optimizer_variables": of_optimizer}
        with Lookups.recorded(tables, added) as lookups:
            loss, updates = model.compute_loss_and_updates(
                trained, non_trainable, of_metrics, *data, **told
            )
        return loss, (updates, [lookup.ids for lookup in lookups])

    known = [id(variable) for variable in model.trainable_variables]
    places = [known.index(id(table.embeddings)) for table in tables]
    rest = [None if i in places else value for i, value in enumerate(trainable)]
    added = _zeros(model, tables, state, data[0])
    gradients = jax.value_and_grad(loss_of, argnums=(0, 1), has_aux=True)
    (_, (updates, rows)), (grads, of_rows) = gradients(rest, added)
    for place, table, ids, values in zip(places, tables, rows, of_rows, strict=True):
        grads[place] = _of_table(table, ids, values)
    return grads, updates


def _of_table(table: VectorTable, ids: Sequence[Any], values: Sequence[Any]) -> Any:
    """The gradient of a table from those of what its calls looked up.

    Of rows, or as large as the table where that is no more: where sums of many rows are looked
    up, or nothing is.
    """
    shape = table.embeddings.shape
    found = [pair for call in zip(ids, values, strict=True) for pair in _columns(*call, shape)]
    if not 0 < sum(rows.size for rows, _ in found) < shape[0]:
        gradient = ops.zeros(shape, table.variable_dtype)
        for rows, value in found:
            gradient = gradient.at[rows].add(value, mode="drop")
        return gradient
    real = [value * ops.cast(rows < shape[0], value.dtype)[:, None] for rows, value in found]
    rows = ops.minimum(ops.concatenate([rows for rows, _ in found]), shape[0] - 1)
    return RowGradient(ops.concatenate(real), rows, shape)


def _columns(ids: Any, values: Any, shape: tuple[int, int]) -> Iterator[tuple[Any, Any]]:
    """Rows and their gradients; of sums those of the first rows, then of the second, and so on.

    Where a sum has fewer, the row is one beyond the table.
    """
    columns = [ids]
    if ids.ndim == values.ndim:
        ids = ops.where(ids > 0, ids, shape[0])
        columns = [ids[..., k] for k in range(ids.shape[-1])]
    for rows in columns:
        yield ops.reshape(rows, (-1,)), ops.reshape(values, (-1, shape[1]))


def _zeros(model: keras.Model, tables: Sequence[VectorTable], state: Any, x: Any) -> list[Any]:
    """For each table zeros in the shapes of what its calls look up."""
    import jax

    def found() -> Any:
        with Lookups.recorded(tables, [None for _ in tables]) as lookups:
            model.stateless_call(*state[:2], x, training=True)
        return [lookup.vectors for lookup in lookups]

    return jax.tree.map(lambda x: ops.zeros(x.shape, x.dtype), jax.eval_shape(found))
