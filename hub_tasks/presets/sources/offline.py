"""Whether hubs may be asked, or only what is on this machine is read."""

import os
import sys

_TRUE = {"1", "ON", "YES", "TRUE"}  # as the Hugging Face client reads its variables
_offline = False


def set_offline(offline: bool = True) -> None:
    """Forbids, or allows again, that loading a preset asks a hub.

    While it is forbidden, `hf://` and `kaggle://` handles are read from the caches of this
    machine, no connection is opened, and an error names what is missing. The environment
    variable `HF_HUB_OFFLINE=1` and `from_preset(..., local_files_only=True)` do the same.

    Args:
        offline: False to allow it again.

    Example:

    >>> import hub_tasks
    >>> hub_tasks.set_offline()
    >>> hub_tasks.set_offline(False)
    """
    global _offline
    _offline = bool(offline)


def is_offline(local_files_only: bool = False) -> bool:
    """Whether hubs must not be asked."""
    client = sys.modules.get("huggingface_hub.constants")
    return (
        local_files_only
        or _offline
        or os.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE
        or bool(getattr(client, "HF_HUB_OFFLINE", False))
    )
