"""Tokenizers in a `transformers` directory: vocabulary files, or `tokenizer.json`."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from hub_tasks.errors import PresetFormatError, received, shorten
from hub_tasks.families import Family
from hub_tasks.presets import files as names
from hub_tasks.presets.data import AddedToken, TokenizerData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.schema import check_added_tokens, check_flag
from hub_tasks.presets.strict_json import read_json
from hub_tasks.presets.vocabulary import (
    check_merges,
    in_order_of_ids,
    read_merges,
    read_numbered_vocabulary,
    read_sentencepiece,
    read_vocabulary,
)


def read_tokenizer(files: PresetFiles, family: Family) -> TokenizerData | None:
    """Reads a family's tokenizer; None where there is none."""
    return _READERS[family.tokenizer](files, family)


def read_tokenizer_config(files: PresetFiles) -> dict[str, Any]:
    """What `tokenizer_config.json` says; nothing where it is missing."""
    if not files.exists(names.HF_TOKENIZER_CONFIG):
        return {}
    return read_json(files, names.HF_TOKENIZER_CONFIG)


def _read_wordpiece(files: PresetFiles, family: Family) -> TokenizerData | None:
    if not files.exists(names.HF_VOCABULARY):
        return _from_tokenizer_json(files, family) if files.exists(names.TOKENIZER) else None
    settings = read_tokenizer_config(files)
    where = f"{names.HF_TOKENIZER_CONFIG} of preset {files}"
    lowercase = check_flag(settings.get("do_lower_case", True), where, "/do_lower_case")
    strip_accents = settings.get("strip_accents")
    if strip_accents is not None:
        check_flag(strip_accents, where, "/strip_accents")
    if settings.get("tokenize_chinese_chars", True) is not True:
        raise PresetFormatError(f"{where}: /tokenize_chinese_chars must be true.")
    return TokenizerData(
        read_vocabulary(files, names.HF_VOCABULARY),
        _options(family, lowercase, lowercase if strip_accents is None else strip_accents),
    )


def _options(family: Family, lowercase: bool, strip_accents: bool) -> dict[str, Any]:
    return {
        "lowercase": lowercase,
        "strip_accents": strip_accents,
        "special_tokens_in_strings": True,
        "suffix_indicator": "##",
        "oov_token": family.special_tokens["unknown"],
        "added_tokens": (),
    }


def _from_tokenizer_json(files: PresetFiles, family: Family) -> TokenizerData:
    """A fast tokenizer's own file, as newer `transformers` writes it, of the known shape."""
    document = read_json(files, names.TOKENIZER, names.VOCABULARY_LIMIT)
    where = f"{names.TOKENIZER} of preset {files}"
    match document:
        case {
            "model": {"type": "WordPiece", "vocab": dict(vocab), **model},
            "normalizer": {"type": "BertNormalizer", **normalizer},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
        } if normalizer.get("handle_chinese_chars", True) and normalizer.get("clean_text", True):
            pass
        case _:
            raise PresetFormatError(
                f"{where} is not of a known shape; accepted here: a WordPiece model with "
                f"BertNormalizer and BertPreTokenizer."
            )
    added = _added_tokens(document, vocab, where)
    tokens = in_order_of_ids(vocab, f"{where}: /model/vocab")
    lowercase = check_flag(normalizer.get("lowercase", True), where, "/normalizer/lowercase")
    strip_accents = normalizer.get("strip_accents")
    if strip_accents is not None:
        check_flag(strip_accents, where, "/normalizer/strip_accents")
    options = _options(family, lowercase, lowercase if strip_accents is None else strip_accents)
    for ours, theirs in (
        ("suffix_indicator", "continuing_subword_prefix"),
        ("oov_token", "unk_token"),
    ):
        if model.get(theirs, options[ours]) != options[ours]:
            raise PresetFormatError(
                f"{where}: /model/{theirs} must be {options[ours]!r}. "
                f"{received(value=model[theirs])}"
            )
    return TokenizerData(tokens, {**options, "added_tokens": added})


def _read_byte_pair(files: PresetFiles, family: Family) -> TokenizerData | None:
    if files.exists(names.TOKENIZER):
        return _byte_pair_from_json(files)
    if not files.exists(names.HF_BPE_VOCABULARY):
        return None
    prefix = read_tokenizer_config(files).get("add_prefix_space", False)
    where = f"{names.HF_TOKENIZER_CONFIG} of preset {files}"
    options = {
        "merges": read_merges(files, names.HF_BPE_MERGES),
        "add_prefix_space": check_flag(prefix, where, "/add_prefix_space"),
        "nfc": False,
        "special_tokens_in_strings": True,
        "added_tokens": (),
    }
    return TokenizerData(read_numbered_vocabulary(files, names.HF_BPE_VOCABULARY), options)


def _byte_pair_from_json(files: PresetFiles) -> TokenizerData:
    document = read_json(files, names.TOKENIZER, names.VOCABULARY_LIMIT)
    where = f"{names.TOKENIZER} of preset {files}"
    match document:
        case {
            "model": {"vocab": dict(ids), "merges": list(merges), **model},
            "normalizer": None | {"type": "NFC"} as normalizer,
            "pre_tokenizer": {"type": "ByteLevel", **splitter},
        } if model.get("type", "BPE") == "BPE" and splitter.get("use_regex", True) is True:
            pass
        case _:
            raise PresetFormatError(
                f"{where} is not of a known shape; accepted here: a BPE model with ByteLevel, and "
                f"NFC or no normalizer."
            )
    for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(key):
            raise PresetFormatError(f"{where}: /model/{key} must be empty.")
    added = _added_tokens(document, ids, where)
    prefix = splitter.get("add_prefix_space", False)
    options = {
        "merges": check_merges(merges, f"{where}: /model/merges"),
        "add_prefix_space": check_flag(prefix, where, "/pre_tokenizer/add_prefix_space"),
        "nfc": normalizer is not None,
        "special_tokens_in_strings": True,
        "added_tokens": added,
    }
    return TokenizerData(in_order_of_ids(ids, f"{where}: /model/vocab"), options)


def _added_tokens(document: Any, ids: dict[str, Any], where: str) -> tuple[AddedToken, ...]:
    """Added tokens; those that are not in the vocabulary are entered in `ids`."""
    entries = document.get("added_tokens", [])
    added = check_added_tokens(entries, where, "/added_tokens")
    for entry, token in zip(entries, added, strict=True):
        if ids.setdefault(token.content, entry.get("id")) != entry.get("id"):
            raise PresetFormatError(
                f"{where}: /added_tokens gives {shorten(token.content)} another id than the "
                f"vocabulary."
            )
    return added


def _read_sentencepiece(files: PresetFiles, family: Family) -> TokenizerData | None:
    if files.exists(names.TOKENIZER):
        return _unigram_from_json(files)
    found = files.present(names.HF_SENTENCEPIECE)
    if not found:
        return None
    vocabulary, options = read_sentencepiece(files, found[0], family)
    settings = {
        "added_tokens": tuple(AddedToken(token) for token in options.pop("user_defined")),
        "byte_fallback": False,  # as transformers, whatever the model says
        "steps": family.steps,
        "whole_words": family.whole_words,
        "special_tokens_in_strings": True,
    }
    return TokenizerData(vocabulary, {**options, **settings})


def _unigram_from_json(files: PresetFiles) -> TokenizerData:
    document = read_json(files, names.TOKENIZER, names.VOCABULARY_LIMIT)
    where = f"{names.TOKENIZER} of preset {files}"
    match document:
        case {
            "model": {"type": "Unigram", "vocab": list(pieces), **model},
            "normalizer": normalizer,
            "pre_tokenizer": {"type": str()} as splitter,
        }:
            pass
        case _:
            raise PresetFormatError(
                f"{where} is not of a known shape; accepted here: a Unigram model with Metaspace."
            )
    ids, scores = {}, []
    for i, entry in enumerate(pieces):
        match entry:
            case [str(piece), int() | float() as score] if type(score) is not bool:
                ids.setdefault(piece, i)
                scores.append(float(score))
            case _:
                raise PresetFormatError(f"{where}: /model/vocab/{i} must be a piece and a score.")
    added = _added_tokens(document, ids, where)
    vocabulary = in_order_of_ids(ids, f"{where}: /model/vocab")
    steps, charsmap = _steps(normalizer, where)
    whole_words, prefix = _splitter(splitter, where)
    options = {
        "scores": (*scores, *[0.0] * (len(vocabulary) - len(scores))),
        "bpe": False,
        "byte_fallback": check_flag(
            model.get("byte_fallback", False), where, "/model/byte_fallback"
        ),
        "steps": steps,
        "charsmap": charsmap,
        "whole_words": whole_words,
        "prefix_space": prefix,
        "special_tokens_in_strings": True,
        "added_tokens": added,
    }
    return TokenizerData(vocabulary, options)


_PLAIN_STEPS = {
    "NFC": "nfc",
    "NFKC": "nfkc",
    "NFKD": "nfkd",
    "StripAccents": "strip_accents",
    "Lowercase": "lowercase",
}
_REPLACED = {  # pattern -> step; no pattern of a file is ever run
    (("String", "``"), '"'): "straight_quotes",
    (("String", "''"), '"'): "straight_quotes",
    (("Regex", " {2,}"), " "): "join_spaces",
    (("Regex", " {2,}"), "\u2581"): "join_spaces",
    (("Regex", r"\s{2,}|[\n\r\t]"), " "): "join_white_space",
}


def _steps(normalizer: Any, where: str) -> tuple[tuple[str, ...], bytes]:
    """Normalizers of known kinds -> the steps of `SentencePieceTokenizer`, and a charsmap."""
    listed = normalizer is not None and normalizer.get("type") == "Sequence"
    parts = normalizer.get("normalizers") if listed else [normalizer] if normalizer else []
    steps, charsmap = [], b""
    for part in parts if isinstance(parts, list) else [None]:
        match part:
            case {"type": "Precompiled", "precompiled_charsmap": str() | None as text}:
                step, charsmap = "charsmap", _decode(text or "", where)
            case {"type": "Replace", "pattern": dict(pattern), "content": str(content)}:
                step = _REPLACED.get((next(iter(pattern.items()), None), content))
            case {"type": "Strip", "strip_left": left, "strip_right": True}:
                step = "strip" if left is True else "strip_right"
            case {"type": str(kind)}:
                step = _PLAIN_STEPS.get(kind)
            case _:
                step = None
        if step is None:
            raise PresetFormatError(
                f"{where}: /normalizer has a step that is not known. {received(step=part)}"
            )
        if not (steps and steps[-1] == step):
            steps.append(step)
    return tuple(steps), charsmap


def _decode(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise PresetFormatError(
            f"{where}: /normalizer/precompiled_charsmap is not base64."
        ) from None


def _splitter(splitter: Any, where: str) -> tuple[bool, bool]:
    """Whether texts are split at white space first, and whether a space is put before them."""
    parts = [splitter]
    if splitter["type"] == "Sequence" and isinstance(splitter.get("pretokenizers"), list):
        parts = splitter["pretokenizers"]
    match parts:
        case [{"type": "WhitespaceSplit"}, {"type": "Metaspace", **space}]:
            whole_words = True
        case [{"type": "Metaspace", **space}]:
            whole_words = False
        case _:
            raise PresetFormatError(
                f"{where}: /pre_tokenizer must be Metaspace, or WhitespaceSplit and Metaspace. "
                f"{received(pre_tokenizer=splitter)}"
            )
    scheme = space.get("prepend_scheme", "always" if space.get("add_prefix_space") else "never")
    if space.get("replacement", "\u2581") != "\u2581" or scheme not in ("always", "never"):
        raise PresetFormatError(f"{where}: /pre_tokenizer is a Metaspace of an unknown kind.")
    return whole_words, scheme == "always"


_READERS: Mapping[str, Callable[..., TokenizerData | None]] = {
    "wordpiece": _read_wordpiece,
    "byte_pair": _read_byte_pair,
    "sentencepiece": _read_sentencepiece,
}
