"""Presets on Kaggle: `kaggle://org/model/keras/variant` and `.../variant/version`.

Files are asked for one by one, under constant names. Downloads of a whole model follow the
names that the server lists, or unpack an archive of it; neither happens here.
"""

import json
import re
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from hub_tasks.errors import PresetNotFoundError, received
from hub_tasks.presets.files import CONFIG, JSON_LIMIT, KNOWN, TOKENIZER, PresetFiles
from hub_tasks.presets.sources._failures import (
    TRANSIENT,
    Failure,
    Terms,
    explain,
    retried,
    scrub,
    status_of,
)

SCHEME = "kaggle://"
HANDLE = re.compile(r"kaggle://(?P<model>[\w-]+/[\w-]+/[\w-]+/[\w.-]+)(/(?P<version>\d{1,6}))?")
_WORKERS = 8
_FIRST = (CONFIG, TOKENIZER)  # every preset has one of them
_RECORD = ".hub_tasks"
_TERMS = Terms(
    hub="Kaggle",
    login="`kagglehub.login()`, or set KAGGLE_USERNAME and KAGGLE_KEY",
    gate="https://www.kaggle.com/models/{place}",
    settings="proxies",
)


def failures() -> tuple[type[Exception], ...]:
    """What the client raises: its own errors, its transport's, for names and archives."""
    from kagglehub import exceptions as own

    return (
        own.BackendError,
        own.CredentialError,
        own.DataCorruptionError,
        own.NotFoundError,
        own.UnauthenticatedError,
        BadZipFile,
        KeyError,
        OSError,
        ValueError,
    )


def parse(handle: str) -> tuple[str, str | None]:
    """Model and version of a handle."""
    match = HANDLE.fullmatch(handle)
    if not match or ".." in handle:
        raise PresetNotFoundError(
            f"A Kaggle handle is 'kaggle://org/model/keras/variant' or "
            f"'kaggle://org/model/keras/variant/version'. {received(preset=scrub(handle))}"
        )
    return match["model"], match["version"]


def is_pinned(version: str) -> bool:
    """Whether a version can never mean anything else."""
    return True


def fetch(
    handle: str,
    model: str,
    version: str | None = None,
    offline: bool = False,
    names: Sequence[str] = KNOWN,
) -> PresetFiles:
    """Fetches the files of a preset, all of the one version that is the newest now or named.

    Credentials, proxies, the cache and progress bars are those of `kagglehub`.

    Args:
        handle: for messages.
        model, version: as `parse` gives them.
        offline: read the cache alone.
        names: the files to fetch, as far as the version has them.
    """
    if offline or (version and _cached(model, version, names)):
        return _open(handle, model, offline, _from_cache(handle, model, version, names))
    try:
        return _open(handle, model, offline, _download(handle, model, version, names))
    except failures() as error:
        if isinstance(error, PresetNotFoundError):
            raise
        failure = _explain(error, model, version)
    # Outside of the handler: the client's errors carry requests, and these the credentials.
    if failure.kind in TRANSIENT and _newest_cached(model, version, names):
        directory = _from_cache(handle, model, version, names)
        warnings.warn(
            f"{handle} is read from the cache, at version {directory.name}: {failure.text}.",
            stacklevel=6,
        )
        return _open(handle, model, offline, directory)
    raise PresetNotFoundError(f"{handle} could not be fetched: {failure.text}.")


def _open(handle: str, model: str, offline: bool, directory: Path) -> PresetFiles:
    version = directory.name if directory.name.isdigit() else None

    def refetch(name: str) -> PresetFiles:
        problem = None
        try:
            _get(f"{model}/{version}", name, force=True)
        except failures() as error:
            problem = _explain(error, model, version).text
        if problem:
            raise PresetNotFoundError(f"{name} of {handle} could not be fetched anew: {problem}.")
        return _open(handle, model, offline, directory)

    return PresetFiles(
        directory, handle, version, None, refetch if version and not offline else None
    )


def _download(handle: str, model: str, version: str | None, names: Sequence[str]) -> Path:
    """The directory of a version's files, those that are not in the cache fetched into it."""
    at = f"{model}/{version}" if version else model
    for name in _FIRST:
        found = retried(partial(_get, at, name), failures())
        if found:
            break
    else:
        raise PresetNotFoundError(f"{handle} could not be fetched: {_why_nothing(model, version)}.")
    directory = found.parent
    if directory.name.isdigit():
        at = f"{model}/{directory.name}"

    def get(name: str) -> Path | None:
        return retried(partial(_get, at, name), failures())

    with ThreadPoolExecutor(_WORKERS) as pool:
        paths = dict(zip(names, pool.map(get, names), strict=True))
    if {path.parents[name.count("/")] for name, path in paths.items() if path} != {directory}:
        raise PresetNotFoundError(
            f"{handle} could not be fetched: the client keeps its files in several places."
        )
    _note(directory, [name for name, path in paths.items() if not path])
    return directory


def _get(at: str, name: str, force: bool = False) -> Path | None:
    """The path of a file in the cache, None where there is no such file.

    Args:
        at: model, or model and version.
        name: of the file.
        force: fetch it anew.
    """
    import kagglehub

    try:
        return Path(kagglehub.model_download(at, path=name, force_download=force))
    except failures() as error:
        absent = status_of(error) == 404 and not _no_model(error)
        if absent or "is not present in the model files" in str(error):  # in a notebook
            return None
        raise


def _no_model(error: BaseException) -> bool:
    """Whether the request for the newest version failed, so that it is not about a file."""
    address = str(getattr(getattr(error, "response", None), "url", ""))
    return address.endswith(("GetModelInstance", "/get"))


def _why_nothing(model: str, version: str | None) -> str:
    """What is wrong where neither of the files is there that every preset has."""
    newest = None
    if version:
        try:
            found = [_get(model, name) for name in _FIRST]
            newest = next((path.parent.name for path in found if path), "")
        except failures() as error:
            return _explain(error, model, version).text
    if newest and newest != version:
        return f"{model!r} has no preset of version {version} (404); the newest is {newest}"
    return f"there is no preset; {model!r} has neither {CONFIG} nor {TOKENIZER} (404)"


def _explain(error: BaseException, model: str, version: str | None) -> Failure:
    from kagglehub.config import get_kaggle_credentials

    try:
        stated = get_kaggle_credentials() is not None
    except (OSError, ValueError):
        stated = False
    return explain(error, _TERMS, model, version, stated)


def _note(directory: Path, absent: Sequence[str]) -> None:
    """Notes beside the client's own marks which files there are not.

    Only when all others are there: what a broken download leaves must not be found.
    """
    record = _record(directory)
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps(sorted(absent)))
    except OSError:
        pass  # where Kaggle mounts models, nothing can be written


def _record(directory: Path) -> Path:
    return directory.parent / ".complete" / directory.name / _RECORD


def _cached(model: str, version: str, names: Sequence[str]) -> Path | None:
    """The directory of a version's files in the cache, if all are there."""
    directory = _folder(model) / version
    record, whole = _record(directory), directory.with_name(f"{version}.complete")
    if whole.exists():
        return directory if any((directory / name).exists() for name in _FIRST) else None
    try:
        absent: Any = json.loads(record.read_bytes()[:JSON_LIMIT])
    except (OSError, ValueError):
        return None
    known = isinstance(absent, list)
    there = known and all((directory / name).exists() for name in names if name not in absent)
    return directory if there else None


def _newest_cached(model: str, version: str | None, names: Sequence[str]) -> Path | None:
    """The directory of the newest version in the cache, or of the one that is named."""
    folder = _folder(model)
    versions = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    numbers = sorted((int(name) for name in versions if name.isdecimal()), reverse=True)
    asked = [version] if version else [str(number) for number in numbers]
    return next((found for one in asked if (found := _cached(model, one, names))), None)


def _folder(model: str) -> Path:
    from kagglehub.config import get_cache_folder

    return Path(get_cache_folder(), "models", *model.split("/"))


def _from_cache(handle: str, model: str, version: str | None, names: Sequence[str]) -> Path:
    found = _newest_cached(model, version, names)
    if found:
        return found
    folder = _folder(model)
    partly = [name for name in names if version and (folder / version / name).exists()]
    missing = ", ".join(name for name in names if name not in partly)
    raise PresetNotFoundError(
        f"{handle} is not in the cache {str(folder)!r}, and no hub may be asked or none answers: "
        f"it holds no complete {f'version {version}' if version else 'version'} (missing: "
        f"{missing}). Load it once with a network, or bring it along with "
        f"`hub-tasks fetch {handle} --into DIR`."
    )
