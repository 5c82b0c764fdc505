"""Tokenizers in a `transformers` directory: `tokenizer.json`, or else vocabulary files.

As in `transformers`, `tokenizer.json` counts where both are there; the case of letters follows
`tokenizer_config.json` where that names a class of WordPiece tokenizers.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hub_tasks.errors import PresetFormatError, received
from hub_tasks.families import Family
from hub_tasks.presets import files as names
from hub_tasks.presets.data import AddedToken, TokenizerData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats import tokenizer_origin as origin
from hub_tasks.presets.formats.added_tokens import (
    Stated,
    enter,
    in_document,
    in_older_files,
    in_settings,
)
from hub_tasks.presets.formats.added_tokens import named as named_in
from hub_tasks.presets.formats.tokenizer_json import read_document, wordpiece_options
from hub_tasks.presets.formats.vocabulary import (
    in_order_of_ids,
    read_merges,
    read_numbered_vocabulary,
    read_sentencepiece,
    read_vocabulary,
)
from hub_tasks.presets.schema import check_flag
from hub_tasks.presets.strict_json import read_json


def read_tokenizer(
    files: PresetFiles, encoder: Family, config: Mapping[str, Any], rows: int
) -> tuple[TokenizerData | None, str]:
    """The tokenizer of a checkpoint, and how it joins pairs, a name in `schema.PAIRS`.

    Args:
        files: the checkpoint.
        encoder: the family of its encoder, which need not be the tokenizer's.
        config: the contents of its `config.json`.
        rows: how many tokens the encoder can take.

    Returns:
        None for the tokenizer where there is none.
    """
    settings, settings_file = read_tokenizer_config(files), _settings_file(files)
    named = origin.read_class(settings, config, encoder, settings_file)
    named_tokens, listed = named_in(settings, settings_file), in_settings(settings, settings_file)
    if files.exists(names.TOKENIZER):
        document = read_json(files, names.TOKENIZER, names.VOCABULARY_LIMIT)
        where = f"{names.TOKENIZER} of preset {files}"
        family = origin.family_of_document(document, settings, named, encoder, where)
        stated = {**named_tokens, **in_document(document, where), **listed}
        tokenizer = read_document(document, family, stated, rows, where)
        if family.tokenizer == getattr(named.family, "tokenizer", None) == "wordpiece":
            options = _wordpiece_options(settings, settings_file, family)
            options["added_tokens"] = tokenizer.options["added_tokens"]
            tokenizer = replace(tokenizer, options=options)
        pairs = origin.read_pairs(document, settings, named, encoder, family, where)
        return replace(tokenizer, family=family), pairs
    if "added_tokens_decoder" not in settings:
        listed = in_older_files(files, settings)
    family = origin.family_of_class(named, encoder, settings_file)
    tokenizer = _READERS[family.tokenizer](files, family, settings)
    if tokenizer is not None:
        stated = {**named_tokens, **listed}
        tokenizer = replace(_with_tokens(tokenizer, stated, rows, settings_file), family=family)
    return tokenizer, (named.family or family).pairs


def read_tokenizer_config(files: PresetFiles) -> dict[str, Any]:
    """What `tokenizer_config.json` says; nothing where it is missing."""
    if not files.exists(names.HF_TOKENIZER_CONFIG):
        return {}
    return read_json(files, names.HF_TOKENIZER_CONFIG)


def _settings_file(files: PresetFiles) -> str:
    return f"{names.HF_TOKENIZER_CONFIG} of preset {files}"


def _wordpiece_options(settings: Mapping[str, Any], where: str, family: Family) -> dict[str, Any]:
    """The options of a WordPiece tokenizer, as `tokenizer_config.json` says."""
    if settings.get("tokenize_chinese_chars", True) is not True:
        raise PresetFormatError(
            f"{where}: /tokenize_chinese_chars must be true. "
            f"{received(value=settings['tokenize_chinese_chars'])}"
        )
    flags = settings.get("do_lower_case", True), settings.get("strip_accents")
    return wordpiece_options(family, *flags, where, ("/do_lower_case", "/strip_accents"))


def _with_tokens(tokenizer: TokenizerData, stated: Stated, rows: int, where: str) -> TokenizerData:
    """A tokenizer of vocabulary files with the added tokens that other files state."""
    ids = {token: i for i, token in enumerate(tokenizer.vocabulary)}
    found = {
        token.content: (ids[token.content], token) for token in tokenizer.options["added_tokens"]
    }
    options = {**tokenizer.options, "added_tokens": enter(ids, {**found, **stated}, rows, where)}
    vocabulary = in_order_of_ids(ids, f"{where}: /added_tokens_decoder")
    if "scores" in options:
        new = len(vocabulary) - len(tokenizer.vocabulary)
        options["scores"] = (*options["scores"], *[0.0] * new)
    return TokenizerData(vocabulary, options)


def _read_wordpiece(
    files: PresetFiles, family: Family, settings: Mapping[str, Any]
) -> TokenizerData | None:
    if not files.exists(names.HF_VOCABULARY):
        return None
    options = _wordpiece_options(settings, _settings_file(files), family)
    return TokenizerData(read_vocabulary(files, names.HF_VOCABULARY), options)


def _read_byte_pair(
    files: PresetFiles, family: Family, settings: Mapping[str, Any]
) -> TokenizerData | None:
    if not files.exists(names.HF_BPE_VOCABULARY):
        return None
    prefix = settings.get("add_prefix_space", False)
    options = {
        "merges": read_merges(files, names.HF_BPE_MERGES),
        "add_prefix_space": check_flag(prefix, _settings_file(files), "/add_prefix_space"),
        "nfc": False,
        "special_tokens_in_strings": True,
        "added_tokens": (),
    }
    return TokenizerData(read_numbered_vocabulary(files, names.HF_BPE_VOCABULARY), options)


def _read_sentencepiece(
    files: PresetFiles, family: Family, settings: Mapping[str, Any]
) -> TokenizerData | None:
    found = files.present(names.HF_SENTENCEPIECE)
    if not found:
        return None
    vocabulary, options = read_sentencepiece(files, found[0], family)
    options |= {
        "added_tokens": tuple(AddedToken(token) for token in options.pop("user_defined")),
        "byte_fallback": False,  # as transformers, whatever the model says
        "steps": family.steps,
        "whole_words": family.whole_words,
        "special_tokens_in_strings": True,
    }
    return TokenizerData(vocabulary, options)


_READERS: Mapping[str, Callable[..., TokenizerData | None]] = {
    "wordpiece": _read_wordpiece,
    "byte_pair": _read_byte_pair,
    "sentencepiece": _read_sentencepiece,
}
