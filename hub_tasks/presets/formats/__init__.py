"""The directory formats, told apart by content and never by file name."""

import warnings

from hub_tasks.errors import PresetFormatError, PresetNotFoundError, received
from hub_tasks.families import KERAS_HUB
from hub_tasks.presets import files as names
from hub_tasks.presets.data import PresetData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats import keras_hub, keras_reading, transformers
from hub_tasks.presets.formats.keras_objects import find_family
from hub_tasks.presets.formats.manifest import read_manifest
from hub_tasks.presets.formats.vocabulary import loss_of_tokens
from hub_tasks.presets.strict_json import read_json


def read_files(files: PresetFiles) -> PresetData:
    """Reads a preset in whichever known format it is.

    Raises:
        PresetNotFoundError: the directory holds no preset.
        PresetFormatError: its configuration is of no known format.
    """
    manifest = read_manifest(files) or {}  # first: a file that differs is not worth parsing
    for name in (names.CONFIG, names.PREPROCESSOR, names.TOKENIZER):
        if not files.exists(name):
            continue
        limit = names.VOCABULARY_LIMIT if name == names.TOKENIZER else names.JSON_LIMIT
        document = read_json(files, name, limit)
        if "registered_name" in document or "class_name" in document:
            family = find_family(document, f"{name} of preset {files}")
            if KERAS_HUB.name in (family.name, manifest.get("family")):
                return keras_hub.read(files, manifest)
            data = keras_reading.read(files, family, name, manifest)
            problem = None if manifest else loss_of_tokens(data, files)
            if problem:
                raise PresetFormatError(problem)
            return data
        if "model_type" in document:
            data = transformers.read(files)
            problem = loss_of_tokens(data, files)
            if problem:  # checkpoints may have spare rows for tokens to come
                warnings.warn(problem, stacklevel=2)
            return data
        raise PresetFormatError(
            f"{name} of preset {files} has neither `registered_name` (a KerasHub or hub_tasks "
            f"preset) nor `model_type` (a transformers checkpoint). {received(keys=list(document))}"
        )
    raise PresetNotFoundError(
        f"{files} is no preset: it has no {names.CONFIG}. A preset is a directory written by "
        f"`save_to_preset` (hub_tasks or KerasHub) or by `save_pretrained` (transformers)."
    )
