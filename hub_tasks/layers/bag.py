"""Token ids -> the bags of their vectors without training, where no compiler fuses operations."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
from keras import ops

from hub_tasks.layers.bigrams import HashedBigrams
from hub_tasks.layers.table import VectorTable
from hub_tasks.layers.word_parts import WordParts, distinct_ids, shapes_may_vary

# Numbers, which a processor keeps at hand. The vectors of a whole batch are tens of megabytes,
# several times over: to get those from the system takes longer than to compute with them.
_AT_ONCE = 2**19
_FEW = 16  # texts, for which TensorFlow need trace no loop


class BagSource(NamedTuple):
    """What a bag is computed from.

    Attributes:
        vectors: what stands in `columns`, of a few texts -> `(texts, length, dim)`.
        mask: `(batch, length)`, 1 at the tokens that are in the bag.
        columns: arrays `(batch, length)`.
        dim: the size of a vector.
        largest: whether the largest values stand beside the mean.
    """

    vectors: Callable[..., Any]
    mask: Any
    columns: Sequence[Any]
    dim: int
    largest: bool


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


def tokens_in_bag(
    token_ids: Any, mask: Any, table: VectorTable, pairs: HashedBigrams | None, largest: bool
) -> BagSource:
    """The vectors of tokens.

    Args:
        token_ids, mask: `(batch, length)`, int32.
        table: the tokens' vectors.
        pairs: what is added for a token and the next one, if anything.
        largest: whether the largest values stand beside the mean.
    """
    columns = [token_ids]
    if pairs is not None:
        columns += pairs.rows(token_ids, mask)
    vectors = _vectors_on_torch if keras.backend.backend() == "torch" else _vectors
    return BagSource(partial(vectors, table, pairs), mask, columns, table.output_dim, largest)


def parts_in_bag(token_ids: Any, mask: Any, parts: WordParts) -> BagSource:
    """What the parts of words add up to; the largest values stand beside the mean."""
    if not shapes_may_vary():
        return BagSource(parts, mask, [token_ids], parts.dim, largest=True)
    distinct, places = distinct_ids(token_ids)
    if keras.backend.backend() == "torch":
        from torch.nn.functional import embedding

        vectors = partial(embedding, weight=parts.sums(distinct))
    else:
        vectors = partial(ops.take, parts.sums(distinct), axis=0)
    return BagSource(vectors, mask, [places], parts.dim, largest=True)


def bags_at_once(sources: Sequence[BagSource]) -> list[Any]:
    """What `bag_of_vectors` gives for each source, without training.

    Args:
        sources: of the same texts, with vectors of one size.

    Returns:
        `(batch, dim)` for each, or twice as wide with the largest values.
    """
    if keras.backend.backend() == "torch":
        return [_bag_on_torch(source) for source in sources]
    prepared = [_prepared(source) for source in sources]

    def bags(prepared: Sequence[Sequence[Any]]) -> list[Any]:
        return [_bag(s, *columns) for s, columns in zip(sources, prepared, strict=True)]

    rows, length = ops.shape(sources[0].mask)
    if isinstance(rows, int) and rows <= _FEW:
        return bags(prepared)
    texts = ops.maximum(1, ops.minimum(rows, _AT_ONCE // (length * sources[0].dim)))
    missing = -rows % texts

    def sliced(column: Any) -> Any:
        column = ops.pad(column, [(0, missing), (0, 0)])
        return ops.reshape(column, (-1, texts, ops.shape(column)[1]))

    found = ops.map(bags, keras.tree.map_structure(sliced, prepared))
    return [ops.reshape(bag, (-1, bag.shape[-1]))[:rows] for bag in found]


def _vectors(table: VectorTable, pairs: HashedBigrams | None, ids: Any, *of_pairs: Any) -> Any:
    x = table(ids)
    if pairs is not None:
        rows, inside = of_pairs
        x += pairs.table(rows) * ops.cast(inside[:, :, None], x.dtype)
    return x


def _prepared(source: BagSource) -> list[Any]:
    """Weights of tokens in the mean, whether there are any, and the columns.

    At padding a text's first token stands once more, which is no larger than itself; its weight
    in the mean is zero.
    """
    real = source.mask > 0
    first = ops.one_hot(ops.argmax(source.mask, axis=1), ops.shape(real)[1], dtype="int32")
    weights = ops.cast(real, "float32")
    lengths = ops.sum(weights, axis=1, keepdims=True)
    columns = [ops.cast(column, "int32") for column in source.columns]
    ids = [ops.where(real, c, ops.sum(c * first, axis=1, keepdims=True)) for c in columns]
    return [weights / ops.maximum(lengths, 1), ops.cast(lengths > 0, "float32"), *ids]


def _bag(source: BagSource, weights: Any, real: Any, *ids: Any) -> Any:
    """Mean and largest values of a few texts' vectors in few passes over them."""
    x = source.vectors(*ids)
    bag = [ops.matmul(weights[:, None], x)[:, 0]]
    if source.largest:
        bag.append(ops.max(x, axis=1) * real)
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


def _bag_on_torch(source: BagSource) -> Any:
    """Means and largest values of vectors, a few texts at a time. Where texts are sorted by
    length, the few are equally long, and there is no padding.
    """
    import torch

    texts = max(1, _AT_ONCE // (source.mask.shape[1] * source.dim))
    columns = [source.mask > 0, *source.columns]
    bags = []
    for mask, *ids in zip(*(c.split(texts) for c in columns), strict=True):
        places = mask.any(0).nonzero()
        longest = int(places[-1]) + 1 if len(places) else 1
        mask = mask[:, :longest]
        real = None if mask.all() else mask[:, :, None].float()
        x = source.vectors(*(column[:, :longest] for column in ids))
        lengths = mask.sum(1, keepdim=True).clamp(min=1)
        bag = [(x if real is None else x.mul_(real)).sum(1) / lengths]
        if source.largest:
            most = (x if real is None else x.add_((1 - real) * -1e9)).amax(1)
            bag.append(most if real is None else most.mul_(mask.any(1, keepdim=True)))
        bags.append(torch.cat(bag, dim=-1))
    return torch.cat(bags)
