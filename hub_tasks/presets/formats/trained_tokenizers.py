"""Tokenizers that were trained from texts, in `tokenizer.json` and a vocabulary file.

The entries of `/config` are the options of `hub_tasks.tokenizers.TrainedTokenizer`.
"""

from typing import Any

from hub_tasks.families import Family
from hub_tasks.presets import files as names
from hub_tasks.presets.data import TokenizerData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats.keras_objects import LAYER
from hub_tasks.presets.formats.vocabulary import read_vocabulary
from hub_tasks.presets.schema import check_keys, check_split

_REQUIRED = ("unit", "lowercase", "word_ngrams", "character_ngrams", "buckets")
OPTIONS = (*_REQUIRED, "unknown_beginnings", "case_marks", "space_marks")


def read_trained(
    files: PresetFiles, family: Family, config: dict[str, Any], where: str
) -> TokenizerData:
    """The tokenizer that `config`, from the file `where`, describes."""
    check_keys(config, where, "/config", (*LAYER, *OPTIONS), _REQUIRED)
    options = check_split(config, where, "/config/")
    options |= {"special_tokens_in_strings": False, "added_tokens": ()}
    return TokenizerData(read_vocabulary(files, names.VOCABULARY), options)


def write_trained(
    family: Family, tokenizer: TokenizerData
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The `config` of a tokenizer, and its vocabulary file."""
    config = {key: tokenizer.options[key] for key in OPTIONS}
    vocabulary = "".join(token + "\n" for token in tokenizer.vocabulary)
    return config, {names.VOCABULARY: vocabulary.encode()}
