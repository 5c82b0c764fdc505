"""A small preset in either format, saved once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hub_tasks import presets
from hub_tasks.tasks.persistence import to_data
from tests.checks.broken_presets import Shapes, copy_preset, write_transformers_preset
from tests.checks.tiny import tiny_classifier


@dataclass(frozen=True)
class Tiny:
    """A preset of a random classifier, what was saved, and the shapes of its variables."""

    keras: Path
    transformers: Path
    data: presets.PresetData
    backbone: Shapes
    head: Shapes

    @property
    def values(self) -> dict[str, np.ndarray]:
        return {**self.data.weights, **self.data.head.weights}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Tiny:
    directory = tmp_path_factory.mktemp("tiny")
    clf = tiny_classifier("bert")
    clf.save_to_preset(directory / "keras")
    data = to_data(clf)
    write_transformers_preset(directory / "transformers", {**data.weights, **data.head.weights})
    return Tiny(
        keras=directory / "keras",
        transformers=directory / "transformers",
        data=data,
        backbone={name: value.shape for name, value in data.weights.items()},
        head={name: value.shape for name, value in data.head.weights.items()},
    )


@pytest.fixture
def keras_preset(tiny, tmp_path) -> Path:
    """A copy to break, without the manifest."""
    return copy_preset(tiny.keras, tmp_path / "preset")


@pytest.fixture
def signed_preset(tiny, tmp_path) -> Path:
    """A copy to break, with the manifest."""
    return copy_preset(tiny.keras, tmp_path / "preset", manifest=True)


@pytest.fixture
def transformers_preset(tiny, tmp_path) -> Path:
    """A copy to break."""
    return copy_preset(tiny.transformers, tmp_path / "preset")
