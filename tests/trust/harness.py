"""What every hostile preset is put through: one load in a warm process, and the invariants.

I1 nothing executed, I2 nothing touched outside, I3 no network, I4 bounded memory, I5 bounded
time, I6 no process-global change, I7 one clear error, I8 nothing left over.
"""

import ctypes
import json
import os
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub_tasks import errors

MEMORY = 64 * 2**20  # bytes; the models here are far smaller
SECONDS, HARD_SECONDS = 5.0, 30.0
SECRET = "what-only-the-owner-may-know"
_OPENED = 0x20 | 0x1 | 0x2 | 0x100 | 0x200  # open, access, modify, create, delete
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Case:
    """A broken preset and what must come of it.

    Args:
        change: breaks a copy of a good preset; gets its folder, and one beside it that
            nothing may touch. May return the path to load in its place.
        error: the class that must be raised; None where it must load.
        message: a pattern that the message (or where it loads, the one warning) matches.
        base: the good preset.
        options: arguments of `from_preset`.
        loader: what is loaded.
        labels: those that it must have where it loads.
        unsafe_keras: whether Keras's own unsafe mode is switched on before.
    """

    change: Callable[[Path, Path], Any]
    error: type[Exception] | None = None
    message: str = ""
    base: str = "keras"
    options: Mapping[str, Any] = field(default_factory=dict)
    loader: str = "TextClassifier"
    labels: tuple[str, ...] | None = None
    unsafe_keras: bool = False


class Worker:
    """The process in which presets are loaded; begun anew where one brings it down."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.temporary = folder / "tmp"
        self.plugins = folder / "plugins"
        for made in (self.temporary, self.plugins):
            made.mkdir()
        os.mkfifo(self.plugins / "libh5plugin.so")  # a library that is opened never answers
        self.isolated = False
        self.warm: list[tuple[Path, dict[str, Any]]] = []
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None

    def load(
        self, preset: Path, options: Mapping[str, Any], loader: str, unsafe_keras: bool = False
    ) -> dict[str, Any]:
        """One load, and the worker's report of it."""
        if self._process is None:
            self._start()
        return self._ask(preset, options, loader, unsafe_keras)

    def _start(self) -> None:
        environment = {
            **os.environ,
            "TMPDIR": str(self.temporary),
            "HDF5_PLUGIN_PATH": str(self.plugins),
            "PYTHONPATH": str(_ROOT),
            "MALLOC_ARENA_MAX": "2",  # the address space that threads reserve is limited
            "XLA_FLAGS": "",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.trust.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=self.folder,
            text=True,
        )
        self.isolated = self._answer(300)["isolated"]
        for preset, options in self.warm:  # what is imported lazily is imported now
            self._ask(preset, options, "TextClassifier", False, 120)

    def _ask(
        self,
        preset: Path,
        options: Mapping[str, Any],
        loader: str,
        unsafe_keras: bool,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        job = {"preset": str(preset), "options": dict(options), "loader": loader}
        # A snapshot in a hub's cache consists of links to the blobs beside it.
        blobs = [preset.parents[1] / "blobs"] if preset.parent.name == "snapshots" else []
        job["inside"] = [str(folder) for folder in (preset, *blobs)]
        self._process.stdin.write(json.dumps({**job, "unsafe_keras": unsafe_keras}) + "\n")
        self._process.stdin.flush()
        return self._answer(seconds or HARD_SECONDS)

    def _answer(self, seconds: float) -> dict[str, Any]:
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            code = self._process.poll()
            self.stop()
            raise AssertionError(
                f"the process that loads crashed with {code}" if ready else "the load hangs (I5)"
            )
        return json.loads(line)


class Outside:
    """A folder beside a preset that nothing may touch, watched by the system itself."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        (folder / "secret").write_text(SECRET)
        os.mkfifo(folder / "fifo")  # who opens it waits until the time limit

    def __enter__(self) -> "Outside":
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert libc.inotify_add_watch(self._descriptor, os.fsencode(self.folder), _OPENED) >= 0
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self._descriptor)

    def was_touched(self) -> bool:
        try:
            return bool(os.read(self._descriptor, 4096))
        except BlockingIOError:
            return False


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Every path in a folder with its kind, size and time of change."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        entry = path.lstat()
        found[str(path)] = (entry.st_mode, entry.st_size, entry.st_mtime_ns)
    return found


def check(case: Case, good: Path, worker: Worker, folder: Path) -> None:
    """Breaks a copy of a good preset, loads it and asserts the invariants and the outcome."""
    preset = folder / "preset"
    shutil.copytree(good, preset, symlinks=True)
    outside = Outside(folder / "outside")
    changed = case.change(preset, outside.folder)
    before = contents(folder)
    with outside:
        preset = changed if isinstance(changed, Path) else preset
        report = worker.load(preset, case.options, case.loader, case.unsafe_keras)
        assert not outside.was_touched(), "I2"
    assert report["events"] == [], f"I1, I2, I3: {report['events'][:5]}"
    assert worker.isolated or not any("socket" in event for event in report["events"]), "I3"
    assert report["memory"] <= MEMORY, f"I4: {report['memory']}"
    assert report["seconds"] <= SECONDS, f"I5: {report['seconds']}"
    _check_state(report)
    assert contents(folder) == before, "I2, I8"
    assert list(worker.temporary.iterdir()) == [], "I8"
    assert report["descriptors"] == 0, "I8"
    _check_outcome(case, report)


def _check_state(report: dict[str, Any]) -> None:
    before, after = report["before"], report["after"]
    changed = {key for key in before if before[key] != after[key]}
    if not report["error"]:
        changed -= {"random"}  # Keras draws the seeds of the model's dropout
    assert not changed, f"I6: {changed}"


def _check_outcome(case: Case, report: dict[str, Any]) -> None:
    assert not report["error"] or "PresetError" in report["error"], f"I7: {report['message']}"
    if case.error is None:
        assert report["error"] is None, report["message"]
        if case.labels is not None:
            assert tuple(report["loaded"]["labels"]) == case.labels
        text = "\n".join(report["warnings"])
        assert bool(text) == bool(case.message), text
    else:
        assert report["error"], f"loaded: {report['loaded']}"
        assert issubclass(case.error, errors.HubTasksError)
        assert report["error"][0] == case.error.__name__, report["message"]
        text = report["message"]
        assert len(text) < 3000, "I7"
        assert text.replace("\n", " ").isprintable(), "I7"
    assert SECRET not in text, "I7"
    assert re.search(case.message, text, re.DOTALL), f"I7: {text}"
