"""Writing the preset directory of KerasHub, which is also ours.

Layout: keras_hub's `save_to_preset`, version 0.32.
"""

import datetime
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import keras
import numpy as np

from hub_tasks.families import Family
from hub_tasks.presets import files as names
from hub_tasks.presets.data import PresetData, TokenizerData
from hub_tasks.presets.formats.hdf5 import write_hdf5
from hub_tasks.presets.formats.safetensors import write_safetensors


def write(data: PresetData, weights_format: str, version: str) -> dict[str, bytes]:
    """The files of a preset, without the manifest: name -> bytes.

    Args:
        data: the parts to write; weights as `{variable: array}`.
        weights_format: "h5", which KerasHub reads, or "safetensors".
        version: of hub_tasks, for the metadata.
    """
    family, out = data.family, {}
    tokenizer = preprocessor = backbone = None
    if data.tokenizer is not None:
        tokenizer = _document(family, "Tokenizer", _tokenizer_config(data.tokenizer), "int32")
        out[names.TOKENIZER] = tokenizer
        out[names.VOCABULARY] = "".join(f"{t}\n" for t in data.tokenizer.vocabulary).encode()
    if data.preprocessor is not None:
        settings = dict(data.preprocessor)
        if settings["truncate"] == "longest_first":  # KerasHub has no such mode
            settings["truncate"] = "round_robin"
        config = {"tokenizer": tokenizer, "config_file": names.PREPROCESSOR, **settings}
        preprocessor = _document(family, "TextClassifierPreprocessor", config)
        out[names.PREPROCESSOR] = preprocessor
    if data.backbone is not None:
        config = {f.name: data.backbone[f.name] for f in family.config if f.keras}
        backbone = _document(family, "Backbone", config)
        out[names.CONFIG] = backbone
        out[names.METADATA] = _metadata(data, version)
        out.update(_write_weights(data.weights, family, data.backbone, False, weights_format))
    if data.head is not None:
        head = data.head
        config = {
            "backbone": backbone,
            "preprocessor": preprocessor,
            "num_classes": head.num_classes,
            "activation": head.activation,
            "dropout": head.dropout,
        }
        out[names.TASK] = _document(family, "TextClassifier", config)
        out.update(_write_weights(head.weights, family, data.backbone, True, weights_format))
    dump = partial(json.dumps, indent=2, ensure_ascii=False)
    return {n: v if isinstance(v, bytes) else (dump(v) + "\n").encode() for n, v in out.items()}


def extras(data: PresetData) -> dict[str, Any]:
    """What the manifest must hold because KerasHub's files cannot: differences only."""
    backbone = {
        field.name: data.backbone[field.name]
        for field in data.family.config
        if data.backbone is not None
        and not field.keras
        and data.backbone[field.name] != field.default
    }
    longest_first = (data.preprocessor or {}).get("truncate") == "longest_first"
    return {
        "backbone": backbone,
        "preprocessor": {"truncate": "longest_first"} if longest_first else {},
    }


def _tokenizer_config(tokenizer: TokenizerData) -> dict[str, Any]:
    return {
        "config_file": names.TOKENIZER,
        "vocabulary": None,
        "sequence_length": None,
        "split": True,
        "special_tokens": None,
        **tokenizer.options,
    }


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
        "keras_version": keras.__version__,
        "hub_tasks_version": version,
        "parameter_count": sum(int(np.prod(v.shape)) for v in data.weights.values()),
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        "tasks": ["TextClassifier"] if data.head else [],
    }


def _write_weights(
    values: Mapping[str, np.ndarray],
    family: Family,
    backbone: Mapping[str, Any],
    head: bool,
    weights_format: str,
) -> dict[str, bytes]:
    rules = family.head if head else family.layers
    tensors, layers = {}, {}
    for rule in rules:
        for tensor in rule.tensors("keras", backbone["num_layers"], backbone["num_heads"]):
            for name, piece in zip(tensor.names, tensor.encode(values[tensor.ours]), strict=True):
                tensors[name] = piece
                layers[name.rpartition("/vars/")[0]] = tensor.ours.split("/")[-2]
    if weights_format == "safetensors":
        return {
            names.TASK_SAFETENSORS if head else names.MODEL_SAFETENSORS: write_safetensors(tensors)
        }
    return {names.TASK_WEIGHTS if head else names.MODEL_WEIGHTS: write_hdf5(tensors, layers)}
