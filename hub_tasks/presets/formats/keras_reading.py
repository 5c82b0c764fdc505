"""Reading the preset directory of KerasHub, which is also ours.

Class names are looked up in the closed table of the families; nothing goes through
Keras's deserialiser. Layout: keras_hub's `save_to_preset`, version 0.32.
"""

from collections.abc import Mapping
from typing import Any

from hub_tasks.errors import PresetFormatError, PresetWeightsError, UnsafePresetError, received
from hub_tasks.families import ENCODERS, KERAS_HUB, REQUIRED, Family, Field, Tensor
from hub_tasks.presets import files as names
from hub_tasks.presets.data import HeadData, PresetData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats.hdf5 import HDF5Tensors
from hub_tasks.presets.formats.keras_objects import (
    KIND_BACKBONE,
    KIND_OTHER_PREPROCESSOR,
    KIND_PREPROCESSOR,
    KIND_TASK,
    LAYER,
    check_layer_entries,
    read_object,
)
from hub_tasks.presets.formats.keras_tensors import names_beside, tensors_to_read
from hub_tasks.presets.formats.keras_tokenizers import read_tokenizer
from hub_tasks.presets.formats.manifest import HEAD_ENTRIES
from hub_tasks.presets.formats.safetensors import SafeTensors
from hub_tasks.presets.formats.vocabulary import check_sizes
from hub_tasks.presets.schema import (
    ACTIVATIONS,
    MAX_CLASSES,
    PAIRS,
    POOLINGS,
    TRUNCATIONS,
    check_backbone,
    check_choice,
    check_integer,
    check_keys,
    check_labels,
    check_problem_type,
    check_real,
    own_value,
)
from hub_tasks.presets.strict_json import read_json
from hub_tasks.presets.weights import (
    TensorFile,
    Weights,
    model_tensors,
    refuse_shards,
)

_SHARDS = "model.weights.json"


def read(
    files: PresetFiles, family: Family, found_in: str, manifest: Mapping[str, Any]
) -> PresetData:
    """Reads a preset of a family in KerasHub's layout; weights are opened later."""
    if manifest.get("family", family.name) != family.name:
        raise PresetFormatError(
            f"{names.MANIFEST} of preset {files}: /family is not that of {found_in}, "
            f"{family.name}. {received(family=manifest['family'])}"
        )
    backbone = _read_backbone(files, family, manifest) if files.exists(names.CONFIG) else None
    if backbone:
        check_sizes(files, backbone["vocabulary_size"])
    return PresetData(
        family=family,
        backbone=backbone,
        weights=_weights(files, family, backbone, head=False) if backbone else None,
        tokenizer=read_tokenizer(files, family, manifest)
        if files.exists(names.TOKENIZER)
        else None,
        preprocessor=_read_preprocessor(files, family, manifest),
        head=_read_head(files, family, backbone, manifest) if backbone else None,
    )


def _read_backbone(
    files: PresetFiles, family: Family, manifest: Mapping[str, Any]
) -> dict[str, Any]:
    where = f"{names.CONFIG} of preset {files}"
    config = read_object(read_json(files, names.CONFIG), family, KIND_BACKBONE, where)
    fields = {field.keras or field.name: field for field in family.config if _in_keras(field)}
    required = [name for name, field in fields.items() if field.default is REQUIRED]
    check_keys(config, where, "/config", (*LAYER, *fields), required)
    check_layer_entries(config, where, "/config")
    complete = {field.name: field.default for field in family.config}
    for name, field in fields.items():
        if name in config:
            complete[field.name] = own_value(field, config[name], where, f"/config/{name}")
    extra = {field.name: field for field in family.config if not _in_keras(field)}
    where_extra = f"{names.MANIFEST} of preset {files}"
    stated = check_keys(manifest.get("backbone", {}), where_extra, "/backbone", extra)
    for name, value in stated.items():
        complete[name] = own_value(extra[name], value, where_extra, f"/backbone/{name}")
    return check_backbone(family, complete, where)


def _in_keras(field: Field) -> bool:
    return field.keras is not None


def _read_preprocessor(
    files: PresetFiles, family: Family, manifest: Mapping[str, Any]
) -> dict[str, Any] | None:
    if not files.exists(names.PREPROCESSOR):
        return None
    document = read_json(files, names.PREPROCESSOR)
    where = f"{names.PREPROCESSOR} of preset {files}"
    if str(document.get("registered_name")).endswith(KIND_OTHER_PREPROCESSOR):
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
    place = f"{names.MANIFEST} of preset {files}"
    ours = {"truncate": config.get("truncate", "round_robin"), "pairs": family.pairs}
    ours |= check_keys(manifest.get("preprocessor", {}), place, "/preprocessor", ours)
    return {
        "sequence_length": check_integer(
            config.get("sequence_length", 512), where, "/config/sequence_length", 3, 1_048_576
        ),
        "truncate": check_choice(ours["truncate"], where, "/config/truncate", TRUNCATIONS),
        "pairs": check_choice(ours["pairs"], place, "/preprocessor/pairs", PAIRS),
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
    known += ("hidden_dim",) if family.classifier.activation else ()
    check_keys(config, where, "/config", known, ("backbone", "num_classes"))
    check_layer_entries(config, where, "/config")
    read_object(config["backbone"], family, KIND_BACKBONE, where, "/config/backbone")
    width = backbone.get("hidden_dim")
    if config.get("hidden_dim") not in (None, width):
        raise PresetFormatError(
            f"{where}: /config/hidden_dim must be that of the backbone, {width}. "
            f"{received(hidden_dim=config['hidden_dim'])}"
        )
    return check_head(files, family, backbone, config, where, "/config", manifest)


def check_head(
    files: PresetFiles,
    family: Family,
    backbone: Mapping[str, Any],
    config: Mapping[str, Any],
    where: str,
    pointer: str,
    manifest: Mapping[str, Any],
) -> HeadData:
    """A head from the `config` that stands at `pointer` of the file `where`."""
    place = f"{pointer}/num_classes"
    num_classes = check_integer(config.get("num_classes"), where, place, 1, MAX_CLASSES)
    activation = "linear" if config.get("activation") is None else config["activation"]
    check_choice(activation, where, f"{pointer}/activation", ACTIVATIONS)
    if num_classes == 1 and activation == "softmax":
        raise PresetFormatError(f"{where}: {place} is 1 under a softmax.")
    place = f"{names.MANIFEST} of preset {files}"
    ours = _own_entries(manifest, place, num_classes, activation)
    if family.name in ENCODERS and ours["pooling"] != "family":
        raise PresetFormatError(
            f"{place}: /head/pooling must be family over {family.title}, which gives one vector "
            f"for a text. {received(pooling=ours['pooling'])}"
        )
    return HeadData(
        num_classes=num_classes,
        activation=activation,
        dropout=check_real(config.get("dropout", 0.0), where, f"{pointer}/dropout", 0.0, 0.99),
        weights=_weights(files, family, backbone, True, ours["pooling"]),
        **ours,
    )


def _own_entries(
    manifest: Mapping[str, Any], where: str, num_classes: int, activation: str
) -> dict[str, Any]:
    """What the manifest says of a head: labels, problem type, pooling."""
    labels = manifest.get("labels")
    if labels is not None:
        labels = check_labels(labels, where, "/labels", num_classes)
    own = ("pooling", *(HEAD_ENTRIES if manifest.get("family") == KERAS_HUB.name else ()))
    stated = check_keys(manifest.get("head", {}), where, "/head", own)
    pooling = check_choice(stated.get("pooling", "family"), where, "/head/pooling", POOLINGS)
    problem_type = manifest.get("problem_type")
    return {
        "labels": labels,
        "problem_type": check_problem_type(
            problem_type, where, "/problem_type", num_classes, activation
        ),
        "pooling": pooling,
    }


def _weights(
    files: PresetFiles, family: Family, backbone: Mapping[str, Any], head: bool, pooling: str = ""
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
        if not files.exists(name):
            refuse_shards(files, _SHARDS)
        kind = SafeTensors if name == safe else HDF5Tensors
        return kind(files.open(name), f"{name} of preset {files}")

    def tensors(present: Mapping[str, object]) -> list[Tensor] | None:
        if family.layers is None and not head:
            return None
        if head:
            return model_tensors(family, "keras", backbone, True, pooling)
        return tensors_to_read(family, backbone, present)

    ignored = ("optimizer/",) if head else names_beside(family, backbone)
    return Weights(
        open_file, tensors, ignored=ignored, size=lambda: files.size(name), codes=name == safe
    )
