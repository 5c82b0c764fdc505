"""Presets on the Hugging Face Hub: `hf://org/model` and `hf://org/model@revision`."""

import re

from hub_tasks.errors import PresetNotFoundError, received
from hub_tasks.presets.files import KNOWN, PresetFiles
from hub_tasks.presets.sources._failures import reason

HANDLE = re.compile(
    r"hf://(?P<repo>[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?)(@(?P<revision>[\w./-]{1,200}))?"
)


def failures() -> tuple[type[Exception], ...]:
    """What the client raises: its own errors, its transport's, and for names it refuses."""
    from huggingface_hub.errors import HfHubHTTPError

    return (*HfHubHTTPError.__bases__, OSError, ValueError)  # type: ignore[return-value]


def fetch(handle: str) -> PresetFiles:
    """Fetches the files of a preset, all at the one commit that the revision names now.

    Tokens, endpoints, proxies, caches and progress bars are those of `huggingface_hub`.
    """
    match = HANDLE.fullmatch(handle)
    if not match or ".." in handle:
        raise PresetNotFoundError(
            f"A Hugging Face handle is 'hf://org/model' or 'hf://org/model@revision'. "
            f"{received(preset=handle)}"
        )
    from huggingface_hub import snapshot_download

    try:
        directory = snapshot_download(
            match["repo"], revision=match["revision"], allow_patterns=list(KNOWN)
        )
    except failures() as error:
        raise PresetNotFoundError(f"{handle} could not be fetched: {reason(error)}") from error
    commit = re.search(r"[/\\]snapshots[/\\]([0-9a-f]{40})$", directory.rstrip("/\\"))
    return PresetFiles(directory, handle, commit[1] if commit else match["revision"])
