"""Weights between a file and our variables: exact names, exact shapes, finite numbers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np

from hub_tasks.errors import PresetWeightsError
from hub_tasks.families import Dialect, Family, LayerRule, Tensor
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.narrow import (
    CODES,
    LARGEST,
    SCALES,
    dequantise,
    scale_name,
    scale_shape,
)

_SHOWN = 20  # names that one message lists
_MOST_TIMES = 4  # a model of so many times the tensors of its file is not worth comparing


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
        tensors: names in the file -> the tensors of it that make up our variables; None where
            they have our names.
        rename: the name under which the rules know a tensor -> its name in the file.
        ignored: prefixes of names that may be left over.
        optional: our layers that may be missing as a whole.
        size: the bytes of the file; None where there is no file.
        codes: whether matrices may be stored as int8 with a scale beside them.
    """

    open: Callable[[], TensorFile]
    tensors: Callable[[Mapping[str, object]], Sequence[Tensor] | None]
    rename: Callable[[str, Mapping[str, object]], str] = field(default=lambda name, _: name)
    ignored: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    size: Callable[[], int | None] = lambda: None
    codes: bool = False

    def stored_shapes(self) -> dict[str, tuple[int, ...]]:
        """Variable -> shape, of a file that has our names."""
        with self.open() as file:
            present = file.shapes
            scales = {scale_name(n) for n in present if self._has_codes(file, n, present)}
            return {
                name: shape
                for name, shape in present.items()
                if name not in scales and not name.startswith(self.ignored)
            }

    def stored_shape(self, variable: str) -> tuple[str, tuple[int, ...] | None]:
        """What errors call the file, and the shape in it of what makes up a variable.

        None where there is no such tensor, or others than there must be.
        """
        with self.open() as file:
            present = file.shapes
            tensors = self._tensors(present, present)
            names = {n: self.rename(n, present) for t in tensors for n in t.names}
            found = next((names[t.names[0]] for t in tensors if t.ours == variable), "")
            scales = [scale_name(n) for n in names.values() if self._has_codes(file, n, present)]
            fits = not self._left_over(present, [*names.values(), *scales])
            return file.where, present.get(found) if fits else None

    def check_count(self) -> None:
        """Refuses a configuration of far more tensors than the file has, before one is built.

        Raises:
            PresetWeightsError: that, or there is no such file.
        """
        with self.open() as file:
            present = file.shapes
            count = sum(len(tensor.names) for tensor in self._tensors(present, present))
            if count > _MOST_TIMES * len(present) + _SHOWN:
                raise PresetWeightsError(
                    f"{file.where} holds {len(present)} tensors; the configuration of the model "
                    f"implies {count}."
                )

    def read(
        self, shapes: Mapping[str, tuple[int, ...]], allow_nonfinite: bool = False
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Yields `(variable, value)` for the variables in `shapes`, all checked first.

        Args:
            shapes: our variables' names and shapes.
            allow_nonfinite: whether NaN and infinity are read like other numbers.

        Raises:
            PresetWeightsError: tensors missing, left over, misshapen or of a type that is
                not a float (all of them in one message), or with NaN or infinity.
        """
        with self.open() as file:
            wanted, names = self._wanted(file, shapes)
            for tensor in wanted:
                pieces = [self._piece(file, names[name], allow_nonfinite) for name in tensor.names]
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
        tensors = self._tensors(present, shapes)
        wanted = [tensor for tensor in tensors if tensor.ours in shapes]
        names = {n: self.rename(n, present) for t in wanted for n in t.names}
        absent = self._absent_optional(wanted, names, present)
        wanted = [tensor for tensor in wanted if tensor.ours not in absent]
        self._check(file, wanted, names, shapes)
        return wanted, names

    def _tensors(self, present: Mapping[str, object], variables: Iterable[str]) -> Sequence[Tensor]:
        tensors = self.tensors(present)
        return [Tensor.of_own_name(name) for name in variables] if tensors is None else tensors

    def _left_over(self, present: Iterable[str], expected: Iterable[str]) -> list[str]:
        known = set(expected)
        return [n for n in present if n not in known and not n.startswith(self.ignored)]

    def _absent_optional(
        self, wanted: list[Tensor], names: Mapping[str, str], present: Mapping[str, object]
    ) -> set[str]:
        absent = set()
        for layer in self.optional:
            tensors = [t for t in wanted if t.ours.startswith(layer + "/")]
            if not any(names[n] in present for t in tensors for n in t.names):
                absent.update(t.ours for t in tensors)
        return absent

    def _has_codes(self, file: TensorFile, name: str, present: Mapping[str, object]) -> bool:
        return self.codes and name in present and file.dtype(name) == CODES

    def _expected(
        self,
        file: TensorFile,
        wanted: list[Tensor],
        names: Mapping[str, str],
        shapes: Mapping[str, tuple[int, ...]],
    ) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
        """Name -> shape of the tensors that there must be, and of the scales of those in codes."""
        tensors, scales, present = {}, {}, file.shapes
        for tensor in wanted:
            ours = shapes[tensor.ours]
            for piece, shape in zip(tensor.names, tensor.shapes(ours), strict=True):
                name = names[piece]
                tensors[name] = shape
                if len(ours) > 1 and self._has_codes(file, name, present):
                    scales[scale_name(name)] = scale_shape(tensor, shape)
        return tensors, scales

    def _check(
        self,
        file: TensorFile,
        wanted: list[Tensor],
        names: Mapping[str, str],
        shapes: Mapping[str, tuple[int, ...]],
    ) -> None:
        present = file.shapes
        tensors, scales = self._expected(file, wanted, names, shapes)
        expected = {**tensors, **scales}
        problems = [
            f"missing {name} {shape}" for name, shape in expected.items() if name not in present
        ]
        problems += [
            f"{name}: expected shape {shape}, got {present[name]}"
            for name, shape in expected.items()
            if name in present and present[name] != shape
        ]
        problems += [
            f"left over {name} {present[name]}" for name in self._left_over(present, expected)
        ]
        problems += [
            f"{name}: expected a little-endian float, got {file.dtype(name)}"
            for name in tensors
            if name in present and scale_name(name) not in scales and not is_float(file.dtype(name))
        ]
        problems += [
            f"{name}: expected {SCALES}, got {file.dtype(name)}"
            for name in scales
            if name in present and file.dtype(name) != SCALES
        ]
        if problems:
            more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
            raise PresetWeightsError(
                f"{file.where} does not fit the configuration of the model. It must hold exactly "
                f"the tensors that the configuration implies:\n  "
                + "\n  ".join(problems[:_SHOWN])
                + more
            )

    def _piece(self, file: TensorFile, name: str, allow_nonfinite: bool) -> np.ndarray:
        """A tensor that `_check` let pass, as floats."""
        value = file.read(name)
        if value.dtype == CODES:
            value = self._decoded(file, name, value)
        if not allow_nonfinite and not np.isfinite(value).all():
            raise PresetWeightsError(
                f"{file.where}: {name} holds NaN or infinity where finite numbers are expected. "
                f"Pass `allow_nonfinite=True` to load it all the same."
            )
        return value

    def _decoded(self, file: TensorFile, name: str, codes: np.ndarray) -> np.ndarray:
        scale = file.read(scale_name(name))
        if not (np.isfinite(scale) & (scale > 0)).all():
            raise PresetWeightsError(
                f"{file.where}: {scale_name(name)} holds numbers that are not positive and finite, "
                f"as a scale must be."
            )
        if codes.min() < -LARGEST:
            raise PresetWeightsError(
                f"{file.where}: {name} holds a code below {-LARGEST}; codes are symmetric."
            )
        return dequantise(codes, scale)


def refuse_shards(files: PresetFiles, index: str) -> None:
    """Weights in several files are not read; names of files that an index holds never are."""
    if files.exists(index):
        raise PresetWeightsError(
            f"{index} of preset {files} spreads the weights over several files, which hub_tasks "
            f"does not read. Save them in one file, for example with transformers: "
            f"`save_pretrained(..., max_shard_size='1TB')`."
        )


_POOLING = LayerRule("pooling", "", "", ("kernel",))  # what "attention" adds to any head


def model_tensors(
    family: Family,
    dialect: Dialect,
    config: Mapping[str, Any],
    head: bool = False,
    pooling: str = "family",
    variables: Iterable[str] = (),
) -> list[Tensor]:
    """The rules of a backbone, or of a head, written out for a configuration.

    Of a backbone whose files have our own names, `variables` are these.
    """
    if family.layers is None and not head:
        return [Tensor.of_own_name(name) for name in variables]
    rules = family.head if head else family.layers
    rules += (_POOLING,) if pooling == "attention" else ()
    return [tensor for rule in rules for tensor in rule.tensors(dialect, config)]


def is_float(dtype: np.dtype) -> bool:
    """Whether weights may be stored in this type."""
    return dtype.name in {"float16", "bfloat16", "float32", "float64"} and dtype.isnative
