"""A file of weights that another library reads, once it is checked here."""

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from hub_tasks.errors import PresetWeightsError, received
from hub_tasks.presets.weights import TensorFile, is_float

_SEEDS = "/seed_generator/"  # states of random numbers, which Keras may write beside weights


@dataclass(frozen=True)
class WholeFile:
    """A file of weights that KerasHub's own classes read, once it is checked.

    Args:
        open: opens the file.
        tensors: reads it, given what `open` gives and what errors call it.
        where: what errors call it.
    """

    open: Callable[[], BinaryIO]
    tensors: Callable[[BinaryIO, str], TensorFile]
    where: str

    def check_sizes(self, config: Mapping[str, Any]) -> None:
        """Refuses a configuration that asks for more than the file holds, before it is built."""
        with self.tensors(self.open(), self.where) as file:
            shapes = list(file.shapes.values())
        rows, width = config.get("vocabulary_size") or 1, config.get("hidden_dim") or 1
        stored = sum(map(prod, shapes))
        if rows * width > stored or (config.get("num_layers") or 1) > len(shapes):
            raise PresetWeightsError(
                f"{self.where} holds {len(shapes)} tensors with {stored:,} numbers, less than the "
                f"configuration asks for. {received(**config)}"
            )

    def stored(self, shapes: object = None) -> dict[str, np.dtype]:
        """Tensor -> stored type."""
        with self.tensors(self.open(), self.where) as file:
            return {name: file.dtype(name) for name in file.shapes}

    def parameters(self) -> int:
        """The number of parameters."""
        with self.tensors(self.open(), self.where) as file:
            return sum(map(prod, file.shapes.values()))

    @contextmanager
    def checked(
        self, shapes: Collection[tuple[int, ...]] | None = None, allow_nonfinite: bool = False
    ) -> Iterator[str]:
        """The path of a private copy, whose tensors are finite floats, of these shapes if known."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.weights.h5")
            with self.open() as source, open(path, "xb") as copy:
                shutil.copyfileobj(source, copy)
            with self.tensors(open(path, "rb"), self.where) as file:
                found = {name: s for name, s in file.shapes.items() if _SEEDS not in name}
                if shapes is not None and sorted(found.values()) != sorted(shapes):
                    raise PresetWeightsError(
                        f"{self.where} does not fit the configuration of the model: it holds "
                        f"{len(found)} tensors with {sum(map(prod, found.values())):,} numbers; "
                        f"the model has {len(shapes)} with {sum(map(prod, shapes)):,}."
                    )
                for name in found:
                    sound = is_float(file.dtype(name))
                    if not sound or not (allow_nonfinite or np.isfinite(file.read(name)).all()):
                        raise PresetWeightsError(f"{self.where}: {name} is not of finite floats.")
            yield str(path)
