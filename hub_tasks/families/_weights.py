"""Reversible rules from our variables to the tensors of other libraries' files.

A family lists one `LayerRule` per layer, with three names for it: ours, the one in
`transformers` checkpoints, and the one in KerasHub's `.weights.h5` files. From that one
line follow the tensor names and the layouts in both files, for reading and for writing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import numpy as np

Dialect = Literal["keras", "transformers"]

LOOPS = {  # counter in the names of a rule -> the configuration's entry that it counts up to
    "i": "num_layers",
    "g": "num_groups",
    "j": "num_inner_repetitions",
    "k": "num_inner_feed_forwards",
}

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

    @classmethod
    def of_own_name(cls, name: str) -> "Tensor":
        """A variable that files hold under our name for it, as it is."""
        return cls(name, (name,), False, None, 1)

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

    Names may hold the counters of `LOOPS`, `{_n}` (how often the rule was written out
    before, in Keras's counting: "", "_1", "_2", ...), `{part}` (one of `parts`, which our
    layer keeps fused) and `{p}` (the first letter of that).

    Args:
        ours, transformers, keras: the three names; `keras` is "" where KerasHub has no such
            layer, and our own name is used in its place.
        variables: what the layer has.
        parts: see above.
        head_axis: where KerasHub keeps heads as an axis of its own.
        when: `(configuration, counters)` -> whether there is such a layer.
    """

    ours: str
    transformers: str
    keras: str
    variables: tuple[str, ...]
    parts: tuple[str, ...] = ("",)
    head_axis: Literal["input", "output"] | None = None
    when: Callable[[Mapping[str, Any], Mapping[str, Any]], bool] = lambda config, at: True

    def tensors(self, dialect: Dialect, config: Mapping[str, Any]) -> Iterator[Tensor]:
        """The rule written out for a model of this configuration."""
        if dialect == "transformers":
            template = self.transformers
        else:
            template = "layers/" + (self.keras or self.ours)
        parts = self.parts if "{p" in template else ("",)
        for at in self._places(config):
            for variable in self.variables:
                names = [template.format(**at, part=part, p=part[:1]) for part in parts]
                yield Tensor(
                    ours=f"{self.ours.format(**at)}/{variable}",
                    names=tuple(name + _SUFFIX[dialect][variable] for name in names),
                    transposed=dialect == "transformers" and variable == "kernel",
                    head_axis=self.head_axis if dialect == "keras" else None,
                    heads=config["num_heads"] if self.head_axis else 1,
                )

    def _places(self, config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        counters = [counter for counter in LOOPS if "{" + counter + "}" in self.ours]
        ranges = (range(config[LOOPS[counter]]) for counter in counters)
        for n, place in enumerate(product(*ranges)):
            at = {**dict(zip(counters, place, strict=True)), "_n": f"_{n}" if n else ""}
            if self.when(config, at):
                yield at


def embedding(ours: str, transformers: str, keras: str = "") -> LayerRule:
    """A table of vectors, `(rows, dim)`."""
    return LayerRule(ours, transformers, keras, ("embeddings",))


def norm(ours: str, transformers: str, keras: str = "") -> LayerRule:
    """A normalisation: scale and offset, `(dim,)` each."""
    return LayerRule(ours, transformers, keras, ("gamma", "beta"))


def dense(ours: str, transformers: str, keras: str = "") -> LayerRule:
    """A dense layer: kernel `(in, out)`, bias `(out,)`."""
    return LayerRule(ours, transformers, keras, ("kernel", "bias"))


def kernel(ours: str, transformers: str, keras: str = "") -> LayerRule:
    """A dense layer without bias: kernel `(in, out)`."""
    return LayerRule(ours, transformers, keras, ("kernel",))


def scale(ours: str, transformers: str, keras: str = "") -> LayerRule:
    """A normalisation without offset: scale, `(dim,)`."""
    return LayerRule(ours, transformers, keras, ("gamma",))


def fused_heads(ours: str, transformers: str, keras: str = "") -> LayerRule:
    """Query, key and value projections, which we keep as one kernel `(in, 3 * in)`."""
    parts = ("query", "key", "value")
    return LayerRule(ours, transformers, keras, ("kernel", "bias"), parts, "output")


def joined_heads(ours: str, transformers: str, keras: str = "") -> LayerRule:
    """The projection that joins the heads again, kernel `(in, out)`."""
    return LayerRule(ours, transformers, keras, ("kernel", "bias"), head_axis="input")


def in_each_layer(
    transformers: str, keras: str, *rules: LayerRule, ours: str = "transformer_layer_{i}/"
) -> tuple[LayerRule, ...]:
    """Rules of one transformer layer -> rules of all, by the prefixes of their names."""
    return tuple(
        replace(
            rule,
            ours=ours + rule.ours,
            transformers=transformers + rule.transformers,
            keras=keras + rule.keras if rule.keras else "",
        )
        for rule in rules
    )


def bert_layers(
    transformers: str = "encoder.layer.{i}.", disentangled: bool = False, **names: str
) -> tuple[LayerRule, ...]:
    """The rules of all layers of a post-norm encoder, as KerasHub's `TransformerEncoder`.

    Args:
        transformers: the prefix of a layer in `transformers`.
        disentangled: whether KerasHub has its `DisentangledAttentionEncoder` in that place.
        **names: ours -> the name in `transformers`, where it is not BERT's; and `ours`, the
            prefix of a layer of ours.
    """
    ours = names.pop("ours", "transformer_layer_{i}/")
    keras = "disentangled_attention_encoder" if disentangled else "transformer_encoder"
    attention, rest = "_self_attention_layer", "_feedforward_"
    heads = f"{attention}/{'_' if disentangled else ''}"
    joined = dense if disentangled else joined_heads
    theirs = {
        "query_key_value": "attention.self.{part}",
        "attention_output": "attention.output.dense",
        "attention_layer_norm": "attention.output.LayerNorm",
        "intermediate": "intermediate.dense",
        "output": "output.dense",
        "feed_forward_layer_norm": "output.LayerNorm",
        **names,
    }
    return in_each_layer(
        transformers,
        keras + "{_n}/",
        fused_heads("attention/query_key_value", theirs["query_key_value"], heads + "{part}_dense"),
        joined("attention/output", theirs["attention_output"], heads + "output_dense"),
        norm("attention_layer_norm", theirs["attention_layer_norm"], attention + "_norm"),
        dense("feed_forward/intermediate", theirs["intermediate"], rest + "intermediate_dense"),
        dense("feed_forward/output", theirs["output"], rest + "output_dense"),
        norm("feed_forward_layer_norm", theirs["feed_forward_layer_norm"], rest + "layer_norm"),
        ours=ours,
    )
