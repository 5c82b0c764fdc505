"""Presets on Kaggle: `kaggle://org/model/keras/variant` and `.../variant/version`."""

import re

from hub_tasks.errors import PresetNotFoundError, received
from hub_tasks.presets.files import PresetFiles

_HANDLE = re.compile(r"kaggle://(?P<model>[\w-]+/[\w-]+/[\w-]+/[\w.-]+)(/(?P<version>\d{1,6}))?")


def fetch(handle: str) -> PresetFiles:
    """Fetches a model version; credentials and the cache are those of `kagglehub`."""
    match = _HANDLE.fullmatch(handle)
    if not match or ".." in handle:
        raise PresetNotFoundError(
            f"A Kaggle handle is 'kaggle://org/model/keras/variant' or "
            f"'kaggle://org/model/keras/variant/version'. {received(preset=handle)}"
        )
    import kagglehub
    import requests
    from kagglehub.exceptions import KaggleApiHTTPError

    try:
        directory = kagglehub.model_download(handle.removeprefix("kaggle://"))
    except (KaggleApiHTTPError, requests.RequestException, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PresetNotFoundError(f"{handle} could not be fetched: {reason}") from error
    return PresetFiles(directory, handle, match["version"])
