"""Inputs: one file per kind -> rows; rows -> padded batches."""

from typing import Any

import keras

from hub_tasks.data.batches import FILL, MemoryBatches, StreamBatches, TokenColumn
from hub_tasks.data.buckets import plan_widths
from hub_tasks.data.columns import is_column, is_pair, read_columns
from hub_tasks.data.feeding import feed, original_errors
from hub_tasks.data.grain_data import GrainSource, is_grain
from hub_tasks.data.hugging_face_data import HuggingFaceSource, is_hugging_face
from hub_tasks.data.iterables import IterableSource, PyDatasetSource
from hub_tasks.data.labels import LabelSpace, check_sample_weight, looks_multi_label
from hub_tasks.data.naming import infer_labels
from hub_tasks.data.packing import Packer
from hub_tasks.data.report import RunReport
from hub_tasks.data.rows import Rows, Source
from hub_tasks.data.tf_data import TFDataSource, is_dataset, is_tensorflow, map_texts
from hub_tasks.data.torch_data import DataLoaderSource, is_data_loader
from hub_tasks.data.windows import read_ahead, read_windows
from hub_tasks.errors import DataError, received

__all__ = [
    "FILL",
    "LabelSpace",
    "MemoryBatches",
    "Packer",
    "Rows",
    "RunReport",
    "Source",
    "StreamBatches",
    "TokenColumn",
    "check_sample_weight",
    "feed",
    "infer_labels",
    "is_column",
    "is_pair",
    "is_tensorflow",
    "looks_multi_label",
    "map_texts",
    "open_data",
    "original_errors",
    "plan_widths",
    "read_ahead",
    "read_columns",
    "read_windows",
]

_ACCEPTED = (
    "Texts are expected: a list, tuple, NumPy array or pandas column of str, a tf.data.Dataset, "
    "a Torch DataLoader, a Hugging Face or Grain data set, a generator or a "
    "keras.utils.PyDataset."
)


def open_data(
    x: Any, y: Any, sample_weight: Any, batch_size: int, tokens: bool = False
) -> Rows | Source:
    """Recognises an input: rows where it is in memory, else a source of rows.

    Args:
        x: texts, in any accepted form.
        y, sample_weight: only beside inputs that are in memory.
        batch_size: for sources that yield single texts.
        tokens: whether a text in memory may also be a list of tokens.

    Raises:
        DataError: `x` is of no accepted form.
    """
    source: Source
    if x is None or isinstance(x, dict):
        raise DataError(
            f"{_ACCEPTED} For data that is already tokenised, build the classifier with "
            f"`preprocessor=None`. {received(x=x)}"
        )
    if is_dataset(x):
        source = TFDataSource(x, batch_size)
    elif is_data_loader(x):
        source = DataLoaderSource(x)
    elif is_hugging_face(x):
        source = HuggingFaceSource(x, batch_size)
    elif is_grain(x):
        source = GrainSource(x, batch_size)
    elif isinstance(x, keras.utils.PyDataset):
        source = PyDatasetSource(x)
    elif is_tensorflow(x):
        return read_columns(x.numpy(), y, sample_weight)
    elif is_column(x):
        return read_columns(x, y, sample_weight, tokens=tokens)
    elif hasattr(x, "__iter__") and not isinstance(x, set | frozenset):
        source = IterableSource(x, batch_size)
    else:
        raise DataError(f"{_ACCEPTED} {received(type=type(x))}")
    if y is not None or sample_weight is not None:
        raise DataError(
            "Labels and weights come with the texts here: let the data set yield (texts, labels) "
            f"or (texts, labels, weights). {received(x=type(x), y=type(y))}"
        )
    return source
