"""Publishing a preset on a hub."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from hub_tasks.errors import PresetNotFoundError, PresetSaveError, received
from hub_tasks.presets.files import KNOWN, README, PresetFiles
from hub_tasks.presets.formats import read_files
from hub_tasks.presets.sources import hugging_face, kaggle, local
from hub_tasks.presets.sources._failures import reason


def upload_preset(handle: str, preset_dir: str | os.PathLike[str]) -> None:
    """Publishes a preset directory; only the files of a preset are sent.

    Args:
        handle: `"hf://org/model"` or `"kaggle://org/model/keras/variant"`.
        preset_dir: a directory written by `save_to_preset`.

    Raises:
        PresetError: the handle is of no accepted form, or the directory does not hold a
            preset that reads without an error; then nothing is sent.

    Example:

    ```python
    clf.save_to_preset("./my_preset")
    hub_tasks.upload_preset("hf://me/my_preset", "./my_preset")
    ```
    """
    files = local.fetch(os.fspath(preset_dir))
    read_files(files)
    if hugging_face.HANDLE.fullmatch(str(handle)) and "@" not in handle:
        _to_hugging_face(handle.removeprefix("hf://"), files)
    elif kaggle.HANDLE.fullmatch(str(handle)):
        _to_kaggle(handle.removeprefix("kaggle://"), files)
    else:
        raise PresetNotFoundError(
            "A preset is published to 'hf://org/model' or 'kaggle://org/model/keras/variant'. "
            f"{received(handle=handle)}"
        )


def _to_hugging_face(repository: str, files: PresetFiles) -> None:
    """All files in one commit."""
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi()
    names = _checked_names(files)
    operations = [CommitOperationAdd(name, str(files.directory / name)) for name in names]
    try:
        api.create_repo(repository, exist_ok=True)
        if README in names and api.file_exists(repository, README):
            operations = [o for o in operations if o.path_in_repo != README]
        api.create_commit(repository, operations, commit_message="Upload preset with hub_tasks")
    except hugging_face.failures() as error:
        raise PresetSaveError(f"hf://{repository} was not changed: {reason(error)}") from error


def _to_kaggle(handle: str, files: PresetFiles) -> None:
    """From a copy that holds the preset's files alone: the client sends whole directories."""
    import kagglehub

    with tempfile.TemporaryDirectory() as copy:
        for name in _checked_names(files):
            target = Path(copy, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with files.open(name) as source, open(target, "xb") as file:
                shutil.copyfileobj(source, file)
        try:
            kagglehub.model_upload(re.sub(r"/\d+$", "", handle), copy)
        except kaggle.failures() as error:
            raise PresetSaveError(f"kaggle://{handle} was not changed: {reason(error)}") from error


def _checked_names(files: PresetFiles) -> list[str]:
    """The files to send, each of which opens as a regular file of the preset."""
    names = files.present((*KNOWN, README))
    for name in names:
        files.open(name).close()
    return names
