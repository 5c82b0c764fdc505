"""Writing a preset so that the target holds the old one or the new one, never a mixture.

All bytes are made and checked before anything is written. Under a lock beside the target
they go into a staging directory, the manifest last, which is read as loading reads it
before it takes the target's place; see `placing`.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hub_tasks.errors import PresetError, PresetFormatError, PresetSaveError, received
from hub_tasks.families import KERAS_HUB, Tensor
from hub_tasks.presets import files as names
from hub_tasks.presets.data import PresetData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats import keras_writing, read_files, transformers_writing
from hub_tasks.presets.formats.manifest import SCHEMA_VERSION, digest
from hub_tasks.presets.formats.vocabulary import vocabulary_problem
from hub_tasks.presets.narrow import NARROW, widened
from hub_tasks.presets.saving.locking import locked
from hub_tasks.presets.saving.placing import beside, make_directory, place, remove_leftovers
from hub_tasks.presets.schema import check_labels, is_text
from hub_tasks.presets.weights import Weights, model_tensors

WEIGHTS_FORMATS = ("h5", "safetensors", *NARROW)
Check = Callable[[Path], None]


def save(
    directory: str | os.PathLike[str],
    data: PresetData,
    version: str,
    weights_format: str = "h5",
    check: Check | None = None,
) -> None:
    """Writes a preset.

    Args:
        directory: the target; may exist when it is empty or holds a preset of ours.
        data: what to write, weights as `{variable: array}`.
        version: of hub_tasks.
        weights_format: "h5", which KerasHub reads too, "safetensors", "float16" or "int8".
        check: looks at the written preset before it takes the target's place, and raises
            where it must not. Every weight is then compared as well.

    Raises:
        PresetSaveError: weights that are missing or not finite, labels that do not fit, a
            target that holds anything else or that another process writes, or an error of
            the file system. The target is then as it was.
    """
    if weights_format not in WEIGHTS_FORMATS:
        raise PresetSaveError(
            f"`weights_format` must be one of {', '.join(WEIGHTS_FORMATS)}. "
            f"{received(weights_format=weights_format)}"
        )
    if data.family.name == KERAS_HUB.name and weights_format in NARROW:
        raise PresetSaveError(
            "KerasHub writes the weights of this encoder itself, as they are. Leave "
            f"`weights_format` out. {received(weights_format=weights_format)}"
        )
    _check_data(data, weights_format)
    contents = {**data.files, **keras_writing.write(data, weights_format, version)}
    contents[names.MANIFEST] = _manifest(data, version, contents)
    write_files(directory, contents, check and _with_weights(check, data, weights_format))


def check_target(directory: str | os.PathLike[str]) -> None:
    """Refuses what `save` would refuse of a target, before the work that is to be saved.

    Raises:
        PresetSaveError: it holds anything but a preset of ours, or cannot be written.
    """
    target = _absolute(directory)
    try:
        _check_target(target, (names.MANIFEST,))
        nearest = next(path for path in target.parents if path.exists())
    except OSError as error:
        raise PresetSaveError(
            f"{str(directory)!r} cannot be looked at: {error.strerror}."
        ) from None
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise PresetSaveError(
            f"The target cannot be made: {str(nearest)!r} is no directory that can be written. "
            f"{received(directory=str(directory))}"
        )


def save_to_transformers(
    directory: str | os.PathLike[str],
    data: PresetData,
    tokenizer: str | None,
    check: Check | None = None,
) -> None:
    """Writes a `transformers` checkpoint with the same promises as `save`.

    Args:
        directory, data, check: as in `save`; a checkpoint may be replaced as well.
        tokenizer: the contents of `tokenizer.json`, as the Rust library writes it.
    """
    _check_data(data, "safetensors")
    contents = transformers_writing.write(data, tokenizer)
    write_files(directory, contents, check, replaceable=(names.MANIFEST, names.HF_SAFETENSORS))


def write_files(
    directory: str | os.PathLike[str],
    contents: Mapping[str, bytes],
    check: Check | None = None,
    replaceable: tuple[str, ...] = (names.MANIFEST,),
) -> None:
    """Puts files in place in one step; see `save`.

    Args:
        replaceable: names of which one shows that a directory may be replaced.
    """
    try:
        target = _absolute(directory)
        make_directory(target.parent)
        with locked(beside(target, "hub_tasks-lock")) as alone:
            if alone:
                remove_leftovers(target)
            _check_target(target, replaceable)
            readme = target / names.README
            if readme.is_file():  # written by people; it stays
                contents = {names.README: readme.read_bytes(), **contents}
            place(target, contents, lambda staging: _check_written(staging, target, check))
    except OSError as error:
        raise PresetSaveError(
            f"The preset could not be written to {str(directory)!r}: "
            f"{error.strerror or error}. What stood there is unchanged."
        ) from error


def _check_data(data: PresetData, weights_format: str) -> None:
    """Refuses what would be written and not be read again."""
    head = data.head
    if data.backbone is not None or data.weights is not None:
        _check_weights(data, data.weights, weights_format)
    if head is not None:
        _check_weights(data, head.weights, weights_format, head.pooling)
    if head is not None and head.labels is not None:
        try:
            check_labels(head.labels, "the classifier", "labels", head.num_classes)
        except PresetFormatError as error:
            raise PresetSaveError(f"Not saved: {error}") from None
    problem = vocabulary_problem(data.tokenizer.vocabulary) if data.tokenizer else None
    if problem:
        raise PresetSaveError(f"Not saved: the vocabulary {problem}.")


def _tensors(data: PresetData, weights: Any, pooling: str | None) -> list[Tensor]:
    """The rules of a backbone, or of a head with its pooling."""
    is_head = pooling is not None
    return model_tensors(
        data.family, "keras", data.backbone, is_head, pooling or "family", weights or ()
    )


def _check_weights(
    data: PresetData, weights: Any, weights_format: str, pooling: str | None = None
) -> None:
    """All weights of a backbone, or of a head with its pooling."""
    missing = [t.ours for t in _tensors(data, weights, pooling) if t.ours not in (weights or {})]
    if missing:
        raise PresetSaveError(
            f"Not saved: the weight {missing[0]} is missing. A model has all its weights when it "
            f"is built: call it once, or `build` it."
        )
    for name, value in weights.items():
        if not np.isfinite(value).all():
            raise PresetSaveError(f"Not saved: the weight {name} holds NaN or infinity.")
        if weights_format in NARROW:
            widest = np.finfo(NARROW[weights_format]).max
            if np.abs(value).max() > widest:
                raise PresetSaveError(
                    f"Not saved: the weight {name} holds numbers beyond {widest:.6g}, the largest "
                    f"that this format stores. Choose 'safetensors'. "
                    f"{received(weights_format=weights_format)}"
                )


def _with_weights(check: Check, data: PresetData, weights_format: str) -> Check:
    """The check, and then whether every weight is what was to be stored, number by number."""

    def check_all(staging: Path) -> None:
        check(staging)
        _compare_weights(read_files(PresetFiles(staging, str(staging))), data, weights_format)

    return check_all


def _compare_weights(read: PresetData, data: PresetData, weights_format: str) -> None:
    heads = (read.head.weights, data.head.weights, data.head.pooling) if data.head else None
    for part, values, pooling in filter(None, [(read.weights, data.weights, None), heads]):
        if not isinstance(part, Weights):
            continue  # KerasHub reads them
        rules = {tensor.ours: tensor for tensor in _tensors(data, values, pooling)}
        for name, value in part.read({name: value.shape for name, value in values.items()}):
            expected = widened(weights_format, rules[name], values[name])
            if not np.array_equal(value, expected):
                raise PresetSaveError(
                    f"Not saved: the weight {name} of what was written differs from what was to "
                    f"be saved."
                )


def _check_written(staging: Path, target: Path, check: Check | None) -> None:
    """Reads the preset as loading does, digests included."""
    try:
        read_files(PresetFiles(staging, str(target)))
    except PresetSaveError:
        raise
    except PresetError as error:
        raise PresetSaveError(f"Not saved, since it could not be loaded: {error}") from error
    if check is not None:
        check(staging)


def _absolute(directory: str | os.PathLike[str]) -> Path:
    name = os.fspath(directory) if isinstance(directory, str | os.PathLike) else directory
    problem = not isinstance(name, str) or not name or "\0" in name or not is_text(name)
    path = None if problem else Path(os.path.abspath(os.path.expanduser(name)))
    if path is None or not path.name:
        raise PresetSaveError(
            f"The target must be the name of a directory, in Unicode. {received(directory=name)}"
        )
    return path


def _check_target(target: Path, replaceable: tuple[str, ...]) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise PresetSaveError(
            f"The target must be a directory or not exist. {received(directory=str(target))}"
        )
    if target.is_dir():
        foreign = [entry.name for entry in target.iterdir() if not _belongs(entry)]
        ours = any((target / name).exists() for name in replaceable)
        if foreign or (any(target.iterdir()) and not ours):
            raise PresetSaveError(
                f"The target holds something that hub_tasks did not save; choose another directory "
                f"or remove it. {received(directory=str(target), files=foreign)}"
            )
        if not os.access(target, os.W_OK):
            raise PresetSaveError(f"The target is read-only. {received(directory=str(target))}")
        if Path.cwd().is_relative_to(target.resolve()):
            raise PresetSaveError(
                "The target is replaced as a whole, so it cannot be the working directory or "
                f"hold it. {received(directory=str(target))}"
            )


def _belongs(entry: Path) -> bool:
    if entry.name == "assets":
        return {
            str(p.relative_to(entry.parent)) for p in entry.rglob("*") if not p.is_dir()
        } <= set(names.KNOWN)
    return entry.name in (*names.KNOWN, names.README)


def _manifest(data: PresetData, version: str, contents: Mapping[str, bytes]) -> bytes:
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "hub_tasks_version": version,
        "family": data.family.name,
        **keras_writing.extras(data),
        "labels": list(data.head.labels) if data.head and data.head.labels else None,
        "problem_type": data.head.problem_type if data.head else None,
        "files": {name: digest(content) for name, content in sorted(contents.items())},
    }
    return (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
