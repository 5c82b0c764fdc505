"""Presets on Kaggle: `kaggle://org/model/keras/variant` and `.../variant/version`."""

import re

from hub_tasks.errors import PresetNotFoundError, received
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.sources._failures import reason

HANDLE = re.compile(r"kaggle://(?P<model>[\w-]+/[\w-]+/[\w-]+/[\w.-]+)(/(?P<version>\d{1,6}))?")


def failures() -> tuple[type[Exception], ...]:
    """What the client raises: its own errors, its transport's, and for names it refuses."""
    from kagglehub import exceptions as own

    return (
        own.BackendError,
        own.CredentialError,
        own.DataCorruptionError,
        own.NotFoundError,
        own.UnauthenticatedError,
        OSError,
        ValueError,
    )


def fetch(handle: str) -> PresetFiles:
    """Fetches a model version; credentials and the cache are those of `kagglehub`."""
    match = HANDLE.fullmatch(handle)
    if not match or ".." in handle:
        raise PresetNotFoundError(
            f"A Kaggle handle is 'kaggle://org/model/keras/variant' or "
            f"'kaggle://org/model/keras/variant/version'. {received(preset=handle)}"
        )
    import kagglehub

    try:
        directory = kagglehub.model_download(handle.removeprefix("kaggle://"))
    except failures() as error:
        raise PresetNotFoundError(f"{handle} could not be fetched: {reason(error)}") from error
    return PresetFiles(directory, handle, match["version"])
