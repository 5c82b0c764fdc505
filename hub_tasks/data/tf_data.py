"""TensorFlow objects, in and out: `tf.data.Dataset`, string tensors, feeding TensorFlow.

The only file of `data/` that imports TensorFlow, and it does so when an object of
TensorFlow's has come in, or when TensorFlow is Keras's backend.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from itertools import count
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

    dataset = tf.data.Dataset.from_tensors(0).flat_map(_passes(batches, next(iter(batches()))))
    if num_batches is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(num_batches))
    if repeat:
        dataset = dataset.repeat()
    options = tf.data.Options()
    # Its thread looks at the clock in ever longer intervals, and the data set's end waits for it.
    options.autotune.enabled = False
    options.experimental_optimization.inject_prefetch = False
    return (dataset.prefetch(2) if ahead else dataset).with_options(options)


def feed_few(batches: Iterable[Any]) -> Any:
    """The same of a few batches for one pass, without the functions that take 80 ms to make."""
    import tensorflow as tf

    def alone(batch: Any) -> Any:
        variant = tf.data.experimental.to_variant(tf.data.Dataset.from_tensors(batch))
        return tf.data.experimental.from_variant(variant, _specs(batch))

    first, *others = map(alone, batches)
    return reduce(lambda so_far, one: so_far.concatenate(one), others, first)


def _specs(batch: Any) -> Any:
    """The form of a batch, whatever its shape."""
    import tensorflow as tf

    return tf.nest.map_structure(
        lambda a: tf.TensorSpec([None] * a.ndim, tf.as_dtype(a.dtype)), batch
    )


def _passes(batches: Callable[[], Iterator[Any]], first: Any) -> Callable[[Any], Any]:
    """What `Dataset.from_generator` does, and leaves the process's memory as it is.

    On Linux and Python 3.11 that one lets `malloc` give memory back to the system at once, for
    all that TensorFlow computes from then on: averages took 1.7 times as long.

    Args:
        batches: begins a pass.
        first: a batch, whose form all have.

    Returns:
        A function that makes the data set of one pass; its argument says nothing.
    """
    import tensorflow as tf

    leaves, specs = tf.nest.flatten(first), tf.nest.flatten(_specs(first))
    running: dict[int, Iterator[Any]] = {}  # one may begin before another has ended
    numbers = count()

    def begin(_: Any) -> np.int64:
        number = next(numbers)
        running[number] = iter(batches())
        return np.int64(number)

    def read(number: Any) -> list[Any]:
        batch = next(running[int(number)], None)
        if batch is None:
            del running[int(number)]
            return [leaf[:0] for leaf in leaves]
        return tf.nest.flatten(batch)

    def element(number: Any) -> Any:
        found = tf.numpy_function(read, [number], [spec.dtype for spec in specs])
        for array, spec in zip(found, specs, strict=True):
            array.set_shape(spec.shape)
        return tf.nest.pack_sequence_as(first, found)

    def one_pass(nothing: Any) -> Any:
        number = tf.numpy_function(begin, [nothing], tf.int64)
        elements = tf.data.Dataset.from_tensors(number).repeat().map(element)
        return elements.take_while(lambda *batch: tf.size(tf.nest.flatten(batch)[0]) > 0)

    return one_pass
