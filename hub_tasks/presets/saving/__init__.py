"""Saving: the old preset or the new one, never a mixture."""

from hub_tasks.presets.saving.verifying import comparison, texts_to_verify
from hub_tasks.presets.saving.writing import (
    check_target,
    save,
    save_to_transformers,
    write_files,
)

__all__ = [
    "check_target",
    "comparison",
    "save",
    "save_to_transformers",
    "texts_to_verify",
    "write_files",
]
