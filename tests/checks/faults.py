"""Something goes wrong at the n-th step of a save.

A step is an operation on files that the modules which write presets ask for. The exchange
of two directories is no function of `os`; what is called right before it stands for it.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_WRITERS = (
    "hub_tasks.presets.saving.writing",
    "hub_tasks.presets.saving.placing",
    "hub_tasks.presets.saving.locking",
    "shutil",
)
_BEFORE_EXCHANGE = "set_errno"
_OPERATIONS = {
    "chmod",
    "flock",
    "fsync",
    "mkdir",
    "open",
    "rename",
    "rmdir",
    "truncate",
    "unlink",
    "write",
    _BEFORE_EXCHANGE,
}


@contextlib.contextmanager
def at_step(n: int, act: Callable[[], Any], after: bool = False) -> Iterator[list[str]]:
    """Does `act` at the n-th step, counted from 0, once; yields the names of steps so far.

    Args:
        after: when the step is done, in place of before it. For a kill the two are one, as
            nothing happens to files between a step and the next.
    """
    steps: list[str] = []
    wanted = "c_return" if after else "c_call"

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        if event != wanted or frame.f_globals.get("__name__") not in _WRITERS:
            return
        if argument.__name__ in _OPERATIONS:
            steps.append(argument.__name__)
            if len(steps) == n + 1:
                act()

    sys.setprofile(watch)
    try:
        yield steps
    finally:
        sys.setprofile(None)


def kill() -> None:
    """`kill -9` of this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def raising(error: BaseException) -> Callable[[], None]:
    """Raises the error."""

    def act() -> None:
        raise error

    return act
