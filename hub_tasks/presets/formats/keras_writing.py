"""Writing the preset directory of KerasHub, which is also ours.

Layout: keras_hub's `save_to_preset`, version 0.32.
"""

import datetime
import json
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version as version_of
from typing import Any

import numpy as np

from hub_tasks.families import KERAS_HUB, Family
from hub_tasks.presets import files as names
from hub_tasks.presets.data import HeadData, PresetData
from hub_tasks.presets.formats.hdf5 import write_hdf5
from hub_tasks.presets.formats.keras_tensors import tensors_beside
from hub_tasks.presets.formats.keras_tokenizers import extras as tokenizer_extras
from hub_tasks.presets.formats.keras_tokenizers import write_tokenizer
from hub_tasks.presets.formats.manifest import HEAD_ENTRIES
from hub_tasks.presets.formats.safetensors import write_safetensors
from hub_tasks.presets.narrow import NARROW, narrowed
from hub_tasks.presets.weights import model_tensors


def write(data: PresetData, weights_format: str, version: str) -> dict[str, bytes]:
    """The files of a preset, without the manifest: name -> bytes.

    Args:
        data: the parts to write; weights as `{variable: array}`.
        weights_format: "h5", which KerasHub reads, "safetensors", "float16" or "int8".
        version: of hub_tasks, for the metadata.
    """
    family, out = data.family, {}
    tokenizer = preprocessor = backbone = None
    if data.tokenizer is not None:
        config, assets = write_tokenizer(data.tokenizer_family, data.tokenizer)
        tokenizer = _document(data.tokenizer_family, "Tokenizer", config, "int32")
        out |= {names.TOKENIZER: tokenizer, **assets}
    if data.preprocessor is not None:
        settings = {k: v for k, v in data.preprocessor.items() if k != "pairs"}
        if settings["truncate"] == "longest_first":  # KerasHub has no such mode
            settings["truncate"] = "round_robin"
        config = {"tokenizer": tokenizer, "config_file": names.PREPROCESSOR, **settings}
        preprocessor = _document(family, "TextClassifierPreprocessor", config)
        out[names.PREPROCESSOR] = preprocessor
    if data.backbone is not None:
        config = {
            field.keras or field.name: data.backbone[field.name]
            for field in family.config
            if field.keras is not None
        }
        backbone = _document(family, "Backbone", config)
        out[names.CONFIG] = backbone
        out[names.METADATA] = _metadata(data, version)
        out.update(_write_weights(data, None, weights_format))
    if data.head is not None and family.name != KERAS_HUB.name:
        head = data.head
        config = {
            "backbone": backbone,
            "preprocessor": preprocessor,
            "num_classes": head.num_classes,
            "activation": head.activation,
            "dropout": head.dropout,
        }
        if family.classifier.activation:
            config["hidden_dim"] = data.backbone["hidden_dim"]
        out[names.TASK] = _document(family, "TextClassifier", config)
    if data.head is not None:
        out.update(_write_weights(data, data.head, weights_format))
    dump = partial(json.dumps, indent=2, ensure_ascii=False)
    return {n: v if isinstance(v, bytes) else (dump(v) + "\n").encode() for n, v in out.items()}


def extras(data: PresetData) -> dict[str, Any]:
    """What the manifest must hold because KerasHub's files cannot: differences only."""
    backbone = {
        field.name: data.backbone[field.name]
        for field in data.family.config
        if data.backbone is not None
        and field.keras is None
        and data.backbone[field.name] != field.default
    }
    in_keras_hub = {"truncate": ("round_robin", "waterfall"), "pairs": (data.family.pairs,)}
    preprocessor = {
        name: value
        for name, value in (data.preprocessor or {}).items()
        if value not in in_keras_hub.get(name, (value,))
    }
    kind = data.tokenizer_family
    return {
        "backbone": backbone,
        "preprocessor": preprocessor,
        "tokenizer": tokenizer_extras(kind, data.tokenizer) if data.tokenizer else {},
        "head": _head_extras(data.family, data.head) if data.head else {},
    }


def _head_extras(family: Family, head: HeadData) -> dict[str, Any]:
    entries = HEAD_ENTRIES if family.name == KERAS_HUB.name else ()
    found = {key: getattr(head, key) for key in entries}
    return found if head.pooling == "family" else {**found, "pooling": head.pooling}


def _document(
    family: Family, kind: str, config: Mapping[str, Any], dtype: str = "float32"
) -> dict[str, Any]:
    policy = {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": dtype},
        "registered_name": None,
    }
    layer = {"name": family.module(kind).rpartition(".")[2], "trainable": True, "dtype": policy}
    return {
        "module": family.module(kind),
        "class_name": family.prefix + kind,
        "config": {**layer, **config},
        "registered_name": family.registered_name(kind),
    }


def _metadata(data: PresetData, version: str) -> dict[str, Any]:
    return {
        "keras_version": version_of("keras"),
        "hub_tasks_version": version,
        "parameter_count": sum(int(np.prod(v.shape)) for v in data.weights.values()),
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        "tasks": ["TextClassifier"] if data.head else [],
    }


def _write_weights(
    data: PresetData, head: HeadData | None, weights_format: str
) -> dict[str, bytes]:
    """The weights of the backbone, or of the head."""
    family, config = data.family, data.backbone or {}
    pooling = head.pooling if head else "family"
    values = head.weights if head else data.weights
    for_keras_hub = not head and weights_format not in NARROW
    tensors = tensors_beside(family, config, values) if for_keras_hub else {}
    layers = {name.rpartition("/vars/")[0]: "" for name in tensors}
    for tensor in model_tensors(family, "keras", config, head is not None, pooling, values):
        for name, array in narrowed(weights_format, tensor, values[tensor.ours]).items():
            tensors[name] = array
            if "/vars/" in name:
                layers[name.rpartition("/vars/")[0]] = tensor.ours.split("/")[-2]
    if weights_format != "h5":
        name = names.TASK_SAFETENSORS if head else names.MODEL_SAFETENSORS
        return {name: write_safetensors(tensors)}
    return {names.TASK_WEIGHTS if head else names.MODEL_WEIGHTS: write_hdf5(tensors, layers)}
