"""Checks of the arguments from which a text classifier is built."""

from collections.abc import Sequence
from typing import Any

from hub_tasks import presets
from hub_tasks.errors import DataError, PresetFormatError, received
from hub_tasks.presets.schema import (
    ACTIVATIONS,
    MAX_CLASSES,
    POOLINGS,
    PROBLEM_TYPES,
    check_labels,
)
from hub_tasks.tasks.preprocessor import TextClassifierPreprocessor

_BEGINNINGS = (
    "A tokenizer with `unknown_beginnings` gives unknown words ids that only an encoder with "
    "`part_buckets` knows."
)


def count_classes(num_classes: int | None, labels: Sequence[str] | None) -> int:
    """The number of outputs, from `num_classes`, `labels`, or both in agreement."""
    if isinstance(labels, str) or (labels is not None and not len(labels)):
        raise DataError(f"`labels` must be a list of label names. {received(labels=labels)}")
    if num_classes is None:
        num_classes = None if labels is None else len(labels)
    if type(num_classes) is not int or not 1 <= num_classes <= MAX_CLASSES:
        raise DataError(
            "Pass `labels=[...]`, or `num_classes=` as an integer of at least 1. "
            f"{received(num_classes=num_classes)}"
        )
    if labels is not None:
        try:
            check_labels(list(labels), "TextClassifier", "labels", num_classes)
        except PresetFormatError as error:
            raise DataError(str(error)) from None
    return num_classes


def check_arguments(
    num_classes: int, activation: str | None, problem_type: str | None, pooling: str
) -> str:
    """Checks what a head is told; returns the activation's name."""
    activation = activation or "linear"
    if activation not in ACTIVATIONS:
        raise DataError(
            f"`activation` must be one of {', '.join(ACTIVATIONS)}. "
            f"{received(activation=activation)}"
        )
    if problem_type is not None and problem_type not in PROBLEM_TYPES:
        raise DataError(
            f"`problem_type` must be one of {', '.join(PROBLEM_TYPES)}. "
            f"{received(problem_type=problem_type)}"
        )
    if pooling not in POOLINGS:
        raise DataError(
            f"`pooling` must be one of {', '.join(POOLINGS)}. {received(pooling=pooling)}"
        )
    if num_classes == 1 and problem_type == PROBLEM_TYPES[0]:
        raise DataError(
            "A single-label problem needs at least two classes. Received: num_classes=1"
        )
    return activation


def check_parts(backbone: Any, preprocessor: TextClassifierPreprocessor | None) -> None:
    """Refuses a preprocessor that yields what the backbone has no embedding for."""
    limits = getattr(backbone, "config", {})
    if preprocessor is None or not limits:
        return
    if preprocessor.sequence_length > limits["max_sequence_length"]:
        raise DataError(
            f"`sequence_length` must be at most {limits['max_sequence_length']}, the number of "
            f"positions of the backbone. {received(sequence_length=preprocessor.sequence_length)}"
        )
    tokens = preprocessor.tokenizer.vocabulary_size()
    if tokens > limits["vocabulary_size"]:
        raise DataError(
            f"The tokenizer has {tokens} tokens, the backbone's embedding only "
            f"{limits['vocabulary_size']} rows."
        )
    options = getattr(preprocessor.tokenizer, "options", {})
    if options.get("unknown_beginnings") and not limits.get("part_buckets"):
        raise DataError(f"{_BEGINNINGS} Received: part_buckets=0")


def check_vocabulary(data: presets.PresetData, preset: Any) -> None:
    """Refuses a preset whose vocabulary outgrows its embedding, before it is built."""
    if data.tokenizer is None:
        return
    tokens, rows = data.tokenizer.ids, data.backbone.get("vocabulary_size")
    if tokens and tokens > rows:
        raise PresetFormatError(
            f"The vocabulary of the preset has {tokens} tokens, its embedding only {rows} rows. "
            f"{received(preset=preset)}"
        )
    if data.tokenizer.options.get("unknown_beginnings") and not data.backbone.get("part_buckets"):
        raise PresetFormatError(f"{_BEGINNINGS} {received(preset=preset, part_buckets=0)}")
