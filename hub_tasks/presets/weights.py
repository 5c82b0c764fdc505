"""Weights between a file and our variables: exact names, exact shapes, finite numbers."""

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Self

import numpy as np

from hub_tasks.errors import PresetWeightsError, received
from hub_tasks.families import Dialect, Family, LayerRule, Tensor

_SHOWN = 20  # names that one message lists
_SEEDS = "/seed_generator/"  # states of random numbers, which Keras may write beside weights


class TensorFile(Protocol):
    """An open file of named tensors."""

    where: str

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]: ...

    def dtype(self, name: str) -> np.dtype: ...

    def read(self, name: str) -> np.ndarray: ...


@dataclass(frozen=True)
class Weights:
    """A way to read a model's weights, not yet opened.

    Args:
        open: opens the file.
        tensors: names in the file -> the tensors of it that make up our variables.
        rename: the name under which the rules know a tensor -> its name in the file.
        ignored: prefixes of names that may be left over.
        optional: our layers that may be missing as a whole.
    """

    open: Callable[[], TensorFile]
    tensors: Callable[[Mapping[str, object]], Sequence[Tensor]]
    rename: Callable[[str, Mapping[str, object]], str] = field(default=lambda name, _: name)
    ignored: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def read(self, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, np.ndarray]]:
        """Yields `(variable, value)` for the variables in `shapes`, all checked first.

        Args:
            shapes: our variables' names and shapes.

        Raises:
            PresetWeightsError: tensors missing, left over or misshapen (all of them in
                one message), of a type that is not a float, or with NaN or infinity.
        """
        with self.open() as file:
            wanted, names = self._wanted(file, shapes)
            for tensor in wanted:
                pieces = [self._finite(file, names[name]) for name in tensor.names]
                yield tensor.ours, tensor.decode(pieces, shapes[tensor.ours])

    def stored(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.dtype]:
        """The types of what the file stores for the variables in `shapes`; no tensor is read.

        Raises:
            PresetWeightsError: as in `read`, but for numbers that are not finite.
        """
        with self.open() as file:
            wanted, names = self._wanted(file, shapes)
            implied = np.dtype("float32")  # of what a file has no tensors for
            return {t.ours: file.dtype(names[t.names[0]]) if t.names else implied for t in wanted}

    def _wanted(
        self, file: TensorFile, shapes: Mapping[str, tuple[int, ...]]
    ) -> tuple[list[Tensor], dict[str, str]]:
        """The tensors for `shapes` that the file has, checked, and their names in it."""
        present = file.shapes
        wanted = [tensor for tensor in self.tensors(present) if tensor.ours in shapes]
        names = {n: self.rename(n, present) for t in wanted for n in t.names}
        absent = self._absent_optional(wanted, names, present)
        wanted = [tensor for tensor in wanted if tensor.ours not in absent]
        self._check(file, wanted, names, shapes)
        return wanted, names

    def _absent_optional(
        self, wanted: list[Tensor], names: Mapping[str, str], present: Mapping[str, object]
    ) -> set[str]:
        absent = set()
        for layer in self.optional:
            tensors = [t for t in wanted if t.ours.startswith(layer + "/")]
            if not any(names[n] in present for t in tensors for n in t.names):
                absent.update(t.ours for t in tensors)
        return absent

    def _check(
        self,
        file: TensorFile,
        wanted: list[Tensor],
        names: Mapping[str, str],
        shapes: Mapping[str, tuple[int, ...]],
    ) -> None:
        present = file.shapes
        expected = {
            names[name]: shape
            for tensor in wanted
            for name, shape in zip(tensor.names, tensor.shapes(shapes[tensor.ours]), strict=True)
        }
        problems = [
            f"missing {name} {shape}" for name, shape in expected.items() if name not in present
        ]
        problems += [
            f"{name}: expected shape {shape}, got {present[name]}"
            for name, shape in expected.items()
            if name in present and present[name] != shape
        ]
        problems += [
            f"left over {name} {present[name]}"
            for name in present
            if name not in expected and not name.startswith(self.ignored)
        ]
        problems += [
            f"{name}: expected a little-endian float, got {file.dtype(name)}"
            for name in expected
            if name in present and not _is_float(file.dtype(name))
        ]
        if problems:
            more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
            raise PresetWeightsError(
                f"{file.where} does not fit the configuration of the model. It must hold exactly "
                f"the tensors that the configuration implies:\n  "
                + "\n  ".join(problems[:_SHOWN])
                + more
            )

    def _finite(self, file: TensorFile, name: str) -> np.ndarray:
        value = file.read(name)
        if not np.isfinite(value).all():
            raise PresetWeightsError(f"{file.where}: {name} holds NaN or infinity.")
        return value


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
    def checked(self, shapes: Collection[tuple[int, ...]] | None = None) -> Iterator[str]:
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
                    if not _is_float(file.dtype(name)) or not np.isfinite(file.read(name)).all():
                        raise PresetWeightsError(f"{self.where}: {name} is not of finite floats.")
            yield str(path)


_POOLING = LayerRule("pooling", "", "", ("kernel",))  # what "attention" adds to any head


def model_tensors(
    family: Family,
    dialect: Dialect,
    config: Mapping[str, Any],
    head: bool = False,
    pooling: str = "family",
) -> list[Tensor]:
    """The rules of a backbone, or of a head, written out for a configuration."""
    rules = family.head if head else family.layers
    rules += (_POOLING,) if pooling == "attention" else ()
    return [tensor for rule in rules for tensor in rule.tensors(dialect, config)]


def _is_float(dtype: np.dtype) -> bool:
    return dtype.name in {"float16", "bfloat16", "float32", "float64"} and dtype.isnative
