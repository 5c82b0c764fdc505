"""Added tokens of a `transformers` checkpoint, and tokens that stand for no text.

They stand in up to four files. Where several speak of a token, the order is that of
`transformers`: `added_tokens_decoder` in `tokenizer_config.json`, then `tokenizer.json` or, in
older checkpoints, `added_tokens.json` and `special_tokens_map.json`, then the bare names of
special tokens.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from hub_tasks.errors import PresetFormatError, received, shorten
from hub_tasks.presets import files as names
from hub_tasks.presets.data import AddedToken
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.schema import check_added_tokens, check_keys
from hub_tasks.presets.strict_json import read_json

_ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
_LISTS = ("additional_special_tokens", "extra_special_tokens")
_FLAGS = tuple(field.name for field in fields(AddedToken) if field.name != "content")

Stated = dict[str, tuple[int | None, AddedToken]]  # content -> id, where one is stated, and token


def in_document(document: Mapping[str, Any], where: str) -> Stated:
    """The added tokens of a `tokenizer.json`."""
    return _listed(document.get("added_tokens", []), where, "/added_tokens")


def in_settings(settings: Mapping[str, Any], where: str) -> Stated:
    """The added tokens that `tokenizer_config.json` lists."""
    decoder = settings.get("added_tokens_decoder", {})
    if not isinstance(decoder, dict) or not all(k.isdecimal() and len(k) < 10 for k in decoder):
        raise PresetFormatError(f"{where}: /added_tokens_decoder must map ids to tokens.")
    entries = []
    for key, entry in decoder.items():
        place = f"/added_tokens_decoder/{key}"
        entry = check_keys(entry, where, place, ("content", *_FLAGS), ("content",))
        entries.append({**entry, "id": int(key)})
    return _listed(entries, where, "/added_tokens_decoder")


def in_older_files(files: PresetFiles, settings: Mapping[str, Any]) -> Stated:
    """The same of checkpoints whose `tokenizer_config.json` has no list of added tokens."""
    stated: Stated = {}
    if files.exists(names.HF_SPECIAL_TOKENS):
        where = f"{names.HF_SPECIAL_TOKENS} of preset {files}"
        stated |= named(read_json(files, names.HF_SPECIAL_TOKENS), where)
    special = {*stated, *named(settings, f"{names.HF_TOKENIZER_CONFIG} of preset {files}")}
    if files.exists(names.HF_ADDED_TOKENS):
        where = f"{names.HF_ADDED_TOKENS} of preset {files}"
        entries = []
        for content, number in read_json(files, names.HF_ADDED_TOKENS).items():
            flags = {"special": content in special, "normalized": content not in special}
            entries.append({"id": number, "content": content, **flags})
        stated |= _listed(entries, where, "")
    return stated


def named(settings: Mapping[str, Any], where: str) -> Stated:
    """Special tokens that `tokenizer_config.json` or `special_tokens_map.json` names."""
    stated: Stated = {}
    for pointer, value in _values(settings, where):
        if isinstance(value, str):
            value = {"content": value}
        entry = check_keys(value, where, pointer, ("__type", "content", "id", *_FLAGS))
        entry = {k: v for k, v in entry.items() if k != "__type"} | {"special": True}
        (token,) = check_added_tokens([entry], where, pointer)
        stated[token.content] = None, token
    return stated


def enter(ids: dict[str, Any], stated: Stated, rows: int, where: str) -> tuple[AddedToken, ...]:
    """The tokens in the order of their ids; those not in the vocabulary are entered in `ids`.

    A token without an id gets the next one, as in `transformers`, while there are `rows` of the
    embedding for it; after that it is left out, since the model cannot take it.
    """
    order = sorted(
        (entry for entry in stated.values() if entry[0] is not None), key=lambda entry: entry[0]
    )
    for number, token in order:
        if ids.setdefault(token.content, number) != number:
            raise PresetFormatError(
                f"{where} gives the added token {shorten(token.content)} another id than the "
                f"vocabulary. {received(vocabulary=ids[token.content], added=number)}"
            )
    added = [token for _, token in order]
    for number, token in stated.values():
        if number is None and (token.content in ids or len(ids) < rows):
            ids.setdefault(token.content, len(ids))
            added.append(token)
    return tuple(added)


def _listed(entries: Any, where: str, pointer: str) -> Stated:
    tokens = check_added_tokens(entries, where, pointer)
    stated: Stated = {}
    for entry, token in zip(entries, tokens, strict=True):
        number = entry.get("id")
        if type(number) is not int or number < 0:
            raise PresetFormatError(
                f"{where}: {pointer} must give {shorten(token.content)} an id. "
                f"{received(id=number)}"
            )
        stated[token.content] = number, token
    return stated


def _values(settings: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    for role in _ROLES:
        if settings.get(f"{role}_token") is not None:
            yield f"/{role}_token", settings[f"{role}_token"]
    for key in _LISTS:
        value = settings.get(key) or []
        tokens = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(tokens, list):
            raise PresetFormatError(f"{where}: /{key} must be a list of tokens.")
        for i, token in enumerate(tokens):
            yield f"/{key}/{i}", token
