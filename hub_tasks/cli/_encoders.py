"""The small encoders, whose classes bring along what is known of them."""

import importlib

from hub_tasks.errors import HubTasksError
from hub_tasks.families import FAMILIES
from hub_tasks.presets import files as names
from hub_tasks.presets.sources import resolve
from hub_tasks.presets.strict_json import read_json


def import_encoders(handle: str) -> None:
    """Imports the classes, and with them Keras, where a preset names one that needs it.

    Args:
        handle: of the preset; what is wrong with it is for its reader to say.
    """
    files = resolve(handle)
    for name in files.present((names.CONFIG, names.TOKENIZER)):
        try:
            registered = str(read_json(files, name).get("registered_name"))
        except HubTasksError:
            continue
        package, _, written = registered.partition(">")
        if package == "hub_tasks" and not written.startswith(_PREFIXES):
            importlib.import_module("hub_tasks.names")


_PREFIXES = tuple(family.prefix for family in FAMILIES.values())
