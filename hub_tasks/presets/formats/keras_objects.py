"""Serialised Keras objects as data: class names looked up in a closed table, never built."""

import re
from collections.abc import Mapping
from typing import Any

from hub_tasks.errors import PresetFormatError, UnsafePresetError, received
from hub_tasks.families import IMPORT_FIRST, KERAS_HUB, Family, own_families
from hub_tasks.presets.schema import check_choice, check_flag, check_keys

LAYER = ("name", "trainable", "dtype")
KIND_TOKENIZER = ("Tokenizer",)
KIND_BACKBONE = ("Backbone",)
KIND_PREPROCESSOR = ("TextClassifierPreprocessor", "Preprocessor")
KIND_OTHER_PREPROCESSOR = ("MaskedLMPreprocessor", "TextEmbedderPreprocessor")
KIND_TASK = ("TextClassifier", "Classifier")
_KINDS = (*KIND_BACKBONE, *KIND_TOKENIZER, *KIND_PREPROCESSOR, *KIND_OTHER_PREPROCESSOR)
_OBJECT = ("module", "class_name", "config", "registered_name", "assets", "weights")
_KERAS_HUB = ("keras_hub", "keras_nlp")
_PACKAGES = (*_KERAS_HUB, "hub_tasks")
_DTYPES = ("float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16", "int32")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def find_family(document: Mapping[str, Any], where: str) -> Family:
    """The family whose backbone, preprocessor or tokenizer this is; `KERAS_HUB` for others."""
    package, name = _registered_name(document, where, "")
    for family in own_families():
        if name in [family.prefix + kind for kind in _KINDS]:
            return family
    if package in _KERAS_HUB and name.endswith(_KINDS):
        return KERAS_HUB
    supported = ", ".join(f"{family.prefix}Backbone" for family in own_families())
    legitimate = package in _PACKAGES and name.endswith(_KINDS)
    error = PresetFormatError if legitimate else UnsafePresetError
    own = f" {IMPORT_FIRST}" if legitimate and package == "hub_tasks" else ""
    raise error(
        f"{where}: /class_name and /registered_name are of no class that hub_tasks knows; nothing "
        f"else is ever built from a preset. Supported: {supported}, and KerasHub's own.{own} "
        f"{_received_class(document)}"
    )


def tokenizer_family(document: Mapping[str, Any], family: Family) -> Family:
    """The family whose tokenizer this is; the encoder's, `family`, where it is none's."""
    name = str(document.get("registered_name")).rpartition(">")[2]
    kinds = {f.prefix + kind: f for f in own_families() for kind in KIND_TOKENIZER}
    return kinds.get(name, family)


def _registered_name(document: Mapping[str, Any], where: str, pointer: str) -> tuple[str, str]:
    """The package and the class of a registered name; Keras's own classes have no package."""
    registered = document.get("registered_name")
    if registered is not None and not isinstance(registered, str):
        raise PresetFormatError(
            f"{where}: {pointer}/registered_name must be a string. {_received_class(document)}"
        )
    package, _, name = (registered or "").rpartition(">")
    return package, name


def _received_class(document: Mapping[str, Any]) -> str:
    return received(
        class_name=document.get("class_name"), registered_name=document.get("registered_name")
    )


def _or_another(kinds: tuple[str, ...]) -> str:
    return ", or the tokenizer of another family" if kinds == KIND_TOKENIZER else ""


def read_object(
    document: Any, family: Family, kinds: tuple[str, ...], where: str, pointer: str = ""
) -> dict[str, Any]:
    """The `config` of a serialised object whose class must be the family's of `kinds`."""
    document = check_keys(document, where, pointer, _OBJECT, ("class_name", "config"))
    package, registered = _registered_name(document, where, pointer)
    if package not in _PACKAGES or registered not in {family.prefix + kind for kind in kinds}:
        raise UnsafePresetError(
            f"{where}: {pointer}/registered_name must be keras_hub>{family.prefix}{kinds[0]}, the "
            f"class that belongs to this backbone{_or_another(kinds)}. {_received_class(document)}"
        )
    _check_agreement(document, registered, where, pointer)
    return document["config"]


def read_keras_hub_object(document: Any, where: str) -> tuple[str, dict[str, Any]]:
    """The name and the `config` of a serialised object of whatever class KerasHub has."""
    document = check_keys(document, where, "", _OBJECT, ("class_name", "config"))
    package, registered = _registered_name(document, where, "")
    if package not in _KERAS_HUB or not registered.isidentifier():
        raise UnsafePresetError(
            f"{where}: /registered_name must be a class of keras_hub. {_received_class(document)}"
        )
    _check_agreement(document, registered, where, "")
    return registered, document["config"]


def _check_agreement(
    document: Mapping[str, Any], registered: str, where: str, pointer: str
) -> None:
    if document["class_name"] != registered:
        raise PresetFormatError(
            f"{where}: {pointer}/class_name and /registered_name disagree. "
            f"{_received_class(document)}"
        )
    if not isinstance(document["config"], dict):
        raise PresetFormatError(
            f"{where}: {pointer}/config must be an object. {received(value=document['config'])}"
        )


def check_layer_entries(config: Mapping[str, Any], where: str, pointer: str) -> None:
    """What every Keras layer says of itself: none of it is used, all of it is checked."""
    name = config.get("name")
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise PresetFormatError(
            f"{where}: {pointer}/name must match [A-Za-z_][A-Za-z0-9_]{{0,63}}. "
            f"{received(name=name)}"
        )
    check_flag(config.get("trainable", True), where, f"{pointer}/trainable")
    dtype = config.get("dtype")
    if isinstance(dtype, dict):
        dtype = (
            dtype.get("config", {}).get("name") if isinstance(dtype.get("config"), dict) else dtype
        )
    if dtype is not None:
        check_choice(dtype, where, f"{pointer}/dtype", _DTYPES)
