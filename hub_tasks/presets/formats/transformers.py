"""A Hugging Face `transformers` directory: encoder or sequence classifier, head and labels.

Read as it is: `config.json`, `model.safetensors`, `vocab.txt`, `tokenizer_config.json`.
Pickled weights are never opened, and nothing that names code is followed.
"""

import warnings
from collections.abc import Mapping
from typing import Any

from hub_tasks.errors import PresetFormatError, PresetNotFoundError, received
from hub_tasks.families import FAMILIES, REQUIRED, Family, Field
from hub_tasks.presets import files as names
from hub_tasks.presets.data import HeadData, PresetData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats.safetensors import SafeTensors
from hub_tasks.presets.formats.transformers_tokenizers import read_tokenizer, read_tokenizer_config
from hub_tasks.presets.formats.vocabulary import check_sizes
from hub_tasks.presets.schema import (
    MAX_CLASSES,
    check_backbone,
    check_choice,
    check_field,
    check_labels,
    check_problem_type,
    check_real,
)
from hub_tasks.presets.strict_json import read_json
from hub_tasks.presets.weights import Weights, model_tensors, refuse_shards

_SHARDS = f"{names.HF_SAFETENSORS}.index.json"
_CODE = ("auto_map", "trust_remote_code", "custom_pipelines", "_attn_implementation_internal")


def read(files: PresetFiles) -> PresetData:
    """Reads a `transformers` directory; weights are opened later."""
    config = read_json(files, names.CONFIG)
    where = f"{names.CONFIG} of preset {files}"
    _warn_of_code(files, config)
    family = _family(config, where)
    backbone = _backbone(family, config, where)
    check_sizes(files, backbone["vocabulary_size"])
    tokenizer, pairs = read_tokenizer(files, family, config, backbone["vocabulary_size"])
    data = PresetData(
        family=family,
        backbone=backbone,
        weights=_weights(files, family, backbone, head=False),
        tokenizer=tokenizer,
        preprocessor={
            "sequence_length": _sequence_length(files, backbone),
            "truncate": "longest_first",
            "pairs": pairs,
        },
        head=_head(files, family, backbone, config, where),
    )
    _check_padding(data, where)
    return data


def _warn_of_code(files: PresetFiles, config: Mapping[str, Any]) -> None:
    """Says that code which comes with a checkpoint is not run, since others do run it."""
    for name, document in (
        (names.CONFIG, config),
        (names.HF_TOKENIZER_CONFIG, read_tokenizer_config(files)),
    ):
        named = [key for key in _CODE if document.get(key)]
        if named:
            warnings.warn(
                f"{name} of preset {files} names code in {', '.join(named)}. None of it is run: "
                f"hub_tasks computes the encoder as its own family does.",
                stacklevel=2,
            )


def _family(config: Mapping[str, Any], where: str) -> Family:
    by_type = {family.model_type or family.name: family for family in FAMILIES.values()}
    model_type = config["model_type"]
    if not isinstance(model_type, str) or model_type not in by_type:
        raise PresetFormatError(
            f"{where}: /model_type is not a family that hub_tasks reads. Supported: "
            f"{', '.join(by_type)}. Any encoder of KerasHub works as "
            f"`TextClassifier(backbone=...)`. {received(model_type=model_type)}"
        )
    return by_type[model_type]


def _backbone(family: Family, config: Mapping[str, Any], where: str) -> dict[str, Any]:
    for key, accepted in family.fixed.items():
        value = config.get(key)
        if not any(type(value) is type(one) and value == one for one in accepted):
            raise PresetFormatError(
                f"{where}: /{key} must be {' or '.join(str(one) for one in accepted)}; no other "
                f"{family.title} encoder is supported. {received(value=value)}"
            )
    backbone = {}
    for field in family.config:
        default = (
            field.default if field.transformers_default is REQUIRED else field.transformers_default
        )
        value = _stated(field, config, where)
        if value is not None:
            backbone[field.name] = check_field(field, value, where, f"/{field.transformers}")
        elif default is REQUIRED:
            raise PresetFormatError(f"{where}: /{field.transformers} is missing.")
        else:
            backbone[field.name] = default
    return check_backbone(family, backbone, where)


def _check_padding(data: PresetData, where: str) -> None:
    """Refuses a tokenizer that pads with another id than the one that positions skip."""
    first, padding = data.family.encoder.position_offset, data.padding_id
    if first and padding is not None and first != padding + 1:
        raise PresetFormatError(
            f"{where}: a {data.family.title} encoder counts positions past the id {first - 1} of "
            f"padding, which that of the tokenizer must be. {received(id=padding)}"
        )


def _stated(field: Field, config: Mapping[str, Any], where: str) -> Any:
    """What a configuration says of a field, in an older form or a newer one; None for nothing."""
    value = config.get(field.transformers)
    if value is None and field.path:
        value = config
        for key in field.path:
            value = value.get(key) if isinstance(value, dict) else None
    if value is None and field.spacing:
        key, entry = field.spacing
        entries = config.get(key)
        if isinstance(entries, list):
            found = [i for i, one in enumerate(entries) if one == entry]
            value = found[1] if len(found) > 1 else max(len(entries), 1)
            if found != list(range(0, len(entries), value)):
                raise PresetFormatError(
                    f"{where}: /{key} must have {entry} at regular distances from the first on."
                )
    return value


def _weights(
    files: PresetFiles, family: Family, backbone: Mapping[str, Any], head: bool
) -> Weights:
    def open_file() -> SafeTensors:
        if not files.exists(names.HF_SAFETENSORS):
            if files.exists(names.HF_PICKLED):
                raise PresetFormatError(
                    f"preset {files} has only {names.HF_PICKLED}, a pickle, which could run code "
                    f"when loaded. Convert it to {names.HF_SAFETENSORS} first, for example with "
                    f"transformers: `save_pretrained(..., safe_serialization=True)`."
                )
            refuse_shards(files, _SHARDS)
            raise PresetNotFoundError(f"{names.HF_SAFETENSORS} is missing from preset {files}.")
        return SafeTensors(
            files.open(names.HF_SAFETENSORS), f"{names.HF_SAFETENSORS} of preset {files}"
        )

    def rename(name: str, present: Mapping[str, object]) -> str:
        candidates = [name] if head else [family.base + name, name]
        for old, new in family.renamed.items():
            candidates += [c.removesuffix(new) + old for c in candidates if c.endswith(new)]
        return next((c for c in candidates if c in present), name)

    tensors = model_tensors(family, "transformers", backbone, head)
    others = model_tensors(family, "transformers", backbone, not head)
    ignored = {*family.ignored, *(name for tensor in others for name in tensor.names)}
    ignored |= {family.base + name for name in ignored}
    return Weights(
        open=open_file,
        tensors=lambda present: tensors,
        rename=rename,
        ignored=tuple(ignored | {family.base} if head else ignored),
        optional=() if head else family.optional,
        size=lambda: files.size(names.HF_SAFETENSORS),
    )


def _head(
    files: PresetFiles,
    family: Family,
    backbone: Mapping[str, Any],
    config: Mapping[str, Any],
    where: str,
) -> HeadData | None:
    architectures = config.get("architectures")
    if not isinstance(architectures, list) or family.architecture not in architectures:
        return None
    labels = _labels(config, where)
    problem_type = check_problem_type(
        config.get("problem_type"), where, "/problem_type", len(labels)
    )
    dropout = config.get(family.dropout, family.head_dropout)
    if dropout is not None:
        check_real(dropout, where, f"/{family.dropout}", 0.0, 0.99)
    pooling = config.get(family.pooling, "cls")
    check_choice(pooling, where, f"/{family.pooling}", ("cls", "mean"))
    return HeadData(
        num_classes=len(labels),
        activation="linear",
        dropout=backbone["dropout"] if dropout is None else dropout,
        labels=labels,
        problem_type=problem_type,
        weights=_weights(files, family, backbone, head=True),
        pooling="mean" if pooling == "mean" else "family",
    )


def _labels(config: Mapping[str, Any], where: str) -> tuple[str, ...]:
    id2label = config.get("id2label")
    if id2label is None:
        count = config.get("num_labels", 2)
        if type(count) is not int or not 1 <= count <= MAX_CLASSES:
            raise PresetFormatError(
                f"{where}: /num_labels must be a positive integer. {received(num_labels=count)}"
            )
        return tuple(f"LABEL_{i}" for i in range(count))
    expected = [str(i) for i in range(len(id2label))] if isinstance(id2label, dict) else []
    if not expected or set(id2label) != set(expected):
        raise PresetFormatError(
            f"{where}: /id2label must map 0, 1, 2, ... without gaps to label names. "
            f"{received(id2label=id2label)}"
        )
    return check_labels([id2label[i] for i in expected], where, "/id2label", len(expected))


def _sequence_length(files: PresetFiles, backbone: Mapping[str, Any]) -> int:
    longest = backbone["max_sequence_length"]
    stated = read_tokenizer_config(files).get("model_max_length")
    if type(stated) in (int, float) and 3 <= stated <= longest:  # 1e30 stands for "not known"
        return int(stated)
    return longest
