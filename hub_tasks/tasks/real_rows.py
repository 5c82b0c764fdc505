"""Loss and metrics of the real rows of a batch: those that only fill it up do not count."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from hub_tasks.data import FILL


def _is_real(weights: Any) -> Any:
    """1 for real rows, 0 for those that fill up; both as floats."""
    return ops.cast(ops.not_equal(weights, FILL), "float32")


def count_rows(weights: Any, rows: int) -> Any:
    """How many of the `rows` of a batch are real."""
    return rows if weights is None else ops.sum(_is_real(weights))


def loss_weights(weights: Any, rows: int, divides: bool) -> Any:
    """Weights under which a loss over all rows equals that over the real ones.

    Args:
        weights: `(rows,)`, `FILL` where a row is none; or None.
        rows: the size of the batch.
        divides: whether the loss is divided by the number of rows.
    """
    if weights is None:
        return None
    real = _is_real(weights)
    scale = ops.cast(rows, "float32") / ops.maximum(ops.sum(real), 1.0) if divides else 1.0
    return ops.cast(weights, "float32") * real * scale


class RowMean(keras.metrics.Mean):
    """The mean loss over real rows, in place of Keras's over all rows."""

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Does nothing: Keras calls it with the size of the batch."""

    def count_loss(self, loss: Any, rows: Any) -> None:
        """Counts the mean loss of so many rows."""
        super().update_state(loss, sample_weight=rows)


class RowMetric(keras.metrics.Metric):
    """A metric of real rows.

    Args:
        metric: any Keras metric.
        weighted: whether the users' weights count, as in Keras's `weighted_metrics`.
    """

    def __init__(self, metric: keras.metrics.Metric, weighted: bool):
        super().__init__(name=metric.name, dtype=metric.dtype)
        self.metric = metric
        self.weighted = weighted

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if sample_weight is None:
            return self.metric.update_state(y_true, y_pred)
        real = _is_real(sample_weight)
        weights = real * ops.cast(sample_weight, "float32") if self.weighted else real
        return self.metric.update_state(y_true, y_pred, sample_weight=weights)

    def result(self) -> Any:
        return self.metric.result()

    def reset_state(self) -> None:
        self.metric.reset_state()


def row_metrics(metrics: Any, weighted: bool, by_name: Callable[[str], Any]) -> Any:
    """Wraps metrics in any structure that Keras's `compile` takes.

    Args:
        metrics: metrics, names, functions; or a list or dict of them.
        weighted: see `RowMetric`.
        by_name: a name -> the metric, where it depends on the problem, else None.
    """

    def wrap(metric: Any) -> RowMetric:
        if isinstance(metric, str):
            metric = by_name(metric) or keras.metrics.get(metric)
        if not isinstance(metric, keras.metrics.Metric):
            name = getattr(metric, "__name__", None)
            metric = keras.metrics.MeanMetricWrapper(metric, name=name)
        return RowMetric(metric, weighted)

    if metrics is None:
        return []
    structure = metrics if isinstance(metrics, list | tuple | dict) else [metrics]
    return keras.tree.map_structure(wrap, structure)


class RealRowsModel(keras.Model):
    """A model whose losses and metrics are those of the real rows of each batch."""

    def compile(
        self, *args: Any, metrics: Any = None, weighted_metrics: Any = None, **kwargs: Any
    ) -> None:
        """As in Keras; losses and metrics are those of the real rows of each batch."""
        super().compile(
            *args,
            weighted_metrics=[
                *keras.tree.flatten(row_metrics(metrics, False, self._metric_of_name)),
                *keras.tree.flatten(row_metrics(weighted_metrics, True, self._metric_of_name)),
            ],
            **kwargs,
        )
        # Keras's own tracker would count the rows that fill up a batch; set past the
        # tracking of attributes, as Keras sets it.
        object.__setattr__(self, "_loss_tracker", RowMean(name="loss"))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of the real rows of a batch."""
        rows = ops.shape(y_pred)[0]
        divides = getattr(self.loss, "reduction", "") not in ("sum", None)
        weights = loss_weights(sample_weight, rows, divides)
        loss = super().compute_loss(x, y, y_pred, weights, training)
        self._loss_tracker.count_loss(loss, count_rows(sample_weight, rows))
        return loss

    def _get_jax_state(self, *args: Any, purge_model_variables: bool = False, **kwargs: Any) -> Any:
        """Keras's hook for the state of a run on JAX, which leaves the variables as they are.

        Keras would empty them until the epoch ends, and who interrupts the first step of one,
        where the compiler takes its time, would be left without weights.
        """
        return super()._get_jax_state(*args, **kwargs)

    def _metric_of_name(self, name: str) -> Any:
        """What a metric's name means for the problem; None where it always means the same."""
        return None
