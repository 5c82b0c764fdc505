"""Tokenizers in KerasHub's layout: `tokenizer.json` and the files in `assets/tokenizer`.

Layout: keras_hub's `save_to_preset`, version 0.32.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from hub_tasks.errors import PresetFormatError, UnsafePresetError, received
from hub_tasks.families import Family
from hub_tasks.presets import files as names
from hub_tasks.presets.data import AddedToken, TokenizerData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats.keras_objects import (
    KIND_TOKENIZER,
    LAYER,
    check_layer_entries,
    read_object,
    tokenizer_family,
)
from hub_tasks.presets.formats.trained_tokenizers import read_trained, write_trained
from hub_tasks.presets.formats.vocabulary import (
    read_merges,
    read_numbered_vocabulary,
    read_sentencepiece,
    read_vocabulary,
    write_sentencepiece,
)
from hub_tasks.presets.schema import STEPS, check_added_tokens, check_choice, check_flag, check_keys
from hub_tasks.presets.strict_json import read_json

_BYTE_PAIR_DEFAULTS = {"nfc": False, "special_tokens_in_strings": True, "added_tokens": ()}
_SENTENCEPIECE_DEFAULTS = {
    "steps": ("charsmap", "strip", "join_spaces"),
    "whole_words": False,
    "special_tokens_in_strings": False,
    "added_tokens": (),
}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "wordpiece": {"added_tokens": ()},
    "byte_pair": _BYTE_PAIR_DEFAULTS,
    "sentencepiece": _SENTENCEPIECE_DEFAULTS,
    "trained": {},
}
_FLAGS = ("lowercase", "strip_accents", "special_tokens_in_strings")
_FIXED = {  # entry -> its one value here, and what any other means
    "vocabulary": (None, UnsafePresetError),
    "config_file": (names.TOKENIZER, UnsafePresetError),
    "sequence_length": (None, PresetFormatError),
    "split": (True, PresetFormatError),
    "split_on_cjk": (True, PresetFormatError),
    "special_tokens": (None, PresetFormatError),
}


def read_tokenizer(
    files: PresetFiles, family: Family, manifest: Mapping[str, Any]
) -> TokenizerData:
    """Reads the tokenizer of a family, be it the encoder's or another.

    Args:
        family: that of the encoder.
        manifest: has the options that KerasHub has no place for.
    """
    where = f"{names.TOKENIZER} of preset {files}"
    document = read_json(files, names.TOKENIZER)
    family = tokenizer_family(document, family)
    config = read_object(document, family, KIND_TOKENIZER, where)
    check_layer_entries(config, where, "/config")
    data = _READERS[family.tokenizer](files, family, config, where)
    where = f"{names.MANIFEST} of preset {files}"
    options = {**data.options, **_read_extras(family, manifest, where)}
    return replace(data, options=options, family=family)


def write_tokenizer(
    family: Family, tokenizer: TokenizerData
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The configuration for `tokenizer.json`, and the other files: name -> bytes."""
    return _WRITERS[family.tokenizer](family, tokenizer)


def extras(family: Family, tokenizer: TokenizerData) -> dict[str, Any]:
    """The options that KerasHub has no place for, where they are not what it does."""
    defaults = _DEFAULTS[family.tokenizer]
    found = {k: v for k, v in tokenizer.options.items() if k in defaults and v != defaults[k]}
    if "added_tokens" in found:
        found["added_tokens"] = [asdict(token) for token in found["added_tokens"]]
    return found


def _read_extras(family: Family, manifest: Mapping[str, Any], where: str) -> dict[str, Any]:
    defaults = _DEFAULTS[family.tokenizer]
    stated = check_keys(manifest.get("tokenizer", {}), where, "/tokenizer", defaults)
    for key, value in stated.items():
        pointer = f"/tokenizer/{key}"
        if key == "added_tokens":
            stated[key] = check_added_tokens(value, where, pointer)
        elif key == "steps":
            stated[key] = tuple(check_choice(step, where, pointer, STEPS) for step in value)
        else:
            check_flag(value, where, pointer)
    return stated


def _read_wordpiece(
    files: PresetFiles, family: Family, config: dict[str, Any], where: str
) -> TokenizerData:
    check_keys(
        config, where, "/config", (*LAYER, *_FLAGS, *_FIXED, "suffix_indicator", "oov_token")
    )
    for key, (only, error) in _FIXED.items():
        if config.get(key, only) != only:
            raise error(f"{where}: /config/{key} must be {only!r}. {received(value=config[key])}")
    options: dict[str, Any] = {
        key: check_flag(config.get(key, False), where, f"/config/{key}") for key in _FLAGS
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
    options["added_tokens"] = ()
    return TokenizerData(read_vocabulary(files, names.VOCABULARY), options)


def _write_wordpiece(
    family: Family, tokenizer: TokenizerData
) -> tuple[dict[str, Any], dict[str, bytes]]:
    config = {
        "config_file": names.TOKENIZER,
        "vocabulary": None,
        "sequence_length": None,
        "split": True,
        "special_tokens": None,
        **{key: v for key, v in tokenizer.options.items() if key != "added_tokens"},
    }
    return config, {names.VOCABULARY: "".join(f"{t}\n" for t in tokenizer.vocabulary).encode()}


def _read_byte_pair(
    files: PresetFiles, family: Family, config: dict[str, Any], where: str
) -> TokenizerData:
    fixed = ("vocabulary", "merges", "sequence_length", "config_file")
    check_keys(
        config, where, "/config", (*LAYER, *fixed, "add_prefix_space", "unsplittable_tokens")
    )
    _check_none(config, fixed[:3], where)
    prefix = check_flag(config.get("add_prefix_space", False), where, "/config/add_prefix_space")
    options = {
        "merges": read_merges(files, names.BPE_MERGES),
        "add_prefix_space": prefix,
        **_BYTE_PAIR_DEFAULTS,
    }
    return TokenizerData(read_numbered_vocabulary(files, names.BPE_VOCABULARY), options)


def _write_byte_pair(
    family: Family, tokenizer: TokenizerData
) -> tuple[dict[str, Any], dict[str, bytes]]:
    config = {
        "config_file": names.TOKENIZER,
        "sequence_length": None,
        "add_prefix_space": tokenizer.options["add_prefix_space"],
        "unsplittable_tokens": list(family.special_tokens.values()),
    }
    ids = {token: i for i, token in enumerate(tokenizer.vocabulary)}
    merges = "".join(f"{first} {second}\n" for first, second in tokenizer.options["merges"])
    vocabulary = json.dumps(ids, ensure_ascii=False).encode()
    return config, {names.BPE_VOCABULARY: vocabulary, names.BPE_MERGES: merges.encode()}


def _read_sentencepiece(
    files: PresetFiles, family: Family, config: dict[str, Any], where: str
) -> TokenizerData:
    fixed = ("proto", "sequence_length", "config_file")
    check_keys(config, where, "/config", (*LAYER, *fixed, "add_bos", "add_eos"))
    _check_none(config, fixed[:2], where)
    for key in ("add_bos", "add_eos"):
        if config.get(key, False) is not False:
            raise PresetFormatError(f"{where}: /config/{key} must be false.")
    vocabulary, options = read_sentencepiece(files, names.SENTENCEPIECE, family)
    found = tuple(AddedToken(token) for token in options.pop("user_defined"))
    return TokenizerData(vocabulary, {**options, **_SENTENCEPIECE_DEFAULTS, "added_tokens": found})


def _write_sentencepiece(
    family: Family, tokenizer: TokenizerData
) -> tuple[dict[str, Any], dict[str, bytes]]:
    config = {
        "config_file": names.TOKENIZER,
        "proto": None,
        "sequence_length": None,
        "add_bos": False,
        "add_eos": False,
    }
    model = write_sentencepiece(family, tokenizer.vocabulary, tokenizer.options)
    return config, {names.SENTENCEPIECE: model}


def _check_none(config: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    """File names are constants: what would name another is refused."""
    for key in keys:
        if config.get(key) is not None:
            raise UnsafePresetError(f"{where}: /config/{key} must be null.")
    if config.get("config_file", names.TOKENIZER) != names.TOKENIZER:
        raise UnsafePresetError(f"{where}: /config/config_file must be {names.TOKENIZER}.")


_READERS: Mapping[str, Callable[..., TokenizerData]] = {
    "wordpiece": _read_wordpiece,
    "byte_pair": _read_byte_pair,
    "sentencepiece": _read_sentencepiece,
    "trained": read_trained,
}
_WRITERS: Mapping[str, Callable[..., Any]] = {
    "wordpiece": _write_wordpiece,
    "byte_pair": _write_byte_pair,
    "sentencepiece": _write_sentencepiece,
    "trained": write_trained,
}
