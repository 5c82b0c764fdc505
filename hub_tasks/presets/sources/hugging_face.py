"""Presets on the Hugging Face Hub: `hf://org/model` and `hf://org/model@revision`.

The layout of the client's cache, of which `refs` and `.no_exist` are written here, is
described at https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
"""

import os
import re
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from hub_tasks.errors import PresetNotFoundError, received
from hub_tasks.presets.files import CONFIG, KNOWN, TOKENIZER, PresetFiles
from hub_tasks.presets.sources._failures import TRANSIENT, Terms, explain, retried, scrub

SCHEME = "hf://"
HANDLE = re.compile(
    r"hf://(?P<repo>[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?)"
    r"(@(?P<revision>\w[\w.-]*(/\w[\w.-]*)*))?"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LONGEST_REVISION = 200
_WORKERS = 8
_LAST = (TOKENIZER, CONFIG)  # without one of these nothing loads, so they come when all is there
_TERMS = Terms(
    hub="The Hugging Face Hub",
    login="`hf auth login`, or set HF_TOKEN",
    gate="https://huggingface.co/{place}",
    settings="HF_ENDPOINT, proxies, HF_HUB_ETAG_TIMEOUT and HF_HUB_DOWNLOAD_TIMEOUT",
)


def failures() -> tuple[type[Exception], ...]:
    """What the client raises: its own errors, its transport's, and for names it refuses."""
    from huggingface_hub.utils import HfHubHTTPError

    return (*HfHubHTTPError.__bases__, OSError, ValueError)  # type: ignore[return-value]


def parse(handle: str) -> tuple[str, str | None]:
    """Repository and revision of a handle."""
    match = HANDLE.fullmatch(handle)
    if not match or ".." in handle or len(match["revision"] or "") > _LONGEST_REVISION:
        raise PresetNotFoundError(
            f"A Hugging Face handle is 'hf://org/model' or 'hf://org/model@revision'. "
            f"{received(preset=scrub(handle))}"
        )
    return match["repo"], match["revision"]


def is_pinned(revision: str) -> bool:
    """Whether a revision can never mean anything else."""
    return bool(_COMMIT.fullmatch(revision))


def fetch(
    handle: str,
    repo: str,
    revision: str | None = None,
    offline: bool = False,
    names: Sequence[str] = KNOWN,
) -> PresetFiles:
    """Fetches the files of a preset, all at the one commit that the revision names now.

    Tokens, endpoints, proxies, caches and progress bars are those of `huggingface_hub`.

    Args:
        handle: for messages.
        repo, revision: as `parse` gives them.
        offline: read the cache alone.
        names: the files to fetch, as far as the repository has them.
    """
    import huggingface_hub as client

    asked = revision or "main"
    open_files = partial(_open, handle, repo, offline)
    if offline:
        return open_files(_cached(handle, repo, asked, names))
    if is_pinned(asked) and not _unknown(repo, asked, names):
        return open_files(_cached(handle, repo, asked, names))
    try:
        return open_files(_download(handle, repo, asked, names))
    except failures() as error:
        if isinstance(error, PresetNotFoundError):
            raise
        stated = client.get_token() is not None
        failure = explain(error, _TERMS, repo, asked, stated)
    # Outside of the handler: the client's errors carry requests, and these the token.
    if failure.kind in TRANSIENT and _path(repo, CONFIG, asked):
        directory = _cached(handle, repo, asked, names)
        warnings.warn(
            f"{handle} is read from the cache, at commit {directory.name}: {failure.text}.",
            stacklevel=6,
        )
        return open_files(directory)
    raise PresetNotFoundError(f"{handle} could not be fetched: {failure.text}.")


def _open(handle: str, repo: str, offline: bool, directory: Path) -> PresetFiles:
    commit = directory.name

    def refetch(name: str) -> PresetFiles:
        problem = None
        try:
            _get(repo, commit, name, force=True)
        except failures() as error:
            problem = explain(error, _TERMS, repo, commit, False).text
        if problem:
            raise PresetNotFoundError(f"{name} of {handle} could not be fetched anew: {problem}.")
        return _open(handle, repo, offline, directory)

    links = [name for name in KNOWN if (directory / name).is_symlink()]
    blobs = {name: os.path.basename(os.readlink(directory / name)) for name in links}
    digests = {name: blob for name, blob in blobs.items() if re.fullmatch("[0-9a-f]+", blob)}
    digests = {name: blob for name, blob in digests.items() if len(blob) in (40, 64)}
    return PresetFiles(directory, handle, commit, digests, None if offline else refetch)


def _download(handle: str, repo: str, asked: str, names: Sequence[str]) -> Path:
    """The directory of a commit's files, those that are not in the cache fetched into it."""
    from huggingface_hub import HfApi, constants

    ask = partial(
        HfApi().model_info, repo, revision=asked, timeout=float(constants.HF_HUB_ETAG_TIMEOUT)
    )
    about = retried(ask, failures())
    commit, listed = about.sha or "", {sibling.rfilename for sibling in about.siblings or []}
    there = [name for name in names if name in listed]
    if not is_pinned(commit) or (is_pinned(asked) and commit != asked):
        raise PresetNotFoundError(
            f"{handle} could not be fetched: the hub names no commit for {asked!r}. "
            f"{received(commit=scrub(commit))}"
        )
    if not set(_LAST) & set(there):
        raise PresetNotFoundError(
            f"{handle} could not be fetched: there is no preset at commit {commit}; it has "
            f"neither {CONFIG} nor {TOKENIZER}."
        )

    def get(name: str) -> str:
        # The client itself waits for all that may pass, but for this in its older versions.
        return retried(partial(_get, repo, commit, name), failures(), ("cut",))

    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(get, [name for name in there if name not in _LAST]))
    last = [(name, Path(get(name))) for name in _LAST if name in there]
    directory = last[-1][1].parents[last[-1][0].count("/")]
    _note(directory, asked, [name for name in names if name not in listed])
    return directory


def _get(repo: str, commit: str, name: str, force: bool = False) -> str:
    """The path of a file in the cache; the client fetches it, and resumes, where need be."""
    from huggingface_hub import hf_hub_download

    path = hf_hub_download(repo, name, revision=commit, force_download=force)
    if Path(path).parents[name.count("/")].name != commit:
        raise ValueError(f"The hub answered with another commit than {commit}.")
    return path


def _note(directory: Path, asked: str, absent: Sequence[str]) -> None:
    """Notes in the client's cache what the revision is and which files there are not.

    Only when all others are there: what a broken download leaves must not be found.
    """
    repository = directory.parents[1]
    notes = [(repository / ".no_exist" / directory.name / name, "") for name in absent]
    if not is_pinned(asked):
        notes.append((repository / "refs" / asked, directory.name))
    try:
        for path, text in notes:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_file() or path.read_text() != text:
                path.write_text(text)
    except OSError:
        pass  # a cache that cannot be written, and had all files before


def _path(repo: str, name: str, revision: str) -> str | None:
    """Where a file is in the cache; "" where it is known that there is none."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, name, revision=revision)
    return found if found is None or isinstance(found, str) else ""


def _unknown(repo: str, commit: str, names: Sequence[str]) -> list[str]:
    """The files of which the cache does not know whether the commit has them."""
    return [name for name in names if _path(repo, name, commit) is None]


def _cached(handle: str, repo: str, asked: str, names: Sequence[str]) -> Path:
    """The directory of a commit's files in the cache."""
    from huggingface_hub import constants, snapshot_download

    problem = None
    paths = {name: _path(repo, name, asked) for name in names}
    found = {name: path for name, path in paths.items() if path}
    if not set(_LAST) & set(found) or (CONFIG in names and paths[CONFIG] is None):
        missing = ", ".join(name for name in names if paths[name] is None)
        problem = f"it holds no complete {asked!r} (missing: {missing})"
    else:
        try:  # the client may know more of what there should be
            snapshot_download(
                repo, revision=asked, allow_patterns=list(names), local_files_only=True
            )
        except failures() as error:
            problem = scrub(str(error))
    if problem:
        raise PresetNotFoundError(
            f"{handle} is not in the cache {constants.HF_HUB_CACHE!r}, and no hub may be asked or "
            f"none answers: {problem}. Load it once with a network, or bring it along with "
            f"`hub-tasks fetch {handle} --into DIR`."
        )
    name, path = next(iter(found.items()))
    return Path(path).parents[name.count("/")]
