"""The shapes of a model's variables, from its configuration alone: nothing is built."""

import re
from collections.abc import Mapping
from math import prod
from typing import Any

from hub_tasks.errors import PresetFormatError
from hub_tasks.families import KERAS_HUB, Family
from hub_tasks.presets.data import PresetData
from hub_tasks.presets.weights import Weights, model_tensors

Shapes = dict[str, tuple[int, ...]]
_LAYER = re.compile(r"(transformer_layer_\d+|group_\d+_layer_\d+)/")
_COPY = re.compile(r"(?<=feed_forward)_\d+")
_SMALL = 2**20  # parameters that any preset may have
_WITHOUT_WEIGHTS = 10**9  # the most where no file of weights says how many there are


def backbone_shapes(family: Family, config: Mapping[str, Any]) -> Shapes:
    """Variable -> shape for an encoder of this configuration.

    Nothing where the configuration does not say: KerasHub has it, or a class of its own.
    """
    if family is KERAS_HUB or family.layers is None:
        return {}
    names = [tensor.ours for tensor in model_tensors(family, "transformers", config)]
    return _shapes(names, _sizes(family, config))


def head_shapes(
    family: Family, config: Mapping[str, Any], num_classes: int, pooling: str = "family"
) -> Shapes:
    """Variable -> shape for a head over such an encoder."""
    dim = config.get("hidden_dim")  # which KerasHub may call something else
    if dim is None:
        return {}
    sizes = {
        "pooled_dense": (dim, dim),
        "pooled_norm": (1, dim),
        "pooling": (dim, 1),
        "logits": (dim, num_classes),
    }
    tensors = model_tensors(family, "transformers", config, head=True, pooling=pooling)
    return _shapes([tensor.ours for tensor in tensors], sizes)


def data_shapes(data: PresetData) -> tuple[Shapes, Shapes]:
    """Those of a preset's encoder and of its head; empty for a part that it lacks."""
    if data.backbone is None:
        return {}, {}
    head = data.head and (data.head.num_classes, data.head.pooling)
    encoder, config = backbone_shapes(data.family, data.backbone), data.backbone
    if data.family.layers is None and isinstance(data.weights, Weights):
        encoder = data.weights.stored_shapes()
        _, kernel = data.head.weights.stored_shape("logits/kernel") if head else ("", None)
        config = {"hidden_dim": kernel[0]} if kernel else {}
    return encoder, head_shapes(data.family, config, *head) if head else {}


def count(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """The number of parameters in variables of these shapes."""
    return sum(prod(shape) for shape in shapes.values())


def check_parameters(data: PresetData, most: int | None) -> int:
    """Refuses a configuration that implies a larger model than its weights can fill.

    Args:
        data: a preset with a backbone.
        most: parameters that are accepted whatever the files hold; None for by the files.

    Returns:
        The most that are accepted.

    Raises:
        PresetFormatError: it implies more.
    """
    stored_bytes = data.weights.size()
    if most is None:
        most = _WITHOUT_WEIGHTS if stored_bytes is None else max(stored_bytes, _SMALL)
    implied = count(backbone_shapes(data.family, data.backbone))
    if implied > most:
        held = "no file of weights" if stored_bytes is None else f"{stored_bytes} bytes of weights"
        raise PresetFormatError(
            f"config.json of preset {data.source and data.source.handle} implies a model of "
            f"{implied} parameters, and the preset has {held}; at most {most} are built. If this "
            f"is meant, pass `max_parameters={implied}`."
        )
    return most


def _shapes(names: list[str], sizes: Mapping[str, tuple[int, int]]) -> Shapes:
    found: Shapes = {}
    for name in names:
        layer, _, variable = name.rpartition("/")
        size = sizes[_COPY.sub("", _LAYER.sub("", layer))]
        found[name] = size if variable in ("kernel", "embeddings") else size[1:]
    return found


def _sizes(family: Family, config: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Layer -> the sizes of what goes in and what comes out, or rows and columns of a table."""
    encoder, dim, between = family.encoder, config["hidden_dim"], config["intermediate_dim"]
    embedded = config.get("embedding_dim", dim)
    early = encoder.projection == "before"
    narrow = config.get("bottleneck_dim", dim)
    wide = dim if early else embedded  # the vectors that positions and segments are added to
    relation = {
        "vectors": (2 * config.get("bucket_size", 0), dim),
        "bias": (config.get("num_buckets", 0), config["num_heads"]),
    }
    return {
        "token_embedding": (config["vocabulary_size"], embedded),
        "position_embedding": (config["max_sequence_length"] + encoder.position_offset, wide),
        "segment_embedding": (config.get("num_segments", 0), wide),
        "embeddings_layer_norm": (1, wide),
        "embeddings_projection": (3 * embedded if early else embedded, dim),
        "relation": relation.get(encoder.relation, (0, 0)),
        "relation/layer_norm": (1, dim),
        "attention/query_key_value": (dim, 3 * dim),
        "attention/output": (dim, dim),
        "attention_layer_norm": (1, dim),
        "feed_forward/intermediate": (narrow, between),
        "feed_forward/output": (between, narrow),
        "feed_forward_layer_norm": (1, dim),
        "bottleneck/dense": (dim, narrow),
        "bottleneck/norm": (1, narrow),
        "attention_bottleneck/dense": (dim, narrow),
        "attention_bottleneck/norm": (1, narrow),
        "query_key": (narrow, 2 * narrow),
        "query_key_value": (dim, 3 * dim),
        "value": (dim, narrow),
        "attention_output": (narrow, narrow),
        "attention_norm": (1, narrow),
        "feed_forward_norm": (1, narrow),
        "intermediate": (dim, 2 * between),
        "output": (between, dim),
        "output/dense": (narrow, dim),
        "output/norm": (1, dim),
        "final_norm": (1, dim),
        "pooled_dense": (dim, dim),
    }
