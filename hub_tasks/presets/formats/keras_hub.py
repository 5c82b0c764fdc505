"""KerasHub presets of families that are none of ours, as plain data for the bridge.

The classes are named, not looked up: that is done where KerasHub may be imported. What a
file says reaches KerasHub's constructors only if it is plain: numbers, flags, short
strings that are no path, and lists of these.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from hub_tasks.errors import PresetFormatError, UnsafePresetError, received
from hub_tasks.families import KERAS_HUB
from hub_tasks.presets import files as names
from hub_tasks.presets.data import HeadData, PresetData, TokenizerData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats.hdf5 import HDF5Tensors
from hub_tasks.presets.formats.keras_objects import (
    LAYER,
    check_layer_entries,
    read_keras_hub_object,
)
from hub_tasks.presets.formats.keras_reading import check_head
from hub_tasks.presets.formats.manifest import HEAD_ENTRIES
from hub_tasks.presets.formats.sentencepiece import read_model
from hub_tasks.presets.formats.vocabulary import read_merges, read_vocabulary
from hub_tasks.presets.schema import check_keys
from hub_tasks.presets.strict_json import read_json
from hub_tasks.presets.whole_file import WholeFile

# What could name a file, or be a pattern that is run: these must be null.
_EMPTY = ("vocabulary", "merges", "proto", "split_pattern")
_OBJECT = ("class_name", "registered_name", "module")
_LARGEST = 4_000_000
_LONGEST = 256  # entries of a list
_NAME = re.compile(r"[^/\\\0]{0,256}|</[\w|]{1,64}>")  # no path; a token such as </s> is none
_PREPROCESSORS = ("TextClassifierPreprocessor", "CausalLMPreprocessor", "Preprocessor")


def read(files: PresetFiles, manifest: Mapping[str, Any]) -> PresetData:
    """Reads a preset whose encoder KerasHub computes; nothing of KerasHub is imported."""
    head_file = names.CONFIG if files.exists(names.CONFIG) else names.TOKENIZER
    prefix = _class_name(files, head_file).removesuffix("Backbone").removesuffix("Tokenizer")
    backbone = tokenizer = preprocessor = head = None
    if files.exists(names.CONFIG):
        backbone = _read(files, names.CONFIG, (prefix + "Backbone",))
        head = _read_head(files, prefix, manifest)
    if files.exists(names.TOKENIZER):
        tokenizer = _read(files, names.TOKENIZER, None)
        tokenizer = TokenizerData((), {**tokenizer, "assets": _assets(files)})
    if files.exists(names.PREPROCESSOR):
        kinds = [prefix + kind for kind in _PREPROCESSORS]
        preprocessor = _read(files, names.PREPROCESSOR, kinds)
    return PresetData(
        family=KERAS_HUB,
        backbone=backbone,
        weights=_weights(files) if backbone else None,
        tokenizer=tokenizer,
        preprocessor=preprocessor,
        head=head,
    )


def _weights(files: PresetFiles) -> WholeFile:
    where = f"{names.MODEL_WEIGHTS} of preset {files}"
    return WholeFile(lambda: files.open(names.MODEL_WEIGHTS), HDF5Tensors, where)


def _class_name(files: PresetFiles, name: str) -> str:
    return read_keras_hub_object(read_json(files, name), f"{name} of preset {files}")[0]


def _read(files: PresetFiles, name: str, classes: Collection[str] | None) -> dict[str, Any]:
    """The class and the plain entries of an object's configuration, in one dict."""
    where = f"{name} of preset {files}"
    class_name, config = read_keras_hub_object(read_json(files, name), where)
    if classes is not None and class_name not in classes:
        raise UnsafePresetError(
            f"{where}: /class_name must be {' or '.join(classes)}, which belongs to this backbone. "
            f"{received(class_name=class_name)}"
        )
    check_layer_entries(config, where, "/config")
    if config.get("config_file", name) != name:
        raise UnsafePresetError(f"{where}: /config/config_file must be {name}.")
    for key in _EMPTY:
        if config.get(key) is not None:
            raise UnsafePresetError(f"{where}: /config/{key} must be null.")
    left_out = (*LAYER, "config_file", "tokenizer")
    plain = {key: value for key, value in config.items() if key not in left_out}
    for key, value in plain.items():
        _check_plain(value, where, f"/config/{key}")
    return {"class_name": class_name, **plain}


def _check_plain(value: Any, where: str, pointer: str, depth: int = 0) -> None:
    """Refuses objects, paths, and numbers beyond all reason."""
    entries: list[Any] = []
    if isinstance(value, dict):
        if any(key in value for key in _OBJECT):
            raise UnsafePresetError(f"{where}: {pointer} is an object; only plain values are read.")
        entries = [*value, *value.values()]
    elif isinstance(value, list):
        entries = value
    elif isinstance(value, str) and not _NAME.fullmatch(value):
        raise UnsafePresetError(
            f"{where}: {pointer} must be a short name and no path. {received(value=value)}"
        )
    elif type(value) is int and abs(value) > _LARGEST:
        raise PresetFormatError(
            f"{where}: {pointer} must be at most {_LARGEST}. {received(value=value)}"
        )
    if len(entries) > _LONGEST or depth > 3:
        raise PresetFormatError(f"{where}: {pointer} holds too much to be a setting.")
    for entry in entries:
        _check_plain(entry, where, pointer, depth + 1)


def _assets(files: PresetFiles) -> dict[str, bytes]:
    """The tokenizer's files: base name -> bytes, each read as what it must be first."""
    checks = {
        names.VOCABULARY: lambda name: read_vocabulary(files, name),
        names.BPE_VOCABULARY: lambda name: read_json(files, name, names.VOCABULARY_LIMIT),
        names.BPE_MERGES: lambda name: read_merges(files, name),
        names.SENTENCEPIECE: lambda name: read_model(
            files.read(name, names.VOCABULARY_LIMIT), f"{name} of preset {files}"
        ),
    }
    assets = {}
    for name in files.present(tuple(checks)):
        checks[name](name)
        assets[name.rpartition("/")[2]] = files.read(name, names.VOCABULARY_LIMIT)
    return assets


def _read_head(files: PresetFiles, prefix: str, manifest: Mapping[str, Any]) -> HeadData | None:
    """Our own head, which the manifest describes, or that of KerasHub's text classifier."""
    where, pointer = f"{names.MANIFEST} of preset {files}", "/head"
    config = manifest.get("head", {})
    if manifest.get("family") == KERAS_HUB.name:
        check_keys(config, where, pointer, (*HEAD_ENTRIES, "pooling"), HEAD_ENTRIES)
    elif files.exists(names.TASK):
        where, pointer = f"{names.TASK} of preset {files}", "/config"
        class_name, config = read_keras_hub_object(read_json(files, names.TASK), where)
        check_layer_entries(config, where, pointer)
        if class_name != prefix + "TextClassifier" or "hidden_dim" in config:
            return None  # another task, or a head with layers that ours has not
    return check_head(files, KERAS_HUB, {}, config, where, pointer, manifest) if config else None
