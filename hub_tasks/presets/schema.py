"""Checks of single values in configuration files, with the place in every message."""

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import Any

from hub_tasks.errors import PresetFormatError, received, shorten
from hub_tasks.families import FAMILIES, REQUIRED, Family, Field
from hub_tasks.presets.data import AddedToken

PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")
POOLINGS = ("family", "cls", "mean", "max", "attention")
ACTIVATIONS = ("linear", "softmax", "sigmoid", "tanh")
STEPS = (
    "charsmap",
    "join_spaces",
    "join_white_space",
    "lowercase",
    "nfc",
    "nfkc",
    "nfkd",
    "straight_quotes",
    "strip",
    "strip_accents",
    "strip_right",
)
PAIRS = ("numbered", "one_end", "two_ends", "separated")
_MAX_ENTRIES = 64  # of a list in a configuration
UNITS = ("word", "character", "subword", "token")
_MAX_NGRAM = 16
_MAX_BUCKETS = 2**24
TRUNCATIONS = ("round_robin", "waterfall", "longest_first")
MAX_CLASSES = 1_000_000
_MAX_LABEL = 1_000  # characters
_MAX_ADDED = 10_000


def is_text(value: str) -> bool:
    """Whether a string has a UTF-8 form, as half a surrogate pair has not."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_keys(
    value: Any, where: str, pointer: str, allowed: Collection[str], required: Collection[str] = ()
) -> dict[str, Any]:
    """An object with no key but `allowed` and every key of `required`."""
    if not isinstance(value, dict):
        raise PresetFormatError(
            f"{where}: {pointer or '/'} must be an object. {received(value=value)}"
        )
    unknown = [key for key in value if key not in allowed]
    if unknown:
        raise PresetFormatError(
            f"{where}: unknown key {pointer}/{shorten(unknown[0])}. Accepted: {', '.join(allowed)}."
        )
    missing = [key for key in required if key not in value]
    if missing:
        raise PresetFormatError(f"{where}: {pointer}/{missing[0]} is missing.")
    return value


def check_integer(value: Any, where: str, pointer: str, low: float, high: float) -> int:
    """A whole number within bounds; `true` and `16.0` are none."""
    if type(value) is not int or not low <= value <= high:
        raise PresetFormatError(
            f"{where}: {pointer} must be an integer from {low} to {high}. {received(value=value)}"
        )
    return value


def check_real(value: Any, where: str, pointer: str, low: float, high: float) -> float:
    """A number within bounds."""
    if type(value) not in (int, float) or not low <= value <= high:
        raise PresetFormatError(
            f"{where}: {pointer} must be a number from {low} to {high}. {received(value=value)}"
        )
    return float(value)


def check_choice(value: Any, where: str, pointer: str, choices: Collection[str]) -> str:
    """One of a closed set of names."""
    if not isinstance(value, str) or value not in choices:
        raise PresetFormatError(
            f"{where}: {pointer} must be one of {', '.join(choices)}. {received(value=value)}"
        )
    return value


def check_flag(value: Any, where: str, pointer: str) -> bool:
    """`true` or `false`."""
    if not isinstance(value, bool):
        raise PresetFormatError(
            f"{where}: {pointer} must be true or false. {received(value=value)}"
        )
    return value


def check_field(field: Field, value: Any, where: str, pointer: str) -> Any:
    """A value of a backbone's configuration, as its `Field` describes it."""
    if field.nested:
        return None if value is None else _check_nested(value, where, pointer)
    if field.many:
        if not isinstance(value, list | tuple) or not 0 < len(value) <= _MAX_ENTRIES:
            raise PresetFormatError(
                f"{where}: {pointer} must be a list of 1 to {_MAX_ENTRIES} values. "
                f"{received(value=value)}"
            )
        one = replace(field, many=False)
        return tuple(check_field(one, v, where, f"{pointer}/{i}") for i, v in enumerate(value))
    if True in field.choices:
        return field.choices[check_flag(value, where, pointer)]
    if field.choices:
        return field.choices[check_choice(value, where, pointer, field.choices)]
    check = check_integer if isinstance(field.minimum, int) else check_real
    low, high = field.minimum + field.offset, field.maximum + field.offset
    return check(value, where, pointer, low, high) - field.offset


def _check_nested(value: Any, where: str, pointer: str) -> dict[str, Any]:
    """The configuration of another family's backbone, with the family's name in it."""
    if not isinstance(value, dict):
        raise PresetFormatError(f"{where}: {pointer} must be an object. {received(value=value)}")
    family = FAMILIES[check_choice(value.get("family"), where, f"{pointer}/family", FAMILIES)]
    fields = {field.name: field for field in family.config if not field.nested}
    required = [name for name, field in fields.items() if field.default is REQUIRED]
    check_keys(value, where, pointer, ("family", *fields), required)
    complete = {name: field.default for name, field in fields.items()}
    for name, field in fields.items():
        if name in value:
            complete[name] = own_value(field, value[name], where, f"{pointer}/{name}")
    return {"family": family.name, **check_backbone(family, complete, where)}


def own_value(field: Field, value: Any, where: str, pointer: str) -> Any:
    """A value in our own terms, not in those of `transformers`."""
    ours = {choice: choice for choice in field.choices.values()}
    return check_field(replace(field, choices=ours, offset=0), value, where, pointer)


def check_backbone(family: Family, config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Relations between the entries of a complete backbone configuration."""
    for size, divisor in (
        ("bottleneck_dim" if "bottleneck_dim" in config else "hidden_dim", "num_heads"),
        ("num_layers", "num_groups"),
    ):
        if divisor in config and size in config and config[size] % config[divisor]:
            raise PresetFormatError(
                f"{where}: {size} must be a multiple of {divisor}. "
                f"{received(**{size: config[size], divisor: config[divisor]})}"
            )
    return {field.name: config[field.name] for field in family.config}


def check_labels(value: Any, where: str, pointer: str, num_classes: int) -> tuple[str, ...]:
    """Label names: distinct, not empty, as many as there are classes."""
    names = value if isinstance(value, list | tuple) else None
    if names is None or not all(
        isinstance(n, str) and 0 < len(n) <= _MAX_LABEL and is_text(n) for n in names
    ):
        raise PresetFormatError(
            f"{where}: {pointer} must be a list of label names, 1 to {_MAX_LABEL} characters "
            f"each. {received(value=value)}"
        )
    if len(set(names)) != len(names):
        raise PresetFormatError(f"{where}: {pointer} names a label twice. {received(value=value)}")
    if len(names) != num_classes:
        raise PresetFormatError(
            f"{where}: {pointer} has {len(names)} label names for a head of {num_classes} classes."
        )
    return tuple(names)


def check_problem_type(
    value: Any, where: str, pointer: str, num_classes: int, activation: str = "linear"
) -> str:
    """The problem that a head solves: as stated, or where `value` is None, inferred."""
    if value is None:
        return infer_problem_type(num_classes, activation)
    check_choice(value, where, pointer, PROBLEM_TYPES)
    if value == PROBLEM_TYPES[0] and num_classes == 1:
        raise PresetFormatError(f"{where}: {pointer} is {value} for a head of 1 class.")
    return value


def check_added_tokens(value: Any, where: str, pointer: str) -> tuple[AddedToken, ...]:
    """Added tokens, each an object with a `content` and flags."""
    if not isinstance(value, list) or len(value) > _MAX_ADDED:
        raise PresetFormatError(
            f"{where}: {pointer} must be a list of at most {_MAX_ADDED} tokens."
        )
    tokens = []
    for i, entry in enumerate(value):
        place = f"{pointer}/{i}"
        flags = tuple(f.name for f in fields(AddedToken) if f.name != "content")
        entry = check_keys(entry, where, place, ("id", "content", *flags), ("content",))
        content = entry["content"]
        if not isinstance(content, str) or not 0 < len(content) <= 256 or not is_text(content):
            raise PresetFormatError(f"{where}: {place}/content must be a short string.")
        stated = {f: check_flag(entry[f], where, f"{place}/{f}") for f in flags if f in entry}
        tokens.append(AddedToken(content, **stated))
    return tuple(tokens)


def infer_problem_type(num_classes: int, activation: str = "linear") -> str:
    """The problem that a head solves where nothing states it."""
    if num_classes == 1:
        return "regression"
    return PROBLEM_TYPES[1] if activation == "sigmoid" else PROBLEM_TYPES[0]


def check_split(config: Mapping[str, Any], where: str, pointer: str) -> dict[str, Any]:
    """How a trained tokenizer splits texts, each entry of its type and within its range."""
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
        **{
            flag: check_flag(config.get(flag, False), where, f"{pointer}{flag}")
            for flag in ("unknown_beginnings", "case_marks", "space_marks")
        },
    }
