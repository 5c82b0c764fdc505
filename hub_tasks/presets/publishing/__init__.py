"""Publishing: what a preset is, whether it is sound, its card, and the way to a hub."""

from hub_tasks.presets.publishing.description import Description, describe
from hub_tasks.presets.publishing.model_card import write_model_card
from hub_tasks.presets.publishing.upload import files_to_upload, upload_preset

__all__ = ["Description", "describe", "files_to_upload", "upload_preset", "write_model_card"]
