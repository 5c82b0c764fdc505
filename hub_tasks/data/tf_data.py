"""TensorFlow objects, in and out: `tf.data.Dataset`, string tensors, feeding TensorFlow.

The only file of `data/` that imports TensorFlow, and it does so when an object of
TensorFlow's has come in, or when TensorFlow is Keras's backend.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from hub_tasks.data.columns import read_batches
from hub_tasks.data.rows import Rows, Source, rebatch, unpack
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
        texts, _, _ = unpack(spec)
        columns = texts if isinstance(texts, tuple) else (texts,)
        forms = [_form(column) for column in columns]
        if forms[0] not in (("string", 0), ("string", 1)) or (
            isinstance(texts, tuple) and forms != forms[:1] * 2
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
        elements = map(unpack, self.dataset.as_numpy_iterator())
        if self.batch_size:
            elements = rebatch(elements, self.batch_size)
        return read_batches(elements)


def _form(spec: Any) -> tuple[str, int | None]:
    rank = getattr(getattr(spec, "shape", None), "rank", None)
    return getattr(getattr(spec, "dtype", None), "name", ""), rank


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

    def run(*columns: np.ndarray | bytes) -> list[np.ndarray]:
        scalar = isinstance(columns[0], bytes)  # what TensorFlow makes of a tensor of rank 0
        lists = [[column] if scalar else column.tolist() for column in columns]
        outputs = preprocess(tuple(lists) if len(lists) == 2 else lists[0])
        return [outputs[key][0] if scalar else outputs[key] for key in keys]

    outputs = tf.numpy_function(run, list(texts), [tf.int32] * len(keys))
    for output in outputs:
        output.set_shape((*texts[0].shape, length))
    return dict(zip(keys, outputs, strict=True))


def feed_tensorflow(
    batches: Callable[[], Iterator[Any]], num_batches: int | None, ahead: bool, repeat: bool
) -> Any:
    """A `tf.data.Dataset` of batches whose widths vary, as TensorFlow's trainer wants it.

    Args:
        batches: begins a pass.
        num_batches: in a pass, where known.
        ahead: whether batches may be read before they are asked for.
        repeat: whether pass follows upon pass.
    """
    import tensorflow as tf

    first = next(iter(batches()))
    signature = tf.nest.map_structure(
        lambda a: tf.TensorSpec([None] * a.ndim, tf.as_dtype(a.dtype)), first
    )
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    if num_batches is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(num_batches))
    if repeat:
        dataset = dataset.repeat()
    options = tf.data.Options()
    # Its thread looks at the clock in ever longer intervals, and the data set's end waits for it.
    options.autotune.enabled = False
    options.experimental_optimization.inject_prefetch = False
    return (dataset.prefetch(2) if ahead else dataset).with_options(options)
