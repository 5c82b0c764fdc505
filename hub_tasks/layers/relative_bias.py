"""A learned bias of attention for the distance of two tokens."""

import math

import keras
import numpy as np
from keras import ops

from hub_tasks.layers.initializers import random_weights
from hub_tasks.layers.mechanisms import RELATIONS

_BUCKETS = 32  # in use; the table may have more rows
_FARTHEST = 128  # tokens; all beyond share a bucket


@keras.saving.register_keras_serializable(package="hub_tasks")
class RelativePositionBias(keras.layers.Layer):
    """A number for each head and each bucket of distances, added to attention's scores.

    Distances up to 7 have a bucket each, larger ones share them in a logarithmic scale, and
    either direction has its own. References: Raffel et al., 2019,
    https://arxiv.org/abs/1910.10683; Song et al., 2020, https://arxiv.org/abs/2004.09297.

    Args:
        num_buckets: rows of the table, of which 32 are used.
        num_heads: attention heads.

    Call arguments:
        x: `(batch, length, dim)`, of which only the length matters.

    Returns:
        `(1, num_heads, length, length)`: query by key.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import RelativePositionBias
    >>> RelativePositionBias(32, 2)(np.zeros((3, 5, 8), "float32")).shape[1]
    2
    """

    def __init__(self, num_buckets: int, num_heads: int, **kwargs):
        super().__init__(**kwargs)
        self.num_buckets = num_buckets
        self.num_heads = num_heads

    @classmethod
    def of(cls, config, **kwargs):
        """The layer that an encoder of this configuration has."""
        return cls(config["num_buckets"], config["num_heads"], **kwargs)

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            shape=(self.num_buckets, self.num_heads),
            initializer=random_weights(),
            name="embeddings",
        )

    def call(self, x):
        positions = ops.arange(ops.shape(x)[1], dtype="int32")
        distance = positions[None, :] - positions[:, None]
        near = ops.convert_to_tensor(_buckets())
        index = ops.take(near, ops.clip(distance, -_FARTHEST, _FARTHEST) + _FARTHEST, axis=0)
        table = ops.convert_to_tensor(self.embeddings, dtype=self.compute_dtype)
        return ops.transpose(ops.take(table, index, axis=0), (2, 0, 1))[None]

    def compute_output_shape(self, input_shape):
        return (1, self.num_heads, input_shape[1], input_shape[1])

    def get_config(self):
        return {
            **super().get_config(),
            "num_buckets": self.num_buckets,
            "num_heads": self.num_heads,
        }


def _buckets() -> np.ndarray:
    """The bucket of each distance, key less query, from `-_FARTHEST` to `_FARTHEST`."""
    distance = np.arange(-_FARTHEST, _FARTHEST + 1)
    half = _BUCKETS // 2
    exact = half // 2
    size = np.abs(distance)
    scale = np.float32(math.log(_FARTHEST / exact))
    logarithm = np.log(np.maximum(size, 1).astype("float32") / np.float32(exact))
    far = exact + (logarithm / scale * (half - exact)).astype("int32")
    bucket = np.where(size < exact, size, np.minimum(far, half - 1))
    return (bucket + half * (distance > 0)).astype("int32")


RELATIONS.register("bias", RelativePositionBias)
