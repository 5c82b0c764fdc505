"""Token ids -> the bag of their vectors without training, where no compiler fuses operations."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
from keras import ops

from hub_tasks.layers.bigrams import HashedBigrams
from hub_tasks.layers.table import VectorTable
from hub_tasks.layers.word_parts import WordParts, distinct_ids

_AT_ONCE = 2**19  # numbers, which a processor keeps at hand


def bag_fits(
    table: keras.layers.Layer, pairs: HashedBigrams | None, parts: WordParts | None
) -> bool:
    """Whether bags can be computed with these: on a processor, by PyTorch without gradients or
    by TensorFlow."""
    tables = [table, *(layer.table for layer in (pairs, parts) if layer is not None)]
    if not all(
        isinstance(table, VectorTable)
        and not table.lora_enabled
        and table.compute_dtype == "float32"
        for table in tables
    ):
        return False
    if keras.backend.backend() == "torch":
        import torch

        here = all(table.embeddings.value.device.type == "cpu" for table in tables)
        return here and not torch.is_grad_enabled()
    return keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")


def bag_of_tokens(
    token_ids: Any,
    padding_mask: Any,
    table: VectorTable,
    pairs: HashedBigrams | None,
    largest: bool,
) -> Any:
    """What `bag_of_vectors` gives for vectors of a table and of pairs.

    Args:
        token_ids, padding_mask: `(batch, length)`, int32.
        table: the tokens' vectors.
        pairs: what is added for a token and the next one, if anything.
        largest: whether the largest values stand beside the mean.

    Returns:
        `(batch, dim)`, or twice as wide with the largest values.
    """
    columns = [token_ids]
    if pairs is not None:
        columns += pairs.rows(token_ids, padding_mask)

    if keras.backend.backend() == "torch":
        vectors = partial(_vectors_on_torch, table, pairs)
        return _bags_on_torch(vectors, padding_mask, columns, table.output_dim, largest)
    return _bags(partial(_vectors, table, pairs), padding_mask, columns, largest)


def bag_of_parts(token_ids: Any, padding_mask: Any, parts: WordParts) -> Any:
    """What `bag_of_vectors` gives for the parts of words, `(batch, 2 * dim)`."""
    if keras.backend.backend() != "torch":
        return _bags(parts, padding_mask, [token_ids], largest=True)
    from torch.nn.functional import embedding

    distinct, places = distinct_ids(token_ids)
    vectors = partial(embedding, weight=parts.sums(distinct))
    return _bags_on_torch(vectors, padding_mask, [places], parts.dim, largest=True)


def _vectors(table: VectorTable, pairs: HashedBigrams | None, ids: Any, *of_pairs: Any) -> Any:
    x = table(ids)
    if pairs is not None:
        rows, inside = of_pairs
        x += pairs.table(rows) * ops.cast(inside[:, :, None], x.dtype)
    return x


def _bags(
    vectors: Callable[..., Any], padding_mask: Any, columns: Sequence[Any], largest: bool
) -> Any:
    """Means and largest values of vectors in few passes over them.

    At padding a text's first token stands once more, which is no larger than itself; its weight
    in the mean is zero.
    """
    mask = padding_mask > 0
    first = ops.argmax(padding_mask, axis=1)[:, None]
    x = vectors(*(ops.where(mask, c, ops.take_along_axis(c, first, axis=1)) for c in columns))
    weights = ops.cast(mask, x.dtype)
    lengths = ops.sum(weights, axis=1, keepdims=True)
    bag = [ops.matmul((weights / ops.maximum(lengths, 1))[:, None], x)[:, 0]]
    if largest:
        bag.append(ops.max(x, axis=1) * ops.cast(lengths > 0, x.dtype))
    return ops.concatenate(bag, axis=-1)


def _vectors_on_torch(
    table: VectorTable, pairs: HashedBigrams | None, ids: Any, *of_pairs: Any
) -> Any:
    from torch.nn.functional import embedding

    x = embedding(ids, table.embeddings.value)
    if pairs is not None:
        rows, inside = (column[:, :-1] for column in of_pairs)
        found = embedding(rows, pairs.table.embeddings.value)
        x[:, :-1].add_(found if inside.all() else found.mul_(inside[:, :, None]))
    return x


def _bags_on_torch(
    vectors: Callable[..., Any], padding_mask: Any, columns: Sequence[Any], dim: int, largest: bool
) -> Any:
    """Means and largest values of vectors, a few texts at a time.

    The vectors of a whole batch take tens of megabytes, several times over, and getting those
    from the system took three times as long as computing with them. Where texts are sorted by
    length, the few are equally long, and there is no padding.
    """
    import torch

    texts = max(1, _AT_ONCE // (padding_mask.shape[1] * dim))
    columns = [padding_mask > 0, *columns]
    bags = []
    for mask, *ids in zip(*(c.split(texts) for c in columns), strict=True):
        places = mask.any(0).nonzero()
        longest = int(places[-1]) + 1 if len(places) else 1
        mask = mask[:, :longest]
        real = None if mask.all() else mask[:, :, None].float()
        x = vectors(*(column[:, :longest] for column in ids))
        lengths = mask.sum(1, keepdim=True).clamp(min=1)
        bag = [(x if real is None else x.mul_(real)).sum(1) / lengths]
        if largest:
            most = (x if real is None else x.add_((1 - real) * -1e9)).amax(1)
            bag.append(most if real is None else most.mul_(mask.any(1, keepdim=True)))
        bags.append(torch.cat(bag, dim=-1))
    return torch.cat(bags)
