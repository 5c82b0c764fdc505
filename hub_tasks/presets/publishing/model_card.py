"""Writing the README of a preset: what hubs index, and what people should know.

All text from outside is escaped: a label or a remark can neither end the metadata nor become
a heading, a link, an image, HTML or an escape code.
"""

import json
import math
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, SupportsFloat

from hub_tasks.errors import PresetSaveError, received
from hub_tasks.families import family_of
from hub_tasks.presets import files as names
from hub_tasks.presets.catalogue import CATALOGUE
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.publishing.description import Description, describe
from hub_tasks.presets.publishing.markdown import code, escaped, line, paragraphs, table
from hub_tasks.presets.sources import hugging_face, kaggle
from hub_tasks.presets.strict_json import read_json

Metrics = Mapping[str, float] | Mapping[str, Mapping[str, float]]
Results = dict[str, dict[str, float]]
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,8})?|multilingual")
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
_MOST_LABELS = 100  # that the table names
_KINDS = {"classifier": "a text classifier", "encoder": "an encoder", "tokenizer": "a tokenizer"}
_CLASSES = {"classifier": "TextClassifier", "encoder": "Backbone", "tokenizer": "Tokenizer"}
_MEANINGS = {
    "single_label_classification": "A text has one of these labels.",
    "multi_label_classification": "A text has any number of these labels.",
}


def write_model_card(
    preset_dir: str | os.PathLike[str],
    *,
    handle: str = "",
    model_name: str = "",
    description: str = "",
    language: str | Sequence[str] = (),
    license: str = "",
    base_model: str = "",
    datasets: str | Sequence[str] = (),
    tags: Sequence[str] = (),
    metrics: Metrics | None = None,
    training: Any = None,
    overwrite: bool = False,
) -> Path:
    """Writes `README.md` into a preset directory.

    What the preset says of itself is read from it: family, parameters, labels, problem type.
    The arguments are the rest. Text is taken as text: markup in it is shown, not followed.

    Args:
        preset_dir: a directory written by `save_to_preset` or `save_to_transformers`.
        handle: where the preset will be, for the examples: `"hf://org/model"` or
            `"kaggle://org/model/keras/variant"`.
        model_name: the title; by default the last part of the handle or the directory's name.
        description: paragraphs, with an empty line between them.
        language: ISO 639 codes such as "en".
        license: the hub's name of the licence, such as "apache-2.0".
        base_model: the handle or name of what was fine-tuned.
        datasets: names of the training data; those of the hub where they have one.
        tags: more words to be found by.
        metrics: what `evaluate(..., return_dict=True)` gave; or name of the data -> that.
        training: `clf.last_run` after `fit`, a dictionary of settings, or a sentence.
        overwrite: whether to replace a README that is there.

    Returns:
        The path of the README.

    Raises:
        PresetError: the preset does not read, an argument is of no accepted form, or there
            is a README.

    Example:

    ```python
    clf.fit(texts, labels)
    clf.save_to_preset("./my_preset")
    hub_tasks.write_model_card(
        "./my_preset",
        handle="hf://me/my_preset",
        language="en",
        license="apache-2.0",
        base_model="bert_base_en",
        metrics=clf.evaluate(held_out_texts, held_out_labels, return_dict=True),
    )
    ```
    """
    directory = Path(preset_dir).expanduser()
    found = describe(directory)
    if found.errors:
        raise PresetSaveError(f"No model card was written: {found.errors[0]}")
    address = _address(handle, directory)
    title = line(model_name or address.rpartition("/")[2])
    trained_on = _list(datasets)
    results = _results(metrics, trained_on)
    metadata = {
        "language": _accepted("language", _LANGUAGE, _list(language)),
        "license": "".join(_accepted("license", _LICENSE, _list(license.lower()))),
        "base_model": _repository(base_model),
        "datasets": [name for name in trained_on if _REPOSITORY.fullmatch(name)],
        "tags": ["hub_tasks", "keras", str(found.family), *map(line, _list(tags))],
    }
    header = _front_matter(found, title, metadata, results)
    sections = (
        f"# {escaped(title)}",
        *paragraphs(description),
        _introduction(found, base_model, trained_on),
        _label_section(found),
        _use_section(found, directory, address),
        _training_section(training),
        _evaluation_section(results),
    )
    body = "\n\n".join(filter(None, sections))
    return _write(directory / names.README, f"---\n{header}\n---\n\n{body}\n", overwrite)


def _list(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) and value else list(value)


def _accepted(name: str, pattern: re.Pattern[str], values: list[str]) -> list[str]:
    for value in values:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise PresetSaveError(
                f"No model card was written: `{name}` must be a code of the hubs, such as 'en' "
                f"for a language or 'apache-2.0' for a licence. {received(**{name: value})}"
            )
    return values


def _address(handle: str, directory: Path) -> str:
    """What the examples load."""
    if not handle:
        return f"./{directory.resolve().name}"
    if hugging_face.HANDLE.fullmatch(handle) or kaggle.HANDLE.fullmatch(handle):
        return handle
    raise PresetSaveError(
        "No model card was written: `handle` must be 'hf://org/model' or "
        f"'kaggle://org/model/keras/variant'. {received(handle=handle)}"
    )


def _repository(name: str) -> str | None:
    """The repository on Hugging Face that a handle or a built-in name stands for, if any."""
    handle = CATALOGUE[name].handle if name in CATALOGUE else name
    repository = handle.removeprefix("hf://").partition("@")[0]
    return repository if "/" in repository and _REPOSITORY.fullmatch(repository) else None


def _results(metrics: Metrics | None, trained_on: list[str]) -> Results:
    """Name of the data -> metric -> value."""
    metrics = metrics or {}
    if not any(isinstance(values, Mapping) for values in metrics.values()):
        metrics = {"held-out texts": metrics} if metrics else {}
    results: Results = {}
    for data, values in metrics.items():
        measured = results[line(data)] = {}
        for name, value in values.items() if isinstance(values, Mapping) else [(data, values)]:
            if not isinstance(value, SupportsFloat) or not math.isfinite(float(value)):
                raise PresetSaveError(
                    "No model card was written: `metrics` must be finite numbers by name, or "
                    f"those by the name of the data. {received(name=name, value=value)}"
                )
            measured[line(name)] = round(float(value), 6)
    return results


def _front_matter(
    found: Description, title: str, metadata: Mapping[str, Any], results: Results
) -> str:
    """The metadata that hubs index, as YAML."""
    from huggingface_hub import EvalResult, ModelCardData

    task = "text-classification" if found.task == "classifier" else "feature-extraction"
    measured = [
        EvalResult(task, re.sub(r"\W+", "-", data.lower()), data, metric, value)
        for data, values in results.items()
        for metric, value in values.items()
        if metric != "loss"
    ]
    card = ModelCardData(
        library_name="transformers" if found.format == "transformers" else "hub_tasks",
        pipeline_tag=task,
        metrics=list(dict.fromkeys(result.metric_type for result in measured)) or None,
        model_name=title if measured else None,
        eval_results=measured or None,
        **{key: value or None for key, value in metadata.items()},
    )
    return card.to_yaml()


def _introduction(found: Description, base_model: str, trained_on: list[str]) -> str:
    size = f" of {found.parameters:,} parameters" if found.parameters else ""
    if found.dtypes and set(found.dtypes) != {"float32"}:
        size += f", stored as {' and '.join(sorted(found.dtypes))}"
    origin = f", fine-tuned from {escaped(base_model)}" if base_model else ""
    data = f" Training data: {', '.join(map(escaped, trained_on))}." if trained_on else ""
    return f"{family_of(found.family).title}: {_KINDS[found.task]}{size}{origin}.{data}"


def _label_section(found: Description) -> str:
    meaning = _MEANINGS.get(found.problem_type)
    if meaning is None:
        return ""
    labels = found.labels or [f"LABEL_{i}" for i in range(found.num_classes)]
    more = len(labels) - _MOST_LABELS
    rows = list(enumerate(labels[:_MOST_LABELS]))
    rest = f"\n\nAnd {more:,} more, in `{names.MANIFEST}`." if more > 0 else ""
    return f"## Labels\n\n{meaning}\n\n{table(('id', 'label'), rows)}{rest}"


def _use_section(found: Description, directory: Path, address: str) -> str:
    family, handle = family_of(found.family), json.dumps(address)
    kind = _CLASSES[found.task]
    ours = kind if found.task == "classifier" else family.prefix + kind
    calls = [f"{found.task} = hub_tasks.{ours}.from_preset({handle})"]
    calls += ['classifier.classify("a text")'] if found.task == "classifier" else []
    parts = ["## Use", code("import hub_tasks", "", *calls)]
    if found.sequence_length:
        parts.append(f"A text is cut to {found.sequence_length:,} tokens.")
    if _read_by_keras_hub(found, kind):
        load = f"{found.task} = keras_hub.models.{family.prefix}{kind}.from_preset({handle})"
        parts += ["Or in KerasHub:", code("import keras_hub", "", load)]
        manifest = PresetFiles(directory, address)
        if manifest.exists(names.MANIFEST) and read_json(manifest, names.MANIFEST)["backbone"]:
            parts.append("KerasHub computes some functions in another way; its outputs differ.")
    elif found.format == "transformers" and found.task == "classifier":
        model = json.dumps(address.removeprefix("hf://"))
        load = f'classifier = pipeline("text-classification", {model})'
        parts += ["Or in transformers:", code("from transformers import pipeline", "", load)]
    return "\n\n".join(parts)


def _read_by_keras_hub(found: Description, kind: str) -> bool:
    """Whether KerasHub has the class, and all that it would read is in forms that it knows."""
    present = {entry.name for entry in found.files}
    return (
        found.format == "keras_hub"
        and kind in family_of(found.family).keras_hub
        and found.pooling in (None, "family")
        and not present & {names.MODEL_SAFETENSORS, names.TASK_SAFETENSORS}
    )


def _training_section(training: Any) -> str:
    if not training:
        return ""
    if isinstance(training, Mapping):
        return f"## Training\n\n{table(('setting', 'value'), training.items())}"
    return "\n\n".join(["## Training", *paragraphs(str(training))])


def _evaluation_section(results: Results) -> str:
    rows = [
        (data, name, f"{v:g}") for data, values in results.items() for name, v in values.items()
    ]
    return f"## Evaluation\n\n{table(('data', 'metric', 'value'), rows)}" if rows else ""


def _write(path: Path, content: str, overwrite: bool) -> Path:
    """Puts the whole file in place, or none of it."""
    if os.path.lexists(path) and not overwrite:
        raise PresetSaveError(
            f"There is a {names.README}, which people may have written. Pass `overwrite=True` to "
            f"replace it. {received(preset_dir=str(path.parent))}"
        )
    made = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        try:
            with open(made, "x", encoding="utf-8", newline="\n") as file:
                file.write(content)
            os.replace(made, path)
        finally:
            made.unlink(missing_ok=True)
    except OSError as error:
        raise PresetSaveError(
            f"{names.README} could not be written: {error.strerror}. "
            f"{received(preset_dir=str(path.parent))}"
        ) from error
    return path
