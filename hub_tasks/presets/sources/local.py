"""Presets in a directory of this machine."""

import os

from hub_tasks.errors import PresetNotFoundError, received
from hub_tasks.presets.files import PresetFiles


def fetch(path: str) -> PresetFiles:
    """The files of a directory; `~` is expanded."""
    directory = os.path.expanduser(path)
    if not os.path.isdir(directory):
        raise PresetNotFoundError(f"A preset is a directory. {received(preset=path)}")
    return PresetFiles(directory, path)
