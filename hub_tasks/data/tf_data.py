"""TensorFlow objects, in and out: `tf.data.Dataset`, string tensors, feeding TensorFlow.

The only file of `data/` that imports TensorFlow, and it does so when an object of
TensorFlow's has come in, or when TensorFlow is Keras's backend.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from hub_tasks.data.columns import read_columns
from hub_tasks.data.rows import Rows, Source, rebatch
from hub_tasks.errors import DataError, received


def is_tensorflow(x: Any) -> bool:
    """Whether `x` is TensorFlow's, by the module of its class, nothing imported."""
    return type(x).__module__.partition(".")[0] == "tensorflow"


def is_dataset(x: Any) -> bool:
    """Whether `x` is a `tf.data.Dataset`."""
    return is_tensorflow(x) and hasattr(x, "element_spec")


class TFDataSource(Source):
    """A `tf.data.Dataset` of texts: elements `x`, `(x, y)` or `(x, y, weight)`.

    Args:
        dataset: `x` is a string tensor, or a tuple of two for pairs; batched (rank 1)
            or not (rank 0).
        batch_size: for a dataset that is not batched.
    """

    def __init__(self, dataset: Any, batch_size: int):
        self.dataset = dataset
        spec = dataset.element_spec
        texts = spec[0] if isinstance(spec, tuple) else spec
        columns = texts if isinstance(texts, tuple) else (texts,)
        if not all(
            getattr(c, "dtype", None) == "string" and c.shape.rank in (0, 1) for c in columns
        ):
            raise DataError(
                "A tf.data.Dataset must yield texts: string tensors of rank 0 or 1, a tuple of two "
                f"for pairs, with labels as `(texts, labels)`. {received(element_spec=spec)}"
            )
        self.batch_size = batch_size if columns[0].shape.rank == 0 else None
        cardinality = int(dataset.cardinality())
        self.endless = cardinality == -1
        if cardinality >= 0:
            self.num_batches = -(-cardinality // (self.batch_size or 1))

    def batches(self) -> Iterator[Rows]:
        elements = map(_unpack, self.dataset.as_numpy_iterator())
        if self.batch_size:
            for texts, labels, weights in rebatch(elements, self.batch_size):
                yield read_columns(texts if len(texts) == 2 else texts[0], labels, weights)
        else:
            for texts, labels, weights in elements:
                yield read_columns(texts if len(texts) == 2 else texts[0], labels, weights)


def _unpack(element: Any) -> tuple[tuple[Any, ...], Any, Any]:
    parts = element if isinstance(element, tuple) else (element,)
    x, y, weight = (*parts, None, None)[:3]
    return x if isinstance(x, tuple) else (x,), _decoded(y), weight


def _decoded(y: Any) -> Any:
    if isinstance(y, bytes):
        return y.decode("utf-8")
    if isinstance(y, np.ndarray) and y.dtype == object:
        return [_decoded(item) for item in y]
    return y


def map_texts(
    texts: tuple[Any, ...], keys: tuple[str, ...], length: int, preprocess: Callable[..., dict]
) -> dict[str, Any]:
    """Preprocesses string tensors inside or outside of a `tf.data` graph.

    Args:
        texts: one string tensor, or two for a pair, of rank 0 or 1.
        keys: the names of the outputs.
        length: the length of every row of the output.
        preprocess: texts -> dict of int32 arrays `(rows, length)`.
    """
    import tensorflow as tf

    def run(*columns: np.ndarray) -> list[np.ndarray]:
        lists = [np.atleast_1d(column).tolist() for column in columns]
        outputs = preprocess(tuple(lists) if len(lists) == 2 else lists[0])
        scalar = columns[0].ndim == 0
        return [outputs[key][0] if scalar else outputs[key] for key in keys]

    outputs = tf.numpy_function(run, list(texts), [tf.int32] * len(keys))
    for output in outputs:
        output.set_shape((*texts[0].shape, length))
    return dict(zip(keys, outputs, strict=True))


def feed_tensorflow(batches: Callable[[], Iterator[Any]], num_batches: int | None) -> Any:
    """A `tf.data.Dataset` of batches whose widths vary, as TensorFlow's trainer wants it."""
    import tensorflow as tf

    first = next(iter(batches()))
    signature = tf.nest.map_structure(
        lambda a: tf.TensorSpec([None] * a.ndim, tf.as_dtype(a.dtype)), first
    )
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    if num_batches is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(num_batches))
    return dataset.prefetch(tf.data.AUTOTUNE)
