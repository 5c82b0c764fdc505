"""Publishing a preset on a hub: copied, checked, and sent from the copy that was checked."""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hub_tasks.errors import PresetError, PresetNotFoundError, PresetSaveError, received
from hub_tasks.presets.files import KNOWN, README, PresetFiles
from hub_tasks.presets.publishing.listing import FileEntry, entry, own_names
from hub_tasks.presets.publishing.soundness import check_preset
from hub_tasks.presets.sources import hugging_face, kaggle, local
from hub_tasks.presets.sources._failures import reason

_QUERY = re.compile(r"(?<=[?])[^\s'\"]+")  # of an address: it may be a signature


def upload_preset(handle: str, preset_dir: str | os.PathLike[str]) -> str:
    """Publishes a preset directory.

    The preset is read first, every weight included, and nothing is sent unless all of it is
    sound. Only a preset's own files and its README are sent: on Hugging Face as one commit,
    which also removes what an older preset left there, and leaves a README that is there as
    it is; on Kaggle as a new version.

    Args:
        handle: `"hf://org/model"` or `"kaggle://org/model/keras/variant"`; made where it does
            not exist.
        preset_dir: a directory written by `save_to_preset` or `save_to_transformers`.

    Returns:
        The handle for `from_preset`, on Hugging Face with the commit.

    Raises:
        PresetNotFoundError: the handle is of no accepted form.
        PresetSaveError: the directory holds no sound preset, or the hub refuses it.

    Example:

    ```python
    clf.save_to_preset("./my_preset")
    hub_tasks.write_model_card("./my_preset", handle="hf://me/my_preset", license="mit")
    hub_tasks.upload_preset("hf://me/my_preset", "./my_preset")
    ```
    """
    send = _sender(handle)
    with tempfile.TemporaryDirectory() as directory:
        with _checked(handle):
            original = local.fetch(os.fspath(preset_dir))
            for name in own_names(original):
                target = Path(directory, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                with open(target, "xb") as file:
                    entry(original, name, copy=file)
            copy = PresetFiles(directory, original.handle)
            check_preset(copy)
        return send(handle, copy)


def files_to_upload(handle: str, preset_dir: str | os.PathLike[str]) -> list[FileEntry]:
    """What `upload_preset` would send, after the same checks; no connection is opened."""
    _sender(handle)
    with _checked(handle):
        files = local.fetch(os.fspath(preset_dir))
        check_preset(files)
        return [entry(files, name) for name in own_names(files)]


def _sender(handle: str) -> Callable[[str, PresetFiles], str]:
    if isinstance(handle, str) and ".." not in handle:
        if hugging_face.HANDLE.fullmatch(handle) and "/" in handle[5:] and "@" not in handle:
            return _to_hugging_face
        if kaggle.HANDLE.fullmatch(handle):
            return _to_kaggle
    raise PresetNotFoundError(
        "A preset is published to 'hf://org/model' or 'kaggle://org/model/keras/variant'. "
        f"{received(handle=handle)}"
    )


@contextmanager
def _checked(handle: str) -> Iterator[None]:
    try:
        yield
    except (PresetError, OSError) as error:
        raise PresetSaveError(f"Nothing was sent to {handle}: {error}") from error


def _to_hugging_face(handle: str, files: PresetFiles) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token

    api, repository, names = HfApi(), handle.removeprefix("hf://"), own_names(files)
    with _sent_as_a_whole(handle, lambda: [get_token()]):
        api.create_repo(repository, exist_ok=True)
        found = api.model_info(repository)
        there = {sibling.rfilename for sibling in found.siblings or ()}
        if README.lower() in map(str.lower, there):
            names = [name for name in names if name != README]
        added = [CommitOperationAdd(name, str(files.directory / name)) for name in names]
        # Reading refuses a directory that mixes two presets.
        stale = [CommitOperationDelete(name) for name in KNOWN if name in there - {*names}]
        commit = api.create_commit(
            repository,
            [*added, *stale],
            commit_message="Upload preset with hub_tasks",
            parent_commit=found.sha,  # a README that appears meanwhile is not overwritten either
        )
    return f"{handle}@{commit.oid}"


def _to_kaggle(handle: str, files: PresetFiles) -> str:
    import kagglehub
    from kagglehub.config import get_kaggle_credentials

    def secrets() -> list[str | None]:
        found = get_kaggle_credentials()
        return [found.key, found.api_key] if found else []

    variant = re.sub(r"/\d+$", "", handle)
    with _sent_as_a_whole(variant, secrets):
        kagglehub.model_upload(variant.removeprefix("kaggle://"), str(files.directory))
    return variant


@contextmanager
def _sent_as_a_whole(handle: str, secrets: Callable[[], list[str | None]]) -> Iterator[None]:
    """One error for all that clients raise, of which no secret is part, nor is its cause."""
    hidden: list[str] = []
    try:
        hidden += filter(None, secrets())
        yield
    except Exception as error:
        # huggingface_hub puts a RuntimeError around what a storage behind the hub answered.
        cause = error.__cause__ if isinstance(error, RuntimeError) else None
        told = " ".join(_QUERY.sub("...", reason(one)) for one in (error, cause) if one)
        for secret in hidden:
            told = told.replace(secret, "...")
        raise PresetSaveError(
            f"Not published: {told} What {handle} holds is what it held before, or, where the "
            f"connection broke at the very end, the whole new preset."
        ) from None
