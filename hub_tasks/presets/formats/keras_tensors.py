"""Where KerasHub's files and our variables differ by more than names.

RoBERTa's table of positions holds, in KerasHub, the sum of ours without its unused rows and
of the one row of segments that is ever used. Both are written: that sum for KerasHub, and
ours beside it, which KerasHub ignores, so that nothing is lost on the way back. KerasHub's
ELECTRA has a pooler that no checkpoint fills; zeros are written for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hub_tasks.families import Family, Tensor
from hub_tasks.presets.weights import model_tensors

_POSITIONS, _SEGMENTS = "position_embedding/embeddings", "segment_embedding/embeddings"


@dataclass(frozen=True)
class _Positions(Tensor):
    """A table of positions without its first rows."""

    offset: int = 0

    def encode(self, value: np.ndarray) -> list[np.ndarray]:
        return [value[self.offset :]]

    def decode(self, pieces: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        return np.pad(pieces[0], ((self.offset, 0), (0, 0)))


@dataclass(frozen=True)
class _Zeros(Tensor):
    """A variable that the file does not have."""

    def encode(self, value: np.ndarray) -> list[np.ndarray]:
        return []

    def decode(self, pieces: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape, "float32")


def tensors_to_read(
    family: Family, config: Mapping[str, Any], present: Mapping[str, object]
) -> list[Tensor]:
    """The tensors that make up a backbone, from a file of ours or of KerasHub's own."""
    exact = model_tensors(family, "keras", config)
    if not family.keras_positions or any(
        t.ours == _POSITIONS and t.names[0] in present for t in exact
    ):
        return exact
    sums = [
        _Positions(
            _POSITIONS, (_name(family),), False, None, 1, offset=family.encoder.position_offset
        ),
        _Zeros(_SEGMENTS, (), False, None, 1),
    ]
    return [t for t in exact if t.ours not in (_POSITIONS, _SEGMENTS)] + sums


def tensors_beside(
    family: Family, config: Mapping[str, Any], values: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What KerasHub's files hold beside our variables: name -> array."""
    beside: dict[str, np.ndarray] = {}
    if family.keras_positions:
        rows = values[_POSITIONS][family.encoder.position_offset :]
        beside[_name(family)] = rows + values[_SEGMENTS][:1]
    for tensor in (t for rule in family.keras_unused for t in rule.tensors("keras", config)):
        size = config["hidden_dim"]
        shape = (size, size) if tensor.ours.endswith("kernel") else (size,)
        beside[tensor.names[0]] = np.zeros(shape, "float32")
    return beside


def names_beside(family: Family, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of those."""
    unused = [t.names[0] for rule in family.keras_unused for t in rule.tensors("keras", config)]
    return (*unused, _name(family)) if family.keras_positions else tuple(unused)


def _name(family: Family) -> str:
    return f"layers/{family.keras_positions}/vars/0"
