"""Tokenizers that were trained from texts, in `tokenizer.json` and a vocabulary file.

The entries of `/config` are the options of `hub_tasks.tokenizers.TrainedTokenizer`.
"""

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
    options: dict[str, Any] = {
        "unit": check_choice(config["unit"], where, "/config/unit", UNITS),
        "lowercase": check_flag(config["lowercase"], where, "/config/lowercase"),
        "special_tokens_in_strings": False,
        "added_tokens": (),
    }
    limits = {"word_ngrams": (1, _MAX_NGRAM), "buckets": (0, _MAX_BUCKETS)}
    for key, (low, high) in limits.items():
        options[key] = check_integer(config[key], where, f"/config/{key}", low, high)
    sizes = config["character_ngrams"]
    if not isinstance(sizes, list) or len(sizes) != 2:
        raise PresetFormatError(
            f"{where}: /config/character_ngrams must be a list of two sizes. "
            f"{received(character_ngrams=sizes)}"
        )
    options["character_ngrams"] = tuple(
        check_integer(size, where, f"/config/character_ngrams/{i}", 0, _MAX_NGRAM)
        for i, size in enumerate(sizes)
    )
    return TokenizerData(read_vocabulary(files, names.VOCABULARY), options)


def write_trained(
    family: Family, tokenizer: TokenizerData
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The `config` of a tokenizer, and its vocabulary file."""
    config = {key: tokenizer.options[key] for key in OPTIONS}
    vocabulary = "".join(token + "\n" for token in tokenizer.vocabulary)
    return config, {names.VOCABULARY: vocabulary.encode()}
