"""What a load must never do, done on purpose, so that a test sees the harness see it."""

import ctypes
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

KEPT: list[object] = []


def _connect(folder: Path) -> None:
    with socket.socket() as made:
        made.settimeout(1)
        made.connect(("192.0.2.1", 80))


def _busy(folder: Path) -> None:
    end = time.process_time() + 1.2
    while time.process_time() < end:
        pass


def _raise(folder: Path) -> None:
    raise KeyError("raw")


ACTS: dict[str, Callable[[Path], object]] = {  # what assertion it breaks -> the act
    "I1 exec": lambda folder: exec("1 + 1"),
    "I1 process": lambda folder: subprocess.run(["true"], check=True),
    "I1 import": lambda folder: __import__("this_module_is_nowhere", level=0),
    "I1 library": lambda folder: ctypes.CDLL("libm.so.6"),
    "I2 read": lambda folder: (folder / "outside/secret").read_text(),
    "I2 read by C": lambda folder: ctypes.CDLL(None).open(
        os.fsencode(folder / "outside/secret"), os.O_RDONLY
    ),
    "I2 write": lambda folder: (folder / "preset/canary").write_text("x"),
    "I3 connection": _connect,
    "I4 memory": lambda folder: np.ones(2**24).sum(),
    "I5 time": _busy,
    "I6 floatx": lambda folder: keras.config.set_floatx("float16"),
    "I6 recursion": lambda folder: sys.setrecursionlimit(999),
    "I6 random": lambda folder: np.random.rand(),
    "I2 wait": lambda folder: os.open(folder / "outside/fifo", os.O_RDONLY),
    "I1 crash": lambda folder: os.abort(),
    "I8 descriptor": lambda folder: KEPT.append(os.dup(0)),
    "I7 raw error": _raise,
}
