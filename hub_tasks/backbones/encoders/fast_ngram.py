"""Averaged vectors of words and of hashed n-grams."""

from typing import Any

from hub_tasks.backbones.encoder import EncoderBackbone
from hub_tasks.layers import bag_of_vectors


class FastNgramBackbone(EncoderBackbone, title="n-grams in the manner of fastText"):
    """The mean of the vectors of words and their pairs, and that of n-grams of characters.

    Of n-grams the hash is known alone, so that words never seen before have vectors too.
    Beside the means stand the largest values of each entry, which fastText has not.

    References: Joulin et al., 2016, https://arxiv.org/abs/1607.01759; Bojanowski et al., 2016,
    https://arxiv.org/abs/1607.04606; Shen et al., 2018, https://arxiv.org/abs/1805.09843.

    Hyper-parameters:
        largest: whether the largest values stand beside the mean of words and pairs.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.encoder_defaults("fast_ngram")["word_ngrams"]
    1
    """

    text_defaults = {
        **EncoderBackbone.text_defaults,
        "word_ngrams": 1,
        "character_ngrams": (3, 5),
        "buckets": 50_000,
    }
    bag_alone = True
    most_parts = 0  # they are among the n-grams

    def encode(self, x: Any, mask: Any, *, largest: bool = True) -> Any:
        return bag_of_vectors(x, mask, largest)
