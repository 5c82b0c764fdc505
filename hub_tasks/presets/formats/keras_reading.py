"""Reading the preset directory of KerasHub, which is also ours.

Class names are looked up in the closed table of the families; nothing goes through
Keras's deserialiser. Layout: keras_hub's `save_to_preset`, version 0.32.
"""

from collections.abc import Mapping
from typing import Any

from hub_tasks.errors import PresetFormatError, PresetWeightsError, UnsafePresetError, received
from hub_tasks.families import REQUIRED, Family
from hub_tasks.presets import files as names
from hub_tasks.presets.data import HeadData, PresetData, TokenizerData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats.hdf5 import HDF5Tensors
from hub_tasks.presets.formats.keras_objects import (
    KIND_BACKBONE,
    KIND_PREPROCESSOR,
    KIND_TASK,
    KIND_TOKENIZER,
    LAYER,
    check_layer_entries,
    find_family,
    read_object,
)
from hub_tasks.presets.formats.safetensors import SafeTensors
from hub_tasks.presets.schema import (
    ACTIVATIONS,
    MAX_CLASSES,
    TRUNCATIONS,
    check_backbone,
    check_choice,
    check_field,
    check_flag,
    check_integer,
    check_keys,
    check_labels,
    check_problem_type,
    check_real,
)
from hub_tasks.presets.strict_json import read_json
from hub_tasks.presets.vocabulary import read_vocabulary
from hub_tasks.presets.weights import TensorFile, Weights

_TOKENIZER_FLAGS = ("lowercase", "strip_accents", "special_tokens_in_strings")
_TOKENIZER_FIXED = {  # entry -> its one value here, and what any other means
    "vocabulary": (None, UnsafePresetError),
    "config_file": (names.TOKENIZER, UnsafePresetError),
    "sequence_length": (None, PresetFormatError),
    "split": (True, PresetFormatError),
    "split_on_cjk": (True, PresetFormatError),
    "special_tokens": (None, PresetFormatError),
}
_TOKENIZER_ENTRIES = (
    *LAYER,
    *_TOKENIZER_FLAGS,
    *_TOKENIZER_FIXED,
    "suffix_indicator",
    "oov_token",
)


def read(files: PresetFiles, manifest: Mapping[str, Any]) -> PresetData:
    """Reads a preset directory in KerasHub's layout; weights are opened later."""
    head_file = names.CONFIG if files.exists(names.CONFIG) else names.TOKENIZER
    family = find_family(read_json(files, head_file), f"{head_file} of preset {files}")
    if manifest.get("family", family.name) != family.name:
        raise PresetFormatError(
            f"{names.MANIFEST} of preset {files}: /family is not that of {head_file}, "
            f"{family.name}. {received(family=manifest['family'])}"
        )
    backbone = _read_backbone(files, family, manifest) if files.exists(names.CONFIG) else None
    return PresetData(
        family=family,
        backbone=backbone,
        weights=_weights(files, family, backbone, head=False) if backbone else None,
        tokenizer=_read_tokenizer(files, family) if files.exists(names.TOKENIZER) else None,
        preprocessor=_read_preprocessor(files, family, manifest),
        head=_read_head(files, family, backbone, manifest) if backbone else None,
    )


def _read_backbone(
    files: PresetFiles, family: Family, manifest: Mapping[str, Any]
) -> dict[str, Any]:
    where = f"{names.CONFIG} of preset {files}"
    config = read_object(read_json(files, names.CONFIG), family, KIND_BACKBONE, where)
    fields = {field.name: field for field in family.config if field.keras}
    required = [name for name, field in fields.items() if field.default is REQUIRED]
    check_keys(config, where, "/config", (*LAYER, *fields), required)
    check_layer_entries(config, where, "/config")
    complete = {field.name: field.default for field in family.config}
    for name, field in fields.items():
        if name in config:
            complete[name] = check_field(field, config[name], where, f"/config/{name}")
    extra = {field.name: field for field in family.config if not field.keras}
    where_extra = f"{names.MANIFEST} of preset {files}"
    for name, value in check_keys(
        manifest.get("backbone", {}), where_extra, "/backbone", extra
    ).items():
        ours = extra[name]
        if ours.choices:
            complete[name] = check_choice(
                value, where_extra, f"/backbone/{name}", sorted(set(ours.choices.values()))
            )
        else:
            complete[name] = check_field(ours, value, where_extra, f"/backbone/{name}")
    return check_backbone(family, complete, where)


def _read_tokenizer(files: PresetFiles, family: Family) -> TokenizerData:
    where = f"{names.TOKENIZER} of preset {files}"
    config = read_object(read_json(files, names.TOKENIZER), family, KIND_TOKENIZER, where)
    check_keys(config, where, "/config", _TOKENIZER_ENTRIES)
    check_layer_entries(config, where, "/config")
    for key, (only, error) in _TOKENIZER_FIXED.items():
        if config.get(key, only) != only:
            raise error(f"{where}: /config/{key} must be {only!r}. {received(value=config[key])}")
    options: dict[str, Any] = {
        key: check_flag(config.get(key, False), where, f"/config/{key}") for key in _TOKENIZER_FLAGS
    }
    for key, default in (
        ("suffix_indicator", "##"),
        ("oov_token", family.special_tokens["unknown"]),
    ):
        value = config.get(key, default)
        if not isinstance(value, str) or not 0 < len(value) <= 64:
            raise PresetFormatError(
                f"{where}: /config/{key} must be a short string. {received(value=value)}"
            )
        options[key] = value
    return TokenizerData(read_vocabulary(files, names.VOCABULARY), options)


def _read_preprocessor(
    files: PresetFiles, family: Family, manifest: Mapping[str, Any]
) -> dict[str, Any] | None:
    if not files.exists(names.PREPROCESSOR):
        return None
    document = read_json(files, names.PREPROCESSOR)
    where = f"{names.PREPROCESSOR} of preset {files}"
    if str(document.get("registered_name")).endswith("MaskedLMPreprocessor"):
        return None
    config = read_object(document, family, KIND_PREPROCESSOR, where)
    known = (*LAYER, "tokenizer", "config_file", "sequence_length", "truncate")
    check_keys(config, where, "/config", known)
    check_layer_entries(config, where, "/config")
    if config.get("config_file", names.PREPROCESSOR) != names.PREPROCESSOR:
        raise UnsafePresetError(
            f"{where}: /config/config_file must be {names.PREPROCESSOR}. "
            f"{received(config_file=config['config_file'])}"
        )
    ours = check_keys(
        manifest.get("preprocessor", {}),
        f"{names.MANIFEST} of preset {files}",
        "/preprocessor",
        ("truncate",),
    )
    return {
        "sequence_length": check_integer(
            config.get("sequence_length", 512), where, "/config/sequence_length", 3, 1_048_576
        ),
        "truncate": check_choice(
            ours.get("truncate", config.get("truncate", "round_robin")),
            where,
            "/config/truncate",
            TRUNCATIONS,
        ),
    }


def _read_head(
    files: PresetFiles, family: Family, backbone: Mapping[str, Any], manifest: Mapping[str, Any]
) -> HeadData | None:
    if not files.exists(names.TASK):
        return None
    document = read_json(files, names.TASK)
    where = f"{names.TASK} of preset {files}"
    if str(document.get("registered_name")).endswith(("MaskedLM", "TextEmbedder")):
        return None
    config = read_object(document, family, KIND_TASK, where)
    known = (*LAYER, "backbone", "preprocessor", "num_classes", "activation", "dropout")
    check_keys(config, where, "/config", known, ("backbone", "num_classes"))
    check_layer_entries(config, where, "/config")
    read_object(config["backbone"], family, KIND_BACKBONE, where, "/config/backbone")
    num_classes = check_integer(config["num_classes"], where, "/config/num_classes", 1, MAX_CLASSES)
    activation = "linear" if config.get("activation") is None else config["activation"]
    check_choice(activation, where, "/config/activation", ACTIVATIONS)
    if num_classes == 1 and activation == "softmax":
        raise PresetFormatError(f"{where}: /config/num_classes is 1 under a softmax.")
    labels = manifest.get("labels")
    if labels is not None:
        labels = check_labels(labels, f"{names.MANIFEST} of preset {files}", "/labels", num_classes)
    return HeadData(
        num_classes=num_classes,
        activation=activation,
        dropout=check_real(config.get("dropout", 0.0), where, "/config/dropout", 0.0, 0.99),
        labels=labels,
        problem_type=check_problem_type(
            manifest.get("problem_type"),
            f"{names.MANIFEST} of preset {files}",
            "/problem_type",
            num_classes,
            activation,
        ),
        weights=_weights(files, family, backbone, head=True),
    )


def _weights(
    files: PresetFiles, family: Family, backbone: Mapping[str, Any], head: bool
) -> Weights:
    hdf5, safe = (
        (names.TASK_WEIGHTS, names.TASK_SAFETENSORS)
        if head
        else (names.MODEL_WEIGHTS, names.MODEL_SAFETENSORS)
    )
    name = safe if files.exists(safe) else hdf5

    def open_file() -> TensorFile:
        if head and not files.exists(name):
            raise PresetWeightsError(
                f"{names.TASK} of preset {files} describes a head, but {name} is missing. Pass "
                f"`labels=` or `num_classes=` to begin with a fresh head."
            )
        kind = SafeTensors if name == safe else HDF5Tensors
        return kind(files.open(name), f"{name} of preset {files}")

    rules = family.head if head else family.layers
    return Weights(
        open=open_file,
        tensors=[
            t
            for rule in rules
            for t in rule.tensors("keras", backbone["num_layers"], backbone["num_heads"])
        ],
        ignored=("optimizer/",) if head else (),
    )
