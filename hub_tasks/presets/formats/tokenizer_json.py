"""`tokenizer.json`, the file of the Rust library: read as data, in the shapes that are known."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from hub_tasks.errors import PresetFormatError, received
from hub_tasks.families import Family
from hub_tasks.presets.data import TokenizerData
from hub_tasks.presets.formats.added_tokens import Stated, enter
from hub_tasks.presets.formats.vocabulary import check_merges, in_order_of_ids
from hub_tasks.presets.schema import check_flag


def read_document(
    document: Mapping[str, Any], family: Family, stated: Stated, rows: int, where: str
) -> TokenizerData:
    """The tokenizer of a family that a `tokenizer.json` describes.

    Args:
        document: the contents of the file.
        family: whose kind of tokenizer it is.
        stated: the added tokens.
        rows: how many tokens the model can take.
        where: the name of the file, for messages.
    """
    return _READERS[family.tokenizer](document, family, stated, rows, where)


def wordpiece_options(
    family: Family, lowercase: Any, strip_accents: Any, where: str, pointers: tuple[str, str]
) -> dict[str, Any]:
    """The options of a WordPiece tokenizer, from the two flags that files state."""
    check_flag(lowercase, where, pointers[0])
    if strip_accents is None:
        strip_accents = lowercase
    return {
        "lowercase": lowercase,
        "strip_accents": check_flag(strip_accents, where, pointers[1]),
        "special_tokens_in_strings": True,
        "suffix_indicator": "##",
        "oov_token": family.special_tokens["unknown"],
        "added_tokens": (),
    }


def _wordpiece(
    document: Any, family: Family, stated: Stated, rows: int, where: str
) -> TokenizerData:
    match document:
        case {
            "model": {"vocab": dict(vocab), **model},
            "normalizer": {"type": "BertNormalizer", **normalizer},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
        } if normalizer.get("handle_chinese_chars", True) and normalizer.get("clean_text", True):
            pass
        case _:
            raise PresetFormatError(
                f"{where} is not of a known shape; accepted here: a WordPiece model with "
                f"BertNormalizer and BertPreTokenizer."
            )
    added = enter(vocab, stated, rows, where)
    tokens = in_order_of_ids(vocab, f"{where}: /model/vocab")
    flags = normalizer.get("lowercase", True), normalizer.get("strip_accents")
    pointers = "/normalizer/lowercase", "/normalizer/strip_accents"
    options = wordpiece_options(family, *flags, where, pointers)
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


def _byte_pair(
    document: Any, family: Family, stated: Stated, rows: int, where: str
) -> TokenizerData:
    match document:
        case {
            "model": {"vocab": dict(ids), "merges": list(merges), **model},
            "normalizer": None | {"type": "NFC"} as normalizer,
            "pre_tokenizer": {"type": "ByteLevel", **splitter},
        } if splitter.get("use_regex", True) is True:
            pass
        case _:
            raise PresetFormatError(
                f"{where} is not of a known shape; accepted here: a BPE model with ByteLevel, and "
                f"NFC or no normalizer."
            )
    for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(key):
            raise PresetFormatError(f"{where}: /model/{key} must be empty.")
    added = enter(ids, stated, rows, where)
    prefix = splitter.get("add_prefix_space", False)
    options = {
        "merges": check_merges(merges, f"{where}: /model/merges"),
        "add_prefix_space": check_flag(prefix, where, "/pre_tokenizer/add_prefix_space"),
        "nfc": normalizer is not None,
        "special_tokens_in_strings": True,
        "added_tokens": added,
    }
    return TokenizerData(in_order_of_ids(ids, f"{where}: /model/vocab"), options)


def _unigram(document: Any, family: Family, stated: Stated, rows: int, where: str) -> TokenizerData:
    match document:
        case {
            "model": {"vocab": list(pieces), **model},
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
    added = enter(ids, stated, rows, where)
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
    listed = isinstance(normalizer, dict) and normalizer.get("type") == "Sequence"
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


_READERS: Mapping[str, Callable[..., TokenizerData]] = {
    "wordpiece": _wordpiece,
    "byte_pair": _byte_pair,
    "sentencepiece": _unigram,
}
