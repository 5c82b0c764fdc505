"""Examples with named fields, as data-set libraries yield them -> `(texts, labels, weights)`."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hub_tasks.errors import DataError, received

TEXT_FIELDS = ("text", "sentence", "content")
PAIR_FIELDS = (
    ("text", "text_pair"),
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question", "sentence"),
    ("question1", "question2"),
)
LABEL_FIELDS = ("label", "labels")
WEIGHT_FIELD = "sample_weight"


def text_fields(names: Iterable[str]) -> tuple[str, ...]:
    """The field, or the two of a pair, that hold the texts among `names`.

    Raises:
        DataError: none is known.
    """
    names = list(names)
    for pair in PAIR_FIELDS:
        if all(name in names for name in pair):
            return pair
    for name in TEXT_FIELDS:
        if name in names:
            return (name,)
    pairs = ", ".join(f"{a}/{b}" for a, b in PAIR_FIELDS)
    raise DataError(
        f"No field holds texts: accepted are {', '.join(TEXT_FIELDS)}, or for pairs {pairs}. "
        f"Rename yours. {received(fields=names)}"
    )


def by_position(item: Any) -> Any:
    """An example or a batch with named fields -> `(x, y, weight)`; any other as it is."""
    if not isinstance(item, Mapping):
        return item
    texts = [_plain(item[name]) for name in text_fields(item)]
    labels = [_plain(item[name]) for name in LABEL_FIELDS if name in item]
    weight = _plain(item.get(WEIGHT_FIELD))
    x = tuple(texts) if len(texts) == 2 else texts[0]
    return x, labels[0] if labels else None, weight


def _plain(value: Any) -> Any:
    """Tensors of Torch's -> NumPy; all else as it is."""
    return np.asarray(value.detach().cpu()) if hasattr(value, "detach") else value


def positions_of(item: Any) -> Any:
    """What a collating loader makes of an example: lists in place of tuples.

    `[texts, labels]` and `[texts, labels, weights]` become tuples, and so do the two
    columns of a pair; a list of strings stays one column of texts.
    """
    if isinstance(item, Mapping) or not isinstance(item, list | tuple):
        return by_position(item)
    if all(isinstance(part, str | bytes) for part in item):
        return list(item)
    x, *rest = item
    if isinstance(x, list | tuple) and not any(isinstance(part, str | bytes) for part in x):
        x = tuple(list(column) for column in x)
    elif isinstance(x, tuple):
        x = list(x)
    return (x, *(_plain(part) for part in rest))
