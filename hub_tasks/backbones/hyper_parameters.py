"""Hyper-parameters of encoders: the keyword arguments of `encode`, with their defaults."""

import inspect
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import numpy as np

from hub_tasks.backbones.backbone import BACKBONES, Backbone
from hub_tasks.errors import DataError, PresetFormatError, received
from hub_tasks.families import ENCODERS, FLAG, Field
from hub_tasks.presets.schema import own_value
from hub_tasks.registry import close_matches

SIZES_BY_THE_TEXTS = ("bigram_buckets", "part_buckets", "run_buckets", "ngram_rows")
BY_THE_TEXTS = (
    *SIZES_BY_THE_TEXTS,
    "pair_separator",
    "overlap_entries",
    "wide_dim",
    "wide_buckets",
    "wide_runs",
)
_OF_THE_TABLE = {
    "ngram_rows": "how many of the table's rows are of n-grams",
    "pair_separator": "the id of a token",
}
_LARGEST = 65_536


def hyper_parameters(cls: type) -> list[inspect.Parameter]:
    """The keyword arguments of an encoder's `encode`."""
    signature = inspect.signature(cls.encode, eval_str=True)
    return [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]


def field_of(cls: type, parameter: inspect.Parameter) -> Field:
    """What is accepted for a hyper-parameter, from its default and its annotation."""
    name, default = parameter.name, parameter.default
    if get_origin(parameter.annotation) is Literal:
        choices = {choice: choice for choice in get_args(parameter.annotation)}
        return Field(name, "", default=default, choices=choices)
    if isinstance(default, bool):
        return Field(name, "", default=default, choices=FLAG)
    if isinstance(default, int):
        return Field(name, "", min(default, 1), _LARGEST, default=default)
    if isinstance(default, float):
        return Field(name, "", 0.0, float(_LARGEST), default=default)
    if isinstance(default, tuple) and all(isinstance(value, int) for value in default):
        return Field(name, "", 1, _LARGEST, default=default, many=True)
    raise TypeError(
        f"{cls.__name__}.encode: the default of {name} must be a whole number, a number, a flag or "
        f"a tuple of whole numbers, or its annotation a Literal. {received(default=default)}"
    )


def encoder_defaults(name: str) -> dict[str, Any]:
    """How an encoder splits texts, and its hyper-parameters, with their defaults.

    Args:
        name: as in `TextClassifier.from_scratch`.

    Raises:
        PresetFormatError: no encoder has this name; close ones are named.

    Example:

    >>> import hub_tasks
    >>> defaults = hub_tasks.encoder_defaults("bilstm")
    >>> defaults["units"] = 64
    >>> clf = hub_tasks.TextClassifier.from_scratch(
    ...     "bilstm", ["good", "bad"] * 8, ["yes", "no"] * 8, hyper_parameters=defaults)
    """
    fields = {field.name: field.default for field in ENCODERS[name].config}
    given = ("vocabulary_size", "embedding")
    own = {name: value for name, value in fields.items() if name not in given}
    return {**BACKBONES[name].text_defaults, **own, **dict.fromkeys(BY_THE_TEXTS)}


def complete(cls: type[Backbone], config: Mapping[str, Any]) -> dict[str, Any]:
    """A whole configuration, every value checked.

    Raises:
        DataError: entries that are missing, unknown, or of another type or range.
    """
    fields = {field.name: field for field in cls.family.config}
    unknown = [name for name in config if name not in fields]
    if unknown:
        raise DataError(
            f"The encoder {cls.family.name} has no {unknown[0]!r}."
            f"{close_matches(unknown[0], list(fields))} It has {', '.join(fields)}. "
            f"{received(**{unknown[0]: config[unknown[0]]})}"
        )
    whole = cls.family.complete(config)
    whole = {n: v.item() if isinstance(v, np.generic) else v for n, v in whole.items()}
    try:
        checked = {
            name: own_value(field, whole[name], cls.__name__, name)
            for name, field in fields.items()
        }
    except PresetFormatError as error:
        raise DataError(str(error)) from None
    for name, meaning in _OF_THE_TABLE.items():
        if checked[name] >= checked["vocabulary_size"]:
            sizes = {key: checked[key] for key in ("vocabulary_size", name)}
            raise DataError(
                f"`{name}` is {meaning}, so it must be less than `vocabulary_size`. "
                f"{received(**sizes)}"
            )
    return checked
