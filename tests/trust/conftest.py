"""Good presets of every layout, and the process that loads broken copies of them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.trust.bases import make_bases
from tests.trust.harness import Case, Worker, check


@pytest.fixture(scope="session")
def good(tmp_path_factory) -> dict[str, Path]:
    """Name -> a preset that loads."""
    return make_bases(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="session")
def worker(good, tmp_path_factory) -> Iterator[Worker]:
    if sys.platform != "linux":
        pytest.skip("the checks of the process that loads are Linux's")
    with Worker(tmp_path_factory.mktemp("worker")) as made:
        missing = tmp_path_factory.mktemp("missing")
        made.warm = [(path, {}) for path in good.values()]
        made.warm += [(missing, {}), (good["keras"], {"num_classes": 3})]
        made.warm += [(path, {}) for path in good.values()]
        yield made


@pytest.fixture
def holds(good, worker, tmp_path) -> Callable[[Case], None]:
    """Asserts that a case comes out as it must, the invariants included."""
    return lambda case: check(case, good[case.base], worker, tmp_path)
