"""A process that has imported what saving needs, and forks for each experiment.

Importing Keras takes seconds; a fork of a process that has done so takes milliseconds, and
fewest with Keras's NumPy backend, which suffices for what is saved here.
`Worker` starts it and calls the functions below in it.
"""

import contextlib
import ctypes
import gc
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hub_tasks import presets
from hub_tasks.errors import PresetError, PresetSaveError
from hub_tasks.presets.saving import writing as saving
from tests.checks import faults

ROOT = Path(__file__).parents[2]
LABELS = {"old": ("negative", "positive"), "new": ("no", "yes")}
FORMATS = {"old": "h5", "new": "safetensors"}
_PRESETS: dict[str, presets.PresetData] = {}
_SHAPES: list[dict[str, tuple[int, ...]]] = []


class Worker:
    """The warm process, seen from the tests."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.checks.saving_worker"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "numpy"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function of this module returns there."""
        self._process.stdin.write(json.dumps([function.__name__, arguments], default=str) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(60)


def _serve() -> None:
    gc.collect()
    gc.freeze()  # forks need not copy what they only look at
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = {"result": globals()[name](*arguments)}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


def prepare(source: str, backbone: dict[str, list[int]], head: dict[str, list[int]]) -> None:
    """Reads the weights of a saved preset; from them come the presets "old" and "new"."""
    _SHAPES[:] = [{name: tuple(shape) for name, shape in part.items()} for part in (backbone, head)]
    data = presets.load(source)
    weights = dict(data.weights.read(_SHAPES[0]))
    head_weights = dict(data.head.weights.read(_SHAPES[1]))
    for i, name in enumerate(LABELS):
        own_head = {key: value + i for key, value in head_weights.items()}
        _PRESETS[name] = replace(
            data,
            weights={key: value + i for key, value in weights.items()},
            head=replace(data.head, labels=LABELS[name], weights=own_head),
        )


def save(target: str, name: str, check: Any = None) -> None:
    saving.save(target, _PRESETS[name], "0.0.0", FORMATS[name], check)


def refuse_to_save(target: str) -> None:
    """Begins a save that a check ends before anything is put in place."""

    def check(_: Path) -> None:
        raise PresetSaveError("refused")

    with contextlib.suppress(PresetSaveError):
        save(target, "new", check)


def state(target: str) -> str:
    """Which preset is there, every weight of it read: "old", "new", "absent", or what is wrong."""
    if not os.path.lexists(target):
        return "absent"
    try:
        data = presets.load(target)
        values = {**dict(data.weights.read(_SHAPES[0])), **dict(data.head.weights.read(_SHAPES[1]))}
    except PresetError as error:
        return f"broken: {error}"
    for name, preset in _PRESETS.items():
        expected = {**preset.weights, **preset.head.weights}
        same = all(np.array_equal(values[key], expected[key]) for key in expected)
        if same and data.head.labels == LABELS[name]:
            return name
    return f"mixed: {data.head.labels} with other weights"


def _fork(function: Callable[[], Any]) -> int:
    """A forked process that runs a function: exit status 0, or 1 with the error printed."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        status = function() or 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _forked(function: Callable[[], Any]) -> int:
    """The exit code of a forked process that runs a function; negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(_fork(function), 0)[1])


def kill_at_each_step(target: str, exists: bool, exchange: bool = True) -> list[str]:
    """What is at the target after a kill at each step of saving "new" there.

    Args:
        exists: whether "old" is there before.
        exchange: whether the system can exchange two directories. Where it cannot, there may
            be none for a moment; what is told then is what the next writer finds.
    """
    found = []
    for n in range(1000):
        if state(target) != ("old" if exists else "absent"):
            shutil.rmtree(target, ignore_errors=True)
            if exists:
                save(target, "old")

        def killed(n: int = n) -> None:
            if not exchange:
                sys.platform = "another"
            with faults.at_step(n, faults.kill):
                save(target, "new")

        code = _forked(killed)
        if not exchange and not os.path.lexists(target):
            refuse_to_save(target)
            found.append(f"{state(target)}, put back")
        else:
            found.append(state(target))
        if code == 0:
            return found
        if code != -signal.SIGKILL:
            raise RuntimeError(f"exit status {code} at step {n}")
    raise RuntimeError("never finished")


def kill_at_random(target: str, times: int, seed: int) -> dict[str, int]:
    """How often which preset was found after kills at random times of overwriting saves."""
    found: dict[str, int] = {}
    delays = random.Random(seed)

    def overwrite() -> None:
        while True:
            for name in LABELS:
                save(target, name)

    began = time.perf_counter()
    for name in LABELS:
        save(target, name)
    longest = 4 * (time.perf_counter() - began)
    for _ in range(times):
        pid = _fork(overwrite)
        time.sleep(delays.uniform(0, longest))
        os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        seen = state(target) if code == -signal.SIGKILL else f"exit status {code}"
        found[seen] = found.get(seen, 0) + 1
    return found


def terminate_at_step(target: str, n: int, handled: bool) -> int:
    """The exit code of a process that gets SIGTERM at a step, with or without a handler."""

    def terminated() -> None:
        if handled:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        try:
            with faults.at_step(n, lambda: signal.raise_signal(signal.SIGTERM)):
                save(target, "new")
        except SystemExit as exit:
            os._exit(exit.code)

    return _forked(terminated)


def limit_files(target: str, limit: int) -> str:
    """What a save says when no file can grow beyond `limit` bytes; "" where it succeeds."""
    return _said(target, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))


def save_unprivileged(target: str) -> str:
    """What a save says to a user who is not the superuser."""

    def become_nobody() -> None:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

    return _said(target, become_nobody)


def _said(target: str, before: Callable[[], Any]) -> str:
    reader, writer = os.pipe()

    def attempt() -> None:
        before()
        with contextlib.suppress(PresetSaveError):
            try:
                save(target, "new")
            except PresetSaveError as error:
                os.write(writer, str(error).encode())
                raise

    code = _forked(attempt)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    return said if code == 0 else f"exit status {code}"


def fill_disks(parent: str) -> list[list[Any]] | None:
    """Saves on disks of every size: [free bytes, error or "", what is there, what else is].

    None where this process may not mount one.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    disk = Path(parent, "disk")
    disk.mkdir()
    reader, writer = os.pipe()
    own_namespace = 0x00020000 | (0 if os.getuid() == 0 else 0x10000000)

    def mount(size: int, flags: int) -> bool:
        options = f"size={size}".encode()
        return libc.mount(b"none", os.fsencode(disk), b"tmpfs", flags, options) == 0

    def fill() -> int:
        if libc.unshare(own_namespace) != 0:
            return 2
        libc.mount(None, b"/", None, 0x44000, None)  # private, with all below
        if not mount(1 << 24, 0):
            return 2
        target, page = str(disk / "preset"), 4096
        save(target, "old")
        used = os.statvfs(disk)
        used = (used.f_blocks - used.f_bfree) * used.f_frsize
        results: list[list[Any]] = []
        while not results or results[-1][1]:
            if results and len(results) > 200:
                return 3
            room = page * len(results)
            mount(used + room, 0x20)
            try:
                save(target, "new")
                said = ""
            except PresetSaveError as error:
                said = str(error)
            mount(1 << 24, 0x20)
            results.append([room, said, state(target), sorted(os.listdir(disk))])
        with os.fdopen(writer, "w") as pipe:
            json.dump(results, pipe)
        return 0

    pid = _fork(fill)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == 2:
        return None
    if code:
        raise RuntimeError(f"exit status {code}")
    return json.loads(answer)


def save_traced(target: str, log: str) -> None:
    """Saves "new" in a process whose calls that order and move files `strace` writes down."""

    def traced() -> None:
        while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
            time.sleep(0.005)
        save(target, "new")

    pid = _fork(traced)
    calls = "trace=fsync,rename,renameat,renameat2,unlinkat"
    command = ["strace", "-p", str(pid), "-e", calls, "-e", "signal=none", "-o", log]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    tracer.wait(30)
    if code:
        raise RuntimeError(f"exit status {code}")


def hold_lock(target: str, seconds: float, ready: str) -> int:
    """The process id of one that is in the middle of saving "new" for so long."""

    def slow(_: Path) -> None:
        Path(ready).touch()
        time.sleep(seconds)

    pid = _fork(lambda: save(target, "new", slow))
    while not os.path.exists(ready):
        time.sleep(0.005)
    return pid


def end(pid: int) -> None:
    """Kills a process of `hold_lock`."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def orphan_with_lock(target: str, parent: str) -> int:
    """Kills a process in the middle of a save that has forked another; the other's id."""
    ready = Path(parent, "ready")

    def slow(_: Path) -> None:
        pid = _fork(lambda: time.sleep(60))
        ready.write_text(str(pid))
        time.sleep(60)

    pid = _fork(lambda: save(target, "new", slow))
    while not (ready.exists() and ready.read_text()):
        time.sleep(0.005)
    end(pid)
    return int(ready.read_text())


def contest(target: str, seconds: float, seed: int) -> dict[str, Any]:
    """Two writers and a reader for a time, one writer being killed now and then.

    Returns what each wrote, what readers saw, and how many saves and reads there were.
    """
    save(target, "old")
    until = time.monotonic() + seconds
    reader_end, writer_end = os.pipe()

    def tell(kind: str, value: str) -> None:
        os.write(writer_end, (json.dumps([kind, value]) + "\n").encode())

    def write(name: str) -> None:
        while time.monotonic() < until:
            try:
                save(target, name)
                tell("saved", name)
            except PresetSaveError as error:
                tell("refused", str(error))

    def read() -> None:
        while time.monotonic() < until:
            tell("read", state(target))

    pids = [_fork(lambda: write("old")), _fork(read)]
    lines: list[str] = []
    collector = threading.Thread(target=_collect, args=(reader_end, lines))
    collector.start()
    delays = random.Random(seed)
    while time.monotonic() < until:
        pid = _fork(lambda: write("new"))
        time.sleep(delays.uniform(0.1, 0.5))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    os.close(writer_end)
    collector.join()
    counts: dict[str, dict[str, int]] = {"saved": {}, "refused": {}, "read": {}}
    for line in lines:
        kind, value = json.loads(line)
        counts[kind][value] = counts[kind].get(value, 0) + 1
    return {**counts, "codes": codes, "last": state(target)}


def _collect(descriptor: int, lines: list[str]) -> None:
    with os.fdopen(descriptor) as pipe:
        lines.extend(pipe)


def fork_while_saving(target: str, times: int) -> list[int]:
    """Exit codes of processes forked, each to save, while a thread of their parent saves."""
    stop = threading.Event()

    def keep_saving() -> None:
        while not stop.is_set():
            save(target, "old")

    def experiment() -> int:
        thread = threading.Thread(target=keep_saving)
        thread.start()
        codes = []
        for _ in range(times):
            time.sleep(0.003)
            codes.append(_forked(lambda: save(target, "new")))
        stop.set()
        thread.join()
        return max(codes, key=abs)

    return [_forked(experiment)]


if __name__ == "__main__":
    _serve()
