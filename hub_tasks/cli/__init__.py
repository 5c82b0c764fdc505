"""The command line: `hub-tasks VERB`, one file per verb."""

import argparse
import importlib
import os
import pkgutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hub_tasks.errors import HubTasksError, printable
from hub_tasks.version import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb; returns the exit status.

    A verb is a module of this folder with `HELP`, `add_arguments(parser)` and
    `run(arguments)`. It imports what is heavy inside `run`. Names of what is no verb begin
    with `_`.
    """
    parser = argparse.ArgumentParser(
        prog="hub-tasks", description="Load, fine-tune, use and publish text classifiers."
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        verb = importlib.import_module(f"{__name__}.{module.name}")
        sub = verbs.add_parser(module.name, help=verb.HELP, description=verb.HELP)
        verb.add_arguments(sub)
        sub.set_defaults(run=verb.run)
    chosen = parser.parse_args(arguments)
    try:
        with _plain_warnings():
            status = chosen.run(chosen)
        sys.stdout.flush()
        return status
    except HubTasksError as error:
        _tell(error)
        return 2
    except BrokenPipeError:  # `| head` has read enough; nor is there more to flush at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Shows what users are warned of without the line of the library that does it."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_plainly(message: Any, category: type[Warning], *place: Any) -> None:
            if issubclass(category, UserWarning):
                _tell(message)
            else:
                show(message, category, *place)

        warnings.showwarning = show_plainly
        yield


def _tell(message: object) -> None:
    lines = map(printable, str(message).splitlines())
    print("hub-tasks: " + "\n".join(lines), file=sys.stderr)
