"""How the two texts of a pair relate."""

from math import sqrt
from typing import Any

from keras import ops

from hub_tasks.layers.pooling import MaskedPooling


def comparison(x: Any, first: Any, second: Any) -> Any:
    """How far the bags of two texts are apart, and what their means share.

    After Mou et al., 2016, https://aclanthology.org/P16-2022, and Conneau et al., 2017,
    https://arxiv.org/abs/1705.02364. Means of vectors that begin at random are short: products
    would be next to nothing beside differences, if the means did not get one length.

    Args:
        x: vectors of the tokens of both, `(batch, length, dim)`.
        first, second: `(batch, length)`, true at the tokens of each.

    Returns:
        `(batch, 4 * dim + 1)`: what the first mean has more than the second, which says which
        text is the first; the distances of the means and of the largest values, entry by entry;
        the products of the means, with a root mean square of 1; their cosine, as large as those
        for means at random (`sqrt(dim)` times the cosine).

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import comparison
    >>> x = np.ones((1, 5, 4), "float32")
    >>> first, second = np.array([[1, 1, 0, 0, 0]]), np.array([[0, 0, 0, 1, 1]])
    >>> round(float(comparison(x, first, second)[0, -1]), 2)  # the cosine is 1, times two
    2.0
    """
    means, largest = (
        [MaskedPooling(kind)(x, padding_mask=text) for text in (first, second)]
        for kind in ("mean", "max")
    )
    difference = means[0] - means[1]
    apart = [ops.abs(difference), ops.abs(largest[0] - largest[1])]
    products = _of_length_1(means[0]) * _of_length_1(means[1])
    cosine = ops.sum(products, axis=-1, keepdims=True)
    shared = ops.concatenate([products, cosine], axis=-1) * sqrt(x.shape[-1])
    return ops.concatenate([difference, *apart, shared], axis=-1)


def _of_length_1(x: Any) -> Any:
    """Vectors with a length of 1; zeros stay what they are."""
    return x * ops.rsqrt(ops.sum(x * x, axis=-1, keepdims=True) + 1e-6)
