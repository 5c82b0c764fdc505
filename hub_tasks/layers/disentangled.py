"""DeBERTa's attention, in which contents and distances of tokens meet separately."""

import keras
import numpy as np
from keras import ops

from hub_tasks.layers.attention import SelfAttention
from hub_tasks.layers.initializers import random_weights
from hub_tasks.layers.mechanisms import BLOCKS, RELATIONS
from hub_tasks.layers.transformer import TransformerLayer


@keras.saving.register_keras_serializable(package="hub_tasks")
class RelativeVectors(keras.layers.Layer):
    """A learned, normalised vector for each distance of two tokens within a sequence.

    Distances up to half of `bucket_size` have a vector each, larger ones share them in a
    logarithmic scale. Reference: He et al., 2021, https://arxiv.org/abs/2111.09543.

    Args:
        bucket_size: buckets of either direction.
        max_length: the most positions of a sequence.
        epsilon: added to the variance in normalisation.

    Call arguments:
        x: `(batch, length, dim)`, of which only the shape matters.

    Returns:
        `(2 * length - 1, dim)`: for the distances, query less key, from `1 - length` on.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import RelativeVectors
    >>> RelativeVectors(4, 24)(np.zeros((3, 5, 8), "float32")).shape[0]
    9
    """

    def __init__(self, bucket_size: int, max_length: int, epsilon: float = 1e-7, **kwargs):
        super().__init__(**kwargs)
        self.bucket_size = bucket_size
        self.max_length = max_length
        self.epsilon = epsilon

    @classmethod
    def of(cls, config, **kwargs):
        """The layer that an encoder of this configuration has."""
        entries = ("bucket_size", "max_sequence_length", "layer_norm_epsilon")
        return cls(*(config[entry] for entry in entries), **kwargs)

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            shape=(2 * self.bucket_size, input_shape[-1]),
            initializer=random_weights(),
            name="embeddings",
        )
        self.layer_norm = keras.layers.LayerNormalization(
            epsilon=self.epsilon, dtype=self.dtype_policy, name="layer_norm"
        )
        self.layer_norm.build((None, input_shape[-1]))

    def call(self, x):
        length = ops.shape(x)[1]
        buckets = ops.convert_to_tensor(_buckets(self.bucket_size, self.max_length))
        index = buckets[self.max_length - length : self.max_length + length - 1]
        table = ops.convert_to_tensor(self.embeddings, dtype=self.compute_dtype)
        return self.layer_norm(ops.take(table, index, axis=0))

    def compute_output_shape(self, input_shape):
        length = input_shape[1]
        return (None if length is None else 2 * length - 1, input_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "bucket_size": self.bucket_size,
            "max_length": self.max_length,
            "epsilon": self.epsilon,
        }


@keras.saving.register_keras_serializable(package="hub_tasks")
class DisentangledSelfAttention(SelfAttention):
    """Self-attention whose scores also hold content to position and position to content.

    Query and key projections are shared by contents and positions. Reference: He et al.,
    2020, https://arxiv.org/abs/2006.03654.

    Args:
        num_heads, dropout: as in `SelfAttention`.

    Call arguments:
        x, padding_mask: as in `SelfAttention`.
        relation: what `RelativeVectors` returns, `(2 * length - 1, dim)`.

    Returns:
        `(batch, length, dim)`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import DisentangledSelfAttention
    >>> x, relation = np.zeros((3, 5, 8), "float32"), np.zeros((9, 8), "float32")
    >>> DisentangledSelfAttention(num_heads=2)(x, relation=relation).shape[-1]
    8
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.relation_dropout = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy)

    def _relate(self, query, key, relation, training):
        scale = (3 * self.head_dim) ** -0.5
        vectors = self.query_key_value(self.relation_dropout(relation, training=training))
        vectors = ops.reshape(vectors, (-1, 3, self.num_heads, self.head_dim))
        to_position = ops.einsum("bqhd,rhd->bhqr", query * scale, ops.flip(vectors[:, 1], axis=0))
        to_content = ops.einsum("bkhd,rhd->bhkr", key * scale, vectors[:, 0])
        bias = _skew(to_position) + ops.transpose(_skew(to_content), (0, 1, 3, 2))
        return bias, scale


@keras.saving.register_keras_serializable(package="hub_tasks")
class DisentangledLayer(TransformerLayer):
    """A `TransformerLayer` with `DisentangledSelfAttention`.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import DisentangledLayer
    >>> x, relation = np.zeros((3, 5, 8), "float32"), np.zeros((9, 8), "float32")
    >>> DisentangledLayer(num_heads=2, intermediate_dim=16)(x, relation=relation).shape[-1]
    8
    """

    attention_class = DisentangledSelfAttention


def _skew(scores):
    """`(..., row, 2 * length - 1)` -> `(..., row, length)`: row i from its column length-1-i on.

    Only the distances that a sequence has are ever scored, each once.
    """
    batch, heads, length = ops.shape(scores)[0], scores.shape[1], ops.shape(scores)[2]
    flat = ops.reshape(ops.pad(scores, ((0, 0), (0, 0), (0, 0), (0, 1))), (batch, heads, -1))
    flat = flat[:, :, length - 1 : length - 1 + length * (2 * length - 1)]
    return ops.reshape(flat, (batch, heads, length, 2 * length - 1))[:, :, :, :length]


def _buckets(size: int, longest: int) -> np.ndarray:
    """The row for each distance, query less key, from `1 - longest` to `longest - 1`."""
    distance = np.arange(1 - longest, longest).astype("float32")
    middle = np.float32(size // 2)
    far = np.maximum(np.abs(distance), middle)
    scale = np.log(np.float32(max(longest - 1, middle + 1)) / middle)
    logarithm = np.ceil(np.log(far / middle) / scale * (middle - 1)) + middle
    bucket = np.where(np.abs(distance) <= middle, distance, logarithm * np.sign(distance))
    return np.clip(bucket.astype("int32") + size, 0, 2 * size - 1)


RELATIONS.register("vectors", RelativeVectors)
BLOCKS.register("disentangled", DisentangledLayer)
