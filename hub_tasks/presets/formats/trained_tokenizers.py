"""Tokenizers that were trained from texts, in `tokenizer.json` and a vocabulary file.

The entries of `/config` are the options of `hub_tasks.tokenizers.TrainedTokenizer`.
"""

from collections.abc import Mapping
from typing import Any

from hub_tasks.errors import PresetFormatError, received
from hub_tasks.families import Family
from hub_tasks.presets import files as names
from hub_tasks.presets.data import TokenizerData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats.keras_objects import LAYER
from hub_tasks.presets.formats.vocabulary import read_vocabulary
from hub_tasks.presets.schema import UNITS, check_choice, check_flag, check_integer, check_keys

OPTIONS = ("unit", "lowercase", "word_ngrams", "character_ngrams", "buckets")
_MAX_NGRAM = 16
_MAX_BUCKETS = 2**24


def read_trained(
    files: PresetFiles, family: Family, config: dict[str, Any], where: str
) -> TokenizerData:
    """The tokenizer that `config`, from the file `where`, describes."""
    check_keys(config, where, "/config", (*LAYER, *OPTIONS), OPTIONS)
    options = check_options(config, where, "/config/")
    options |= {"special_tokens_in_strings": False, "added_tokens": ()}
    return TokenizerData(read_vocabulary(files, names.VOCABULARY), options)


def check_options(config: Mapping[str, Any], where: str, pointer: str) -> dict[str, Any]:
    """The entries of `OPTIONS`, each of its type and within its range."""
    sizes = config["character_ngrams"]
    if not isinstance(sizes, list | tuple) or len(sizes) != 2:
        raise PresetFormatError(
            f"{where}: {pointer}character_ngrams must be two sizes. "
            f"{received(character_ngrams=sizes)}"
        )
    shortest, longest = (
        check_integer(size, where, f"{pointer}character_ngrams/{i}", 0, _MAX_NGRAM)
        for i, size in enumerate(sizes)
    )
    if shortest > longest or (longest and not shortest):
        raise PresetFormatError(
            f"{where}: {pointer}character_ngrams must be the shortest and the longest n-gram, from "
            f"1 character, or (0, 0) for none. {received(character_ngrams=sizes)}"
        )
    return {
        "unit": check_choice(config["unit"], where, f"{pointer}unit", UNITS),
        "lowercase": check_flag(config["lowercase"], where, f"{pointer}lowercase"),
        "word_ngrams": check_integer(
            config["word_ngrams"], where, f"{pointer}word_ngrams", 1, _MAX_NGRAM
        ),
        "character_ngrams": (shortest, longest),
        "buckets": check_integer(config["buckets"], where, f"{pointer}buckets", 0, _MAX_BUCKETS),
    }


def write_trained(
    family: Family, tokenizer: TokenizerData
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The `config` of a tokenizer, and its vocabulary file."""
    config = {key: tokenizer.options[key] for key in OPTIONS}
    vocabulary = "".join(token + "\n" for token in tokenizer.vocabulary)
    return config, {names.VOCABULARY: vocabulary.encode()}
