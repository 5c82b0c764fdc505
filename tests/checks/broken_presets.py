"""Copies of a small preset, broken in one way each."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from safetensors.numpy import load_file, save_file

from hub_tasks import presets
from hub_tasks.families import FAMILIES
from tests.checks.tiny import tiny_vocabulary

Shapes = Mapping[str, tuple[int, ...]]


def copy_preset(source: Path, target: Path, manifest: bool = False) -> Path:
    """A copy, by default without the optional manifest, whose digests would mask the content."""
    shutil.copytree(source, target)
    if not manifest:
        (target / "hub_tasks.json").unlink(missing_ok=True)
    return target


def content(directory: Path) -> dict[str, bytes]:
    """Name -> bytes of every file below a directory."""
    paths = [path for path in directory.rglob("*") if path.is_file()]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def edit_json(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def put(path: Path, pointer: str, value: Any) -> None:
    """Sets the entry of a JSON file at a pointer such as `/config/name`."""
    *parents, last = pointer.strip("/").split("/")

    def change(document: dict[str, Any]) -> None:
        for parent in parents:
            document = document[parent]
        document[last] = value

    edit_json(path, change)


def drop(path: Path, pointer: str) -> None:
    """Removes the entry of a JSON file at a pointer."""
    *parents, last = pointer.strip("/").split("/")

    def change(document: dict[str, Any]) -> None:
        for parent in parents:
            document = document[parent]
        del document[last]

    edit_json(path, change)


def sign(preset: Path) -> None:
    """Brings the digests of the manifest up to date."""

    def change(manifest: dict[str, Any]) -> None:
        for name, entry in manifest["files"].items():
            data = (preset / name).read_bytes()
            entry.update(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))

    edit_json(preset / "hub_tasks.json", change)


def edit_hdf5(path: Path, change: Callable[[h5py.File], Any]) -> None:
    with h5py.File(path, "r+") as file:
        change(file)


def edit_safetensors(path: Path, change: Callable[[dict[str, np.ndarray]], Any]) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def read_weights(data: presets.PresetData, backbone: Shapes, head: Shapes) -> dict[str, np.ndarray]:
    """Every weight of a preset, the head's included, as loading a model reads them."""
    values = dict(data.weights.read(backbone)) if data.weights else {}
    if data.head:
        values.update(data.head.weights.read(head))
    return values


def write_transformers_preset(directory: Path, values: Mapping[str, np.ndarray]) -> Path:
    """A `transformers` BERT classifier with the weights `values`, written by hand."""
    family = FAMILIES["bert"]
    config = {field.transformers: family.tiny.get(field.name) for field in family.config}
    config = {key: value for key, value in config.items() if value is not None}
    config |= {
        "model_type": "bert",
        "architectures": [family.architecture],
        "id2label": {"0": "no", "1": "yes"},
        "label2id": {"no": 0, "yes": 1},
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
    }
    tensors = {}
    for rules, prefix in ((family.layers, family.base), (family.head, "")):
        for rule in rules:
            for tensor in rule.tensors("transformers", family.complete(family.tiny)):
                pieces = tensor.encode(values[tensor.ours])
                for name, piece in zip(tensor.names, pieces, strict=True):
                    tensors[prefix + name] = np.ascontiguousarray(piece)
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
    tokens = tiny_vocabulary(family)
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    save_file(tensors, directory / "model.safetensors")
    return directory
