"""Where presets come from: a handle in one of four forms -> the files of a preset."""

import os
import re

from hub_tasks.errors import PresetNotFoundError, received
from hub_tasks.presets.catalogue import CATALOGUE
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.sources import hugging_face, kaggle, local
from hub_tasks.registry import close_matches

FORMS = (
    "a built-in name such as 'bert_tiny_en_sentiment'",
    "a directory such as './my_preset'",
    "'hf://org/model' or 'hf://org/model@revision'",
    "'kaggle://org/model/keras/variant' or 'kaggle://org/model/keras/variant/3'",
)
_MAX_HANDLE = 1_000
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def resolve(handle: str | os.PathLike[str]) -> PresetFiles:
    """Finds the files of a preset, fetching them from a hub where need be.

    Args:
        handle: a built-in name, a directory, an `hf://` or a `kaggle://` handle.

    Raises:
        PresetNotFoundError: the handle is of no accepted form, or names nothing.
    """
    if isinstance(handle, os.PathLike):
        return local.fetch(os.fspath(handle))
    if not isinstance(handle, str) or not handle or len(handle) > _MAX_HANDLE or "\0" in handle:
        raise _unknown(handle)
    if handle.startswith("hf://"):
        return hugging_face.fetch(handle)
    if handle.startswith("kaggle://"):
        return kaggle.fetch(handle)
    if _SCHEME.match(handle):
        raise _unknown(handle)
    if os.path.lexists(os.path.expanduser(handle)):
        return local.fetch(handle)
    if handle in CATALOGUE:
        record = CATALOGUE[handle]
        return (
            PresetFiles(record.directory, handle) if record.directory else resolve(record.address)
        )
    raise _unknown(handle)


def _unknown(handle: object) -> PresetNotFoundError:
    close = close_matches(handle, list(CATALOGUE)) if isinstance(handle, str) else ""
    forms = "\n  ".join(FORMS)
    return PresetNotFoundError(
        f"No preset has this handle.{close} Accepted:\n  {forms}\n{received(preset=handle)}"
    )
