"""Writing a preset so that the target holds the old one or the new one, never a mixture.

All bytes are made before anything is written. They go into a staging directory beside
the target, the manifest last, each file flushed to the disk; then one rename puts the
directory in place.
"""

import contextlib
import ctypes
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from hub_tasks.errors import PresetSaveError, received
from hub_tasks.presets import files as names
from hub_tasks.presets.data import PresetData
from hub_tasks.presets.formats import keras_writing, transformers_writing
from hub_tasks.presets.manifest import SCHEMA_VERSION, digest
from hub_tasks.presets.vocabulary import vocabulary_problem

WEIGHTS_FORMATS = ("h5", "safetensors")
_STAGING = ".hub_tasks-staging-"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def save(
    directory: str | os.PathLike[str], data: PresetData, version: str, weights_format: str = "h5"
) -> None:
    """Writes a preset.

    Args:
        directory: the target; may exist when it is empty or holds a preset.
        data: what to write, weights as `{variable: array}`.
        version: of hub_tasks.
        weights_format: "h5", which KerasHub reads too, or "safetensors".

    Raises:
        PresetSaveError: weights that are not finite, a target that holds anything else,
            or an error of the file system. The target is then as it was.
    """
    if weights_format not in WEIGHTS_FORMATS:
        raise PresetSaveError(
            f"`weights_format` must be one of {', '.join(WEIGHTS_FORMATS)}. "
            f"{received(weights_format=weights_format)}"
        )
    _check_finite(data.weights)
    _check_finite(data.head.weights if data.head else None)
    problem = vocabulary_problem(data.tokenizer.vocabulary) if data.tokenizer else None
    if problem:
        raise PresetSaveError(f"Not saved: the vocabulary {problem}.")
    contents = {**data.files, **keras_writing.write(data, weights_format, version)}
    contents[names.MANIFEST] = _manifest(data, version, contents)
    _write(directory, contents)


def save_to_transformers(
    directory: str | os.PathLike[str], data: PresetData, tokenizer: str | None
) -> None:
    """Writes a `transformers` checkpoint with the same promises as `save`.

    Args:
        directory, data: as in `save`.
        tokenizer: the contents of `tokenizer.json`, as the Rust library writes it.
    """
    _check_finite(data.weights)
    _check_finite(data.head.weights if data.head else None)
    _write(directory, transformers_writing.write(data, tokenizer))


def _write(directory: str | os.PathLike[str], contents: dict[str, bytes]) -> None:
    """Puts files in place in one step; see `save`."""
    target = _absolute(directory)
    try:
        _check_target(target)
        readme = target / names.README
        if readme.is_file():  # written by people; it stays
            contents[names.README] = readme.read_bytes()
        target.parent.mkdir(parents=True, exist_ok=True)
        with _staging(target.parent) as staging:
            for name, content in contents.items():
                _write_file(staging / name, content)
            for folder in sorted({path.parent for path in staging.rglob("*")} | {staging}):
                _sync_directory(folder)
            _put_in_place(staging, target)
    except OSError as error:
        raise PresetSaveError(
            f"The preset could not be written to {str(target)!r}: {error.strerror or error}. "
            f"What stood there is unchanged."
        ) from error


def _check_finite(weights: object) -> None:
    for name, value in (weights or {}).items():  # type: ignore[attr-defined]
        if not np.isfinite(value).all():
            raise PresetSaveError(f"Not saved: the weight {name} holds NaN or infinity.")


def _absolute(directory: str | os.PathLike[str]) -> Path:
    name = os.fspath(directory)
    if not isinstance(name, str) or not name or "\0" in name:
        raise PresetSaveError(f"The target must be a directory name. {received(directory=name)}")
    return Path(os.path.abspath(os.path.expanduser(name)))


def _check_target(target: Path) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise PresetSaveError(
            f"The target must be a directory or not exist. {received(directory=str(target))}"
        )
    if target.is_dir():
        foreign = [entry.name for entry in target.iterdir() if not _belongs(entry)]
        is_preset = (target / names.CONFIG).exists() or (target / names.TOKENIZER).exists()
        if foreign or (any(target.iterdir()) and not is_preset):
            raise PresetSaveError(
                f"The target holds files that belong to no preset; choose another directory or "
                f"remove them. {received(directory=str(target), files=foreign)}"
            )
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


@contextlib.contextmanager
def _staging(parent: Path) -> Iterator[Path]:
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=parent))
    try:
        os.chmod(staging, 0o777 & ~_umask())
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(staging: Path, target: Path) -> None:
    if not target.exists():
        os.rename(staging, target)
    elif not _exchange(staging, target):
        old = staging.with_name(staging.name + "-old")
        os.rename(target, old)
        try:
            os.rename(staging, target)
        except OSError:
            os.rename(old, target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    _sync_directory(target.parent)


def _exchange(staging: Path, target: Path) -> bool:
    """Swaps two directories in one step where the system can (Linux's renameat2)."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    paths = os.fsencode(staging), os.fsencode(target)
    return rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0
