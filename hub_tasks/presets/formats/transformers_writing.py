"""Writing a Hugging Face `transformers` directory: what `formats/transformers.py` reads."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from hub_tasks.errors import PresetSaveError, received
from hub_tasks.families import Field
from hub_tasks.presets import files as names
from hub_tasks.presets.data import HeadData, PresetData
from hub_tasks.presets.formats.safetensors import write_safetensors
from hub_tasks.presets.weights import model_tensors

_ROLES = {  # our role of a special token -> the keys of transformers
    "start": ("cls_token", "bos_token"),
    "end": ("sep_token", "eos_token"),
    "pad": ("pad_token",),
    "unknown": ("unk_token",),
    "mask": ("mask_token",),
}


def write(data: PresetData, tokenizer: str | None) -> dict[str, bytes]:
    """The files of a checkpoint: name -> bytes.

    Args:
        data: backbone, head and tokenizer, weights as `{variable: array}`.
        tokenizer: the contents of `tokenizer.json`.
    """
    out = {names.HF_SAFETENSORS: write_safetensors(_tensors(data))}
    documents = {names.CONFIG: _config(data)}
    if data.tokenizer is not None and tokenizer is not None:
        documents[names.HF_TOKENIZER_CONFIG] = _tokenizer_config(data)
        out[names.TOKENIZER] = tokenizer.encode()
    for name, document in documents.items():
        out[name] = (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
    return out


def _tensors(data: PresetData) -> dict[str, np.ndarray]:
    family, tensors = data.family, {}
    for head, values, base in (
        (False, data.weights, family.base),
        (True, data.head.weights, ""),
    ):
        for tensor in model_tensors(family, "transformers", data.backbone, head):
            pieces = tensor.encode(values[tensor.ours])
            tensors |= {base + n: p for n, p in zip(tensor.names, pieces, strict=True)}
    return tensors


def _config(data: PresetData) -> dict[str, Any]:
    family, head = data.family, data.head
    config = {"model_type": family.model_type or family.name}
    config["architectures"] = [family.architecture]
    config |= {f.transformers: _foreign(f, data.backbone[f.name]) for f in family.config}
    config |= {key: accepted[0] for key, accepted in family.fixed.items()}
    config[family.attention_dropout] = data.backbone["dropout"]
    config.setdefault(family.dropout, head.dropout)
    if family.pooling:
        config[family.pooling] = "mean" if head.pooling == "mean" else "cls"
    config |= _labels(head)
    if data.tokenizer is not None:
        config["pad_token_id"] = data.padding_id
        first = family.encoder.position_offset
        if first and first != config["pad_token_id"] + 1:
            raise PresetSaveError(
                f"Not saved: in transformers, a {family.title} encoder counts positions past the "
                f"id of padding, which must be {first - 1}. "
                f"{received(id=config['pad_token_id'])}"
            )
    return {**config, "dtype": "float32"}


def _foreign(field: Field, value: Any) -> Any:
    """A value of ours as the field's file has it."""
    if field.choices:
        return next(theirs for theirs, ours in field.choices.items() if ours == value)
    return value + field.offset if field.offset else value


def _labels(head: HeadData) -> dict[str, Any]:
    names_ = head.labels or [f"LABEL_{i}" for i in range(head.num_classes)]
    return {
        "id2label": {str(i): name for i, name in enumerate(names_)},
        "label2id": {name: i for i, name in enumerate(names_)},
        "problem_type": head.problem_type,
    }


def _tokenizer_config(data: PresetData) -> dict[str, Any]:
    tokens: Mapping[str, str] = data.tokenizer_family.special_tokens
    segments = ["token_type_ids"] if data.family.encoder.segments is True else []
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": data.preprocessor["sequence_length"],
        "model_input_names": ["input_ids", *segments, "attention_mask"],
        **{key: tokens[role] for role, keys in _ROLES.items() for key in keys},
    }
