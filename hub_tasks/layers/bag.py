"""Token ids -> the bag of their vectors, on PyTorch and without training."""

from typing import Any

import keras
from keras import ops

from hub_tasks.layers.bigrams import HashedBigrams
from hub_tasks.layers.table import VectorTable

_AT_ONCE = 2**19  # numbers, which a processor keeps at hand


def bag_fits(table: keras.layers.Layer, pairs: HashedBigrams | None) -> bool:
    """Whether `bag_of_tokens` can compute with these: on a processor, without gradients."""
    if keras.backend.backend() != "torch":
        return False
    import torch

    tables = [table] if pairs is None else [table, pairs.table]
    return not torch.is_grad_enabled() and all(
        isinstance(table, VectorTable)
        and not table.lora_enabled
        and table.compute_dtype == "float32"
        and table.embeddings.value.device.type == "cpu"
        for table in tables
    )


def bag_of_tokens(
    token_ids: Any,
    padding_mask: Any,
    table: VectorTable,
    pairs: HashedBigrams | None,
    largest: bool,
) -> Any:
    """What `bag_of_vectors` gives for vectors of a table and of pairs.

    A few texts at a time: the vectors of a whole batch take tens of megabytes, several times
    over, and getting those from the system took three times as long as computing with them.
    Where texts are sorted by length, the few are equally long, and there is no padding.

    Args:
        token_ids, padding_mask: `(batch, length)`; the padding comes last.
        table: the tokens' vectors.
        pairs: what is added for a token and the next one, if anything.
        largest: whether the largest values stand beside the mean.

    Returns:
        `(batch, dim)`, or twice as wide with the largest values.
    """
    import torch

    token_ids, padding_mask = map(ops.convert_to_tensor, (token_ids, padding_mask))
    vectors = table.embeddings.value
    columns = [padding_mask, padding_mask.sum(1), token_ids]
    if pairs is not None:
        columns += pairs.rows(token_ids, padding_mask)
    texts = max(1, _AT_ONCE // (token_ids.shape[1] * vectors.shape[1]))
    bags = []
    for mask, lengths, ids, *others in zip(*(c.split(texts) for c in columns), strict=True):
        shortest, longest = int(lengths.min()), max(int(lengths.max()), 1)
        real = mask[:, :longest, None].float() if shortest < longest else None
        x = torch.nn.functional.embedding(ids[:, :longest], vectors)
        if others:
            rows, inside = (column[:, : longest - 1] for column in others)
            of_pairs = torch.nn.functional.embedding(rows, pairs.table.embeddings.value)
            x[:, :-1].add_(of_pairs if real is None else of_pairs.mul_(inside[:, :, None]))
        bag = [(x if real is None else x.mul_(real)).sum(1) / lengths[:, None]]
        if largest:
            bag.append((x if real is None else x.add_((1 - real) * -1e9)).amax(1))
        bags.append(torch.cat(bag, dim=-1))
    return torch.cat(bags)
