"""What a preset is and what is odd about it, without building it.

Whatever cannot be read becomes an error in the description, so that a preset which nothing
loads can still be looked at.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, TypeVar

from hub_tasks.errors import HubTasksError
from hub_tasks.presets import files as names
from hub_tasks.presets.data import PresetData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats import read_files
from hub_tasks.presets.publishing.listing import FileEntry, entry, foreign_names, kind, own_names
from hub_tasks.presets.publishing.soundness import misfits
from hub_tasks.presets.shapes import count, data_shapes
from hub_tasks.presets.sources import hugging_face, resolve
from hub_tasks.presets.strict_json import read_json
from hub_tasks.presets.whole_file import WholeFile

Result = TypeVar("Result")
_PICKLES = {".bin", ".ckpt", ".dill", ".joblib", ".npy", ".pickle", ".pkl", ".pt", ".pth"}
_CODE = {".dll", ".dylib", ".exe", ".ipynb", ".py", ".pyc", ".pyd", ".sh", ".so"}
_REMOTE_CODE = ("auto_map", "trust_remote_code", "custom_pipelines")
_WRITERS = ("hub_tasks_version", "keras_hub_version", "keras_nlp_version", "keras_version")
_PINNED = re.compile(r"hf://.+@[0-9a-f]{40}|kaggle://.+/\d+")
_SHOWN = 10  # names that one line lists
_MOST_CODE = 100  # lines about code, each of one file


@dataclass
class Description:
    """What a preset is; a part that it lacks, or that cannot be read, is None.

    Args:
        handle: as it was asked for.
        revision: the commit or version that a hub resolved it to.
        format: "keras_hub" or "transformers".
        written_by: the library that wrote it, with its version.
        family: the encoder family.
        task: "classifier", "encoder" or "tokenizer", after the largest part that is there.
        parameters: of encoder and head together.
        num_classes, labels, problem_type, pooling: of the head.
        sequence_length: to which texts are cut.
        tokenizer: its kind.
        vocabulary_size: its number of tokens.
        dtypes: stored type -> how many variables are of it.
        files: the preset's own files.
        others: names of files that belong to no preset.
        oddities: what a user should know, a sentence each.
        errors: what stands in the way of loading it.
    """

    handle: str
    revision: str | None = None
    format: str | None = None
    written_by: str | None = None
    family: str | None = None
    task: str | None = None
    parameters: int | None = None
    num_classes: int | None = None
    labels: tuple[str, ...] | None = None
    problem_type: str | None = None
    pooling: str | None = None
    sequence_length: int | None = None
    tokenizer: str | None = None
    vocabulary_size: int | None = None
    dtypes: dict[str, int] = field(default_factory=dict)
    files: list[FileEntry] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def attempt(self, read: Callable[..., Result], *arguments: Any) -> Result | None:
        """What `read` returns; None, and one more error, where it fails in whatever way."""
        try:
            return read(*arguments)
        except HubTasksError as error:
            self.errors.append(str(error))
        except Exception as error:  # a description must survive what the readers do not expect
            self.errors.append(f"{type(error).__name__}: {error}")
        return None


def describe(handle: str | os.PathLike[str]) -> Description:
    """Describes a preset; only what finding its files can raise is raised.

    Args:
        handle: as in `TextClassifier.from_preset`.
    """
    files = resolve(handle)
    found = Description(str(handle), files.revision)
    data = _read(files, found)
    config = found.attempt(_document, files, names.CONFIG) or {}
    if data is not None or config:
        found.format = "transformers" if "model_type" in config else "keras_hub"
    if data is not None:
        _describe_data(data, found)
        _describe_weights(data, found)
    found.written_by = _writer(config, found.attempt(_document, files, names.METADATA) or {})
    for name in own_names(files):
        found.files += filter(None, [found.attempt(entry, files, name)])
    found.others = found.attempt(list, foreign_names(files)) or []
    found.oddities += found.attempt(list, _oddities(files, found, config)) or []
    found.errors = list(dict.fromkeys(found.errors))
    return found


class _WithoutManifest(PresetFiles):
    def exists(self, name: str) -> bool:
        return name != names.MANIFEST and super().exists(name)


def _read(files: PresetFiles, found: Description) -> PresetData | None:
    data = found.attempt(read_files, files)
    if data is None and files.exists(names.MANIFEST):
        files = _WithoutManifest(files.directory, files.handle, files.revision)
        return found.attempt(read_files, files)
    return data


def _document(files: PresetFiles, name: str) -> dict[str, Any]:
    return read_json(files, name) if files.exists(name) else {}


def _describe_data(data: PresetData, found: Description) -> None:
    found.family = data.family.name
    if data.tokenizer is not None:
        options = data.tokenizer.options
        found.task, found.tokenizer = (
            "tokenizer",
            options.get("class_name", data.tokenizer_family.tokenizer),
        )
        found.vocabulary_size = len(data.tokenizer.vocabulary) or None
    if data.preprocessor is not None:
        found.sequence_length = data.preprocessor.get("sequence_length")
    if data.backbone is not None:
        found.task = "encoder"
        shapes = found.attempt(data_shapes, data)
        found.parameters = sum(map(count, shapes)) if shapes else None
        if shapes and isinstance(data.weights, WholeFile):
            found.parameters += found.attempt(data.weights.parameters) or 0
            found.oddities.append(
                f"It is loaded through KerasHub, which has its {data.backbone['class_name']}."
            )
        ids = data.tokenizer.ids if data.tokenizer and found.vocabulary_size else 0
        spare = data.backbone.get("vocabulary_size", 0) - ids
        if ids and spare > 0:
            found.oddities.append(f"The last {spare} rows of the embedding have no token.")
    if data.head is not None:
        found.task, found.num_classes = "classifier", data.head.num_classes
        found.labels, found.pooling = data.head.labels, data.head.pooling
        found.problem_type = data.head.problem_type
    found.errors += misfits(data)


def _describe_weights(data: PresetData, found: Description) -> None:
    weights = data.weights, data.head and data.head.weights
    types: Counter[str] = Counter()
    for part, shapes in zip(weights, found.attempt(data_shapes, data) or ({}, {}), strict=True):
        stored = found.attempt(part.stored, shapes) if part else None
        types.update(dtype.name for dtype in (stored or {}).values())
        absent = [] if stored is None else sorted(shapes.keys() - stored.keys())
        if absent:
            found.oddities.append(f"Not stored, and left at random: {', '.join(absent)}.")
    found.dtypes = dict(types)
    if types and set(types) != {"float32"}:
        stated = ", ".join(f"{number} of {name}" for name, number in sorted(types.items()))
        found.oddities.append(f"Not all weights are stored as float32: {stated}.")


def _writer(config: dict[str, Any], metadata: dict[str, Any]) -> str | None:
    stated = {name: metadata.get(name) for name in _WRITERS}
    stated["transformers_version"] = config.get("transformers_version")
    for name, version in stated.items():
        if isinstance(version, str) and len(version) <= 64:
            return f"{name.removesuffix('_version')} {version}"
    return None


def _oddities(files: PresetFiles, found: Description, config: dict[str, Any]) -> Iterator[str]:
    if found.format == "keras_hub" and not files.exists(names.MANIFEST):
        yield f"There is no {names.MANIFEST}: a damaged file cannot be told from a sound one."
    unnamed = tuple(f"LABEL_{i}" for i in range(found.num_classes or 0))
    named = found.problem_type in (None, "regression") or found.labels not in (None, unnamed)
    if not named and not found.errors:
        yield "The classes have no names."
    if files.handle.startswith(("hf://", "kaggle://")) and not _PINNED.fullmatch(files.handle):
        yield f"The handle is not pinned: what it stands for can change.{_pinned(files)}"
    settings = found.attempt(_document, files, names.HF_TOKENIZER_CONFIG) or {}
    for name, document in ((names.CONFIG, config), (names.HF_TOKENIZER_CONFIG, settings)):
        for key in _REMOTE_CODE:
            if document.get(key):
                yield f"{name} asks for code of its own in /{key}, which is never run."
    yield from _about_others(files, found)


def _pinned(files: PresetFiles) -> str:
    if files.revision is None:
        return ""
    handle = files.handle.partition("@")[0]
    between = "@" if handle.startswith("hf://") else "/"
    return f" This one is {handle}{between}{files.revision}"


def _about_others(files: PresetFiles, found: Description) -> Iterator[str]:
    here = set(found.others)
    if hugging_face.HANDLE.fullmatch(files.handle):
        try:
            found.others = list(dict.fromkeys([*found.others, *_in_repository(files)]))
        except hugging_face.failures():
            yield "What else the repository holds is not known: the hub did not say."
    special, plain = [], []
    for name in found.others:
        what = _code(name) or (_not_a_file(files, name) if name in here else None)
        (special if what else plain).append(f"{name} {what}." if what else name)
    yield from special[:_MOST_CODE]
    if len(special) > _MOST_CODE:
        yield f"And {len(special) - _MOST_CODE} more of that kind."
    if plain:
        more = f" and {len(plain) - _SHOWN} more" if len(plain) > _SHOWN else ""
        yield f"Belong to no preset and are not read: {', '.join(plain[:_SHOWN])}{more}."


def _code(name: str) -> str | None:
    suffix = PurePosixPath(name.lower()).suffix
    if suffix in _PICKLES:
        return "may be a pickle, which runs code when it is loaded; it is never opened"
    return "is a program; it is never run" if suffix in _CODE else None


def _not_a_file(files: PresetFiles, name: str) -> str | None:
    what = kind(files, name)
    return None if what == "file" else f"is a {what}; it is never followed or opened"


def _in_repository(files: PresetFiles) -> list[str]:
    """What a repository holds beside the files that were fetched."""
    from huggingface_hub import HfApi

    repository = hugging_face.HANDLE.fullmatch(files.handle)["repo"]
    listed = HfApi().list_repo_files(repository, revision=files.revision)
    return [name for name in listed if name not in (*names.KNOWN, names.README)]
