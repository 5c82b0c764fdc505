"""Arguments that several verbs have, and what they stand for."""

import argparse
import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from hub_tasks.collector import collector_paused
from hub_tasks.errors import CommandError, received
from hub_tasks.keras_backend import BACKENDS

HANDLE = (
    "a built-in name, a directory, hf://org/model@revision or "
    "kaggle://org/model/keras/variant/version"
)


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Which columns of a file hold what."""
    group = parser.add_argument_group("columns")
    group.add_argument(
        "--text-column", metavar="NAME", help="of the texts (default: text, sentence or content)"
    )
    group.add_argument(
        "--pair-column", metavar="NAME", help="of the second texts, where there are pairs"
    )


def add_label_column(parser: argparse.ArgumentParser) -> None:
    """Which column holds the labels."""
    parser.add_argument("--label-column", metavar="NAME", help="(default: label or labels)")


def add_machinery(parser: argparse.ArgumentParser) -> None:
    """How it is computed."""
    parser.add_argument("--batch-size", type=positive, metavar="N", help="texts in a step")
    parser.add_argument(
        "--sequence-length", type=positive, metavar="N", help="cut texts to so many tokens"
    )
    parser.add_argument(
        "--backend",
        type=_backend,
        metavar="NAME",
        help=f"{', '.join(BACKENDS)} (default: KERAS_BACKEND, or Keras's configuration)",
    )
    parser.add_argument(
        "--define",
        action="append",
        default=[],
        metavar="MODULE",
        help="import this module of yours first, by its name or the path of its file: for "
        "encoders that it defines",
    )


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1. {received(value=text)}")
    return int(text)


def _backend(name: str) -> str:
    if name not in BACKENDS:
        raise argparse.ArgumentTypeError(f"must be {', '.join(BACKENDS)}. {received(backend=name)}")
    if not importlib.util.find_spec(name):
        raise argparse.ArgumentTypeError(
            f"{name} is not installed; `pip install 'hub-tasks[{name}]'` installs it."
        )
    return name


def prepare(arguments: argparse.Namespace) -> None:
    """Chooses the backend, imports what needs Keras, and then the user's own modules."""
    if arguments.backend and "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = arguments.backend
    with collector_paused():
        import hub_tasks.names  # noqa: F401 - it chooses a backend that is installed
    import keras

    if arguments.backend not in (None, keras.backend.backend()):
        raise CommandError(
            f"Keras runs on {keras.backend.backend()} in this process already; set KERAS_BACKEND. "
            f"{received(backend=arguments.backend)}"
        )
    for name in arguments.define:
        _define(name)


def module_name(define: str) -> str:
    """What a module that the user names is imported as."""
    return Path(define).stem if define.endswith(".py") else define


def _define(define: str) -> None:
    """Imports a module that the user names, which is to run on this user's behalf.

    Raises:
        CommandError: there is none of this name, or it fails.
    """
    try:
        if not define.endswith(".py"):
            # Last, so that nothing that lies there stands in for an installed module.
            sys.path.append(os.getcwd())
            importlib.import_module(define)
            return
        path = Path(define).expanduser().resolve()
        spec: Any = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)
        spec.loader.exec_module(module)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise CommandError(
            f"The module cannot be imported: {type(error).__name__}: {error} (line "
            f"{place.lineno} of {place.filename}). {received(define=define)}"
        ) from error


def load(arguments: argparse.Namespace) -> Any:
    """The classifier of `arguments.preset`, with its head."""
    from hub_tasks import TextClassifier

    return TextClassifier.from_preset(arguments.preset, sequence_length=arguments.sequence_length)
