"""Reversible rules from our variables to the tensors of other libraries' files.

A family lists one `LayerRule` per layer, with three names for it: ours, the one in
`transformers` checkpoints, and the one in KerasHub's `.weights.h5` files. From that one
line follow the tensor names and the layouts in both files, for reading and for writing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Dialect = Literal["keras", "transformers"]

_SUFFIX = {
    "transformers": {
        "kernel": ".weight",
        "bias": ".bias",
        "gamma": ".weight",
        "beta": ".bias",
        "embeddings": ".weight",
    },
    "keras": {
        "kernel": "/vars/0",
        "bias": "/vars/1",
        "gamma": "/vars/0",
        "beta": "/vars/1",
        "embeddings": "/vars/0",
    },
}


@dataclass(frozen=True)
class Tensor:
    """One of our variables, and how the tensors of a file make it up.

    `names` are the tensors in the file; several where our variable fuses them along
    its last axis. `heads` is the head count where the file keeps heads as an axis.
    """

    ours: str
    names: tuple[str, ...]
    transposed: bool
    head_axis: Literal["input", "output"] | None
    heads: int

    def encode(self, value: np.ndarray) -> list[np.ndarray]:
        """Our variable -> the file's tensors, in the order of `names`."""
        pieces = np.split(value, len(self.names), axis=-1)
        return [self._encode_piece(piece) for piece in pieces]

    def decode(self, pieces: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """The file's tensors -> our variable of `shape`."""
        width = shape[-1] // len(self.names)
        flat = (*shape[:-1], width)
        pieces = [p.T if self.transposed else p.reshape(flat) for p in pieces]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=-1)

    def shapes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The shapes that the file's tensors must have for our variable's `shape`."""
        hollow = np.broadcast_to(np.float32(0), shape)  # has a shape but no memory
        return [piece.shape for piece in self.encode(hollow)]

    def _encode_piece(self, piece: np.ndarray) -> np.ndarray:
        if self.transposed:
            return piece.T
        if self.head_axis == "output":
            return piece.reshape(*piece.shape[:-1], self.heads, piece.shape[-1] // self.heads)
        if self.head_axis == "input" and piece.ndim == 2:
            return piece.reshape(self.heads, piece.shape[0] // self.heads, piece.shape[1])
        return piece


@dataclass(frozen=True)
class LayerRule:
    """One layer under its three names.

    Names may hold `{i}` (the index of a transformer layer), `{_i}` (Keras's counting:
    "", "_1", "_2", ...) and `{part}` (one of `parts`, which our layer keeps fused).
    """

    ours: str
    transformers: str
    keras: str
    variables: tuple[str, ...]
    parts: tuple[str, ...] = ("",)
    head_axis: Literal["input", "output"] | None = None

    def tensors(self, dialect: Dialect, num_layers: int, num_heads: int) -> Iterator[Tensor]:
        """The rule written out for a model of `num_layers` layers."""
        template = self.transformers if dialect == "transformers" else "layers/" + self.keras
        for i in range(num_layers if "{i}" in self.ours else 1):
            index = {"i": i, "_i": f"_{i}" if i else ""}
            for variable in self.variables:
                suffix = _SUFFIX[dialect][variable]
                yield Tensor(
                    ours=f"{self.ours.format(**index)}/{variable}",
                    names=tuple(
                        template.format(**index, part=part) + suffix for part in self.parts
                    ),
                    transposed=dialect == "transformers" and variable == "kernel",
                    head_axis=self.head_axis if dialect == "keras" else None,
                    heads=num_heads,
                )


def embedding(ours: str, transformers: str, keras: str) -> LayerRule:
    """A table of vectors, `(rows, dim)`."""
    return LayerRule(ours, transformers, keras, ("embeddings",))


def norm(ours: str, transformers: str, keras: str) -> LayerRule:
    """A layer normalisation: scale and offset, `(dim,)` each."""
    return LayerRule(ours, transformers, keras, ("gamma", "beta"))


def dense(ours: str, transformers: str, keras: str) -> LayerRule:
    """A dense layer: kernel `(in, out)`, bias `(out,)`."""
    return LayerRule(ours, transformers, keras, ("kernel", "bias"))


def fused_heads(ours: str, transformers: str, keras: str) -> LayerRule:
    """Query, key and value projections, which we keep as one kernel `(in, 3 * in)`."""
    parts = ("query", "key", "value")
    return LayerRule(ours, transformers, keras, ("kernel", "bias"), parts, "output")


def joined_heads(ours: str, transformers: str, keras: str) -> LayerRule:
    """The projection that joins the heads again, kernel `(in, out)`."""
    return LayerRule(ours, transformers, keras, ("kernel", "bias"), head_axis="input")


def in_each_layer(transformers: str, keras: str, *rules: LayerRule) -> tuple[LayerRule, ...]:
    """Rules of one transformer layer -> rules of all, by the prefixes of their names."""
    return tuple(
        replace(
            rule,
            ours="transformer_layer_{i}/" + rule.ours,
            transformers=transformers + rule.transformers,
            keras=keras + rule.keras,
        )
        for rule in rules
    )
