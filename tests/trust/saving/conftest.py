"""Two small presets to save, a folder in memory to save them to, a process to kill."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checks import saving_worker
from tests.checks.saving_worker import Worker
from tests.checks.tiny import tiny_classifier


@pytest.fixture(scope="session")
def sources(tmp_path_factory) -> list:
    """What `saving_worker.prepare` makes its presets "old" and "new" from."""
    clf = tiny_classifier()
    directory = tmp_path_factory.mktemp("trust") / "source"
    clf.save_to_preset(directory)
    variables = clf.backbone.weights, clf.head_variables()
    shapes = [{v.path: list(v.shape) for v in part} for part in variables]
    saving_worker.prepare(str(directory), *shapes)
    return [str(directory), *shapes]


@pytest.fixture(scope="session")
def worker(sources) -> Iterator[Worker]:
    """A warm process that forks for each experiment; see `saving_worker`."""
    worker = Worker()
    worker.call(saving_worker.prepare, *sources)
    yield worker
    worker.close()


@pytest.fixture
def parent(sources) -> Iterator[Path]:
    """An empty folder that every user can reach, in memory where the system has that."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="hub_tasks-", dir=shared))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def target(parent) -> Path:
    """The preset "old", saved."""
    saving_worker.save(str(parent / "preset"), "old")
    return parent / "preset"
