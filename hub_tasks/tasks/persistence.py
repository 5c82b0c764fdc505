"""A text classifier <-> presets: its neutral data, and what a saved head says of it."""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub_tasks import presets
from hub_tasks.backbones import copy_weights, outputs_for_some_tokens, values, widened
from hub_tasks.errors import PresetFormatError, PresetSaveError, received
from hub_tasks.tasks.arguments import count_classes
from hub_tasks.version import __version__

if TYPE_CHECKING:
    from hub_tasks.tasks.text_classifier import TextClassifier


class BuiltInPresets:
    """A class attribute that is worked out for each class: name -> record."""

    def __get__(self, clf: Any, cls: "type[TextClassifier]") -> "dict[str, presets.PresetRecord]":
        return {
            name: record
            for name, record in presets.CATALOGUE.items()
            if cls.family is None or record.family == cls.family.name
        }


def named_classes(
    labels: Sequence[str] | None, num_classes: int | None, problem_type: str | None
) -> dict[str, Any]:
    """What the caller says of the classes: constructor arguments, only those that are given."""
    given = {"labels": labels, "problem_type": problem_type}
    if labels is not None or num_classes is not None:
        given["num_classes"] = count_classes(num_classes, labels)
    return {name: value for name, value in given.items() if value is not None}


def chooses_saved_head(
    data: presets.PresetData, named: dict[str, Any], load_weights: bool, wanted: bool | None
) -> bool:
    """Whether the preset's head is loaded, and not a fresh one made.

    Raises:
        PresetFormatError: neither is possible: no head is saved where one is wanted or no
            classes are named, or the one that is saved has other classes.
    """
    handle = data.source and data.source.handle
    fresh = "num_classes" in named if wanted is None else not wanted
    if data.head is None:
        if fresh and "num_classes" in named:
            return False
        raise PresetFormatError(
            f"The preset is an encoder without a classification head. Pass `labels=[...]` or "
            f"`num_classes=` to begin with a fresh head. {received(preset=handle)}"
        )
    if load_weights and not fresh:
        _check_classes(data)
    count, saved = named.get("num_classes", data.head.num_classes), data.head.num_classes
    if not fresh and count != saved:
        raise PresetFormatError(
            f"The head of preset {handle} has {saved} classes, so that its weights cannot be "
            f"loaded for {count}. Leave `load_task_weights` out to begin with a fresh head. "
            f"{received(num_classes=count, load_task_weights=wanted)}"
        )
    if fresh and load_weights and wanted is None:
        warnings.warn(
            f"The head is re-initialised: preset {handle} has one of {saved} classes, and a fresh "
            f"one of {count} takes its place. Fine-tune before you predict; to keep the saved "
            "head, pass neither `labels` nor `num_classes`, or `load_task_weights=True`.",
            stacklevel=3,
        )
    if not fresh and data.head.labels is None and "labels" not in named:
        warnings.warn(
            "A preset without hub_tasks.json is read as KerasHub reads it: its labels have no "
            "names, and are called LABEL_0, LABEL_1, ... here. Name them with `labels=[...], "
            "load_task_weights=True`.",
            stacklevel=3,
        )
    return not fresh


def _check_classes(data: presets.PresetData) -> None:
    """Refuses a head of other classes than its weights have, before anything is built."""
    where, shape = data.head.weights.stored_shape("logits/bias")
    if shape and shape != (data.head.num_classes,):
        raise PresetFormatError(
            f"Preset {data.source and data.source.handle} has a head of {data.head.num_classes} "
            f"classes by its configuration, and of {shape[-1]} by its weights, {where}."
        )


def head_arguments(
    data: presets.PresetData, named: dict[str, Any], is_saved: bool, others: dict[str, Any]
) -> dict[str, Any]:
    """Constructor arguments of the head, saved or fresh, where the caller may name others."""
    if not is_saved and "num_classes" in named:
        return {**others, **named}
    saved = {
        "num_classes": data.head.num_classes,
        "activation": data.head.activation,
        "dropout": data.head.dropout,
        "labels": data.head.labels,
        "problem_type": data.head.problem_type,
        "pooling": data.head.pooling,
    }
    return {**saved, **others, **named}


def to_data(clf: "TextClassifier") -> presets.PresetData:
    """The whole classifier, with its weights at one moment."""
    encoder, head_variables = clf.backbone.named_weights(), clf.head_variables()
    named = {("encoder", name): variable for name, variable in encoder.items()}
    named |= {("head", variable.path): variable for variable in head_variables}
    weights = values(named)
    head = presets.HeadData(
        num_classes=clf.num_classes,
        activation=clf.activation,
        dropout=clf.dropout,
        labels=clf.labels,
        problem_type=clf.problem_type,
        weights={v.path: weights["head", v.path] for v in head_variables},
        pooling=clf.pooling,
    )
    data = clf.backbone.to_data({name: weights["encoder", name] for name in encoder})
    if clf.preprocessor is None:
        return replace(data, head=head)
    parts = clf.preprocessor.to_data()
    return replace(
        data,
        tokenizer=parts.tokenizer,
        preprocessor=parts.preprocessor,
        head=head,
        files={**data.files, **parts.files},
    )


def verification(
    clf: "TextClassifier",
    cls: "type[TextClassifier]",
    verify: bool | str | Sequence[str],
    weights_format: str = "h5",
) -> Callable[[Path], None] | None:
    """A check for `presets.save`: what was written classifies as `clf` does.

    Args:
        clf: what is saved.
        cls: what reads it.
        verify: whether to check at all, or the texts to do it with.
        weights_format: in which the weights are written.
    """
    texts = presets.texts_to_verify(verify)
    if not texts:
        return None
    arguments: dict[str, Any] = {"dtype": clf.backbone.dtype_policy}
    arguments |= {} if clf.preprocessor else {"preprocessor": None}

    def outputs(model: "TextClassifier") -> dict[str, Any]:
        stated = {"labels": model.labels, "problem type": model.problem_type}
        if model.preprocessor is None:
            return {**stated, **outputs_for_some_tokens(model)}
        return {**stated, "outputs": widened(model(model.preprocessor(texts), training=False))}

    load = partial(cls.from_preset, **arguments)
    return presets.comparison(clf, load, outputs, weights_format, copy_weights)


def save(
    clf: "TextClassifier",
    preset_dir: str | os.PathLike[str],
    weights_format: str,
    verify: bool | str | Sequence[str],
) -> None:
    """Writes a preset; see `TextClassifier.save_to_preset`."""
    if clf.backbone.family is None:
        raise PresetSaveError(
            "Only a classifier whose backbone is of a known family, or KerasHub's, can be saved as "
            f"a preset. {received(backbone=type(clf.backbone).__name__)}"
        )
    check = verification(clf, type(clf), verify, weights_format)
    presets.save(preset_dir, to_data(clf), __version__, weights_format, check)
    beyond = [
        f"{field.name}={clf.backbone.config[field.name]!r} (KerasHub: {field.default!r})"
        for field in clf.backbone.family.config
        if field.keras is None and clf.backbone.config[field.name] != field.default
    ]
    if clf.pooling != "family":
        beyond.append(f"pooling={clf.pooling!r}")
    readable = weights_format == "h5" and "TextClassifier" in clf.backbone.family.keras_hub
    if beyond and readable:
        warnings.warn(
            "Saved. hub_tasks loads this preset with equal outputs; KerasHub loads it too, but "
            f"cannot be told of {', '.join(beyond)}, so its outputs differ slightly.",
            stacklevel=3,
        )


def get_config(clf: "TextClassifier") -> dict[str, Any]:
    """The constructor's arguments as plain data, for Keras's own `.keras` files."""
    return {
        **({} if clf.family else {"family": clf.backbone.family.name}),
        "backbone": clf.backbone.get_config(),
        "preprocessor": clf.preprocessor and clf.preprocessor.get_config(),
        "num_classes": clf.num_classes,
        "activation": clf.activation,
        "dropout": clf.dropout,
        "labels": list(clf.labels),
        "problem_type": clf.problem_type,
        "pooling": clf.pooling,
        "name": clf.name,
    }
