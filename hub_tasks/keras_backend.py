"""Choosing a backend for Keras where the one it would take is not installed.

Keras takes KERAS_BACKEND, else the backend in `keras.json`, else TensorFlow, and fails
if that one is missing. Nobody should need TensorFlow to begin, so then, and only then,
a backend that is installed is chosen.
"""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

BACKENDS = ("jax", "torch", "tensorflow")


def choose_backend() -> None:
    """Sets KERAS_BACKEND to an installed backend, unless Keras would find one by itself.

    Raises:
        ImportError: no backend is installed.
    """
    if "keras" in sys.modules or os.environ.get("KERAS_BACKEND"):
        return
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    try:
        configured = json.loads((Path(home) / "keras.json").read_text(encoding="utf-8"))["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        configured = "tensorflow"
    if configured not in BACKENDS or find_spec(configured):
        return
    installed = [name for name in BACKENDS if find_spec(name)]
    if not installed:
        raise ImportError(
            "hub_tasks computes with JAX, PyTorch or TensorFlow, and none is installed. Install "
            "one with `pip install 'hub-tasks[jax]'` (or [torch], [tensorflow])."
        )
    os.environ["KERAS_BACKEND"] = installed[0]
