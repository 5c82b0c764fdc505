"""Presets in a directory of this machine."""

from pathlib import Path

from hub_tasks.errors import PresetNotFoundError, received
from hub_tasks.presets.files import PresetFiles


def fetch(path: str) -> PresetFiles:
    """The files of a directory; `~` is expanded."""
    directory = Path(path).expanduser()
    if not directory.is_dir():
        raise PresetNotFoundError(f"A preset is a directory. {received(preset=path)}")
    return PresetFiles(directory, path)
