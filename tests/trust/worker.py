"""A warm process that loads presets one after another and reports what each load did.

python -m tests.trust.worker: reads a job a line from standard input, JSON, and writes a report
a line to standard output. It has no network where the machine allows that.
"""

import ctypes
import json
import os
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

from tests.trust.memory import start_peak, status

NEW_USER, NEW_NET = 0x10000000, 0x40000000
MARGIN = 2**30  # address space beyond what is there, bytes: an allocator reserves more than it uses
NEVER = (  # events of `sys.audit`, or what these begin with
    "exec",
    "compile",
    "marshal.",
    "pickle.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.chdir",
    "os.putenv",
    "ctypes.dlopen",
    "import",
    "shutil.",
    "socket.",
    "tempfile.",
    "urllib.",
)


class Recorder:
    """Notes what a load may not do, by Python's audit events."""

    def __init__(self) -> None:
        self.inside: tuple[str, ...] | None = None  # folders that may be read; None: not loading
        self.seen: list[str] = []
        # JAX keeps there what it compiles; no path that a preset could know.
        self.cache = os.environ.get("JAX_COMPILATION_CACHE_DIR")
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.inside is None or (self.cache and self.cache in str(arguments)):
            return
        if event == "open":
            path, mode = arguments[0], arguments[1] or ""
            if isinstance(path, int):
                return
            # A name alone is relative to the descriptor of a folder of the preset.
            path = os.fsdecode(path)
            if path.startswith("../"):  # from there to the blobs beside the snapshots
                path = os.path.join(os.path.dirname(self.inside[1]), path.replace("../", ""))
            path = os.path.normpath(os.path.join(self.inside[0], path))
            writes = any(letter in str(mode) for letter in "wax+") or (
                mode == "" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            )
            # What is open already, by its number, was seen when it was opened.
            if writes or not path.startswith((*self.inside, "/proc/self/fd/")):
                self.seen.append(f"open {path} {mode}")
        elif event.startswith(NEVER):
            self.seen.append(f"{event} {str(arguments)[:200]}")


def state() -> dict[str, Any]:
    """All of the process that loading could change and must not."""
    import locale
    import random
    import signal

    import keras
    import numpy as np

    return {
        "floatx": keras.config.floatx(),
        "image_data_format": keras.config.image_data_format(),
        "epsilon": keras.config.epsilon(),
        "dtype policy": keras.config.dtype_policy().name,
        "custom objects": sorted(map(str, keras.saving.get_custom_objects())),
        "safe mode": keras.src.saving.serialization_lib.in_safe_mode(),
        "random": str(hash(random.getstate())),
        "numpy random": str(hash(str(np.random.get_state()))),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "import path": list(sys.path),
        "recursion": sys.getrecursionlimit(),
        "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)],
        "locale": locale.setlocale(locale.LC_ALL),
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }


def run(job: dict[str, Any], recorder: Recorder) -> dict[str, Any]:
    """Loads the preset of a job; what it did, and what came of it."""
    import resource

    import keras

    import hub_tasks
    from tests.trust.sabotage import ACTS

    act = ACTS.get(job["loader"])
    if act is None:
        load = getattr(hub_tasks, job["loader"]).from_preset
    else:
        load = lambda preset: act(Path(preset).parent)  # noqa: E731
    if job["unsafe_keras"]:
        keras.config.enable_unsafe_deserialization()
    report: dict[str, Any] = {"error": None, "warnings": [], "before": state()}
    descriptors = len(os.listdir("/proc/self/fd"))
    resident = start_peak()
    resource.setrlimit(resource.RLIMIT_AS, (status("VmSize") + MARGIN, resource.RLIM_INFINITY))
    began = time.process_time()  # that of a busy machine says nothing
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        recorder.seen, recorder.inside = [], tuple(job["inside"])
        try:
            report["loaded"] = describe(load(job["preset"], **job["options"]))
        except BaseException as error:
            recorder.inside = None
            report["error"] = [kind.__name__ for kind in type(error).__mro__]
            report["message"] = str(error)
            report["descriptors"] = len(os.listdir("/proc/self/fd")) - descriptors
        recorder.inside = None
        report["warnings"] = [str(w.message) for w in caught if w.category is UserWarning]
    report["seconds"] = time.process_time() - began
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    report["memory"] = status("VmHWM") - resident
    report.setdefault("descriptors", len(os.listdir("/proc/self/fd")) - descriptors)
    report |= {"events": recorder.seen, "after": state()}
    if job["unsafe_keras"]:
        keras.src.saving.serialization_lib.SAFE_MODE = None
        keras.src.backend.common.global_state.set_global_attribute("safe_mode_saving", None)
    return report


def describe(loaded: Any) -> dict[str, Any]:
    """What a test may want to know of what was loaded."""
    import numpy as np

    entries: dict[str, Any] = {"class": type(loaded).__name__}
    if hasattr(loaded, "labels"):
        entries["labels"] = list(loaded.labels)
        entries["sum"] = float(sum(np.abs(np.asarray(w)).sum() for w in loaded.get_weights()))
    return entries


def main() -> None:
    """Serves jobs until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    libc = ctypes.CDLL(None, use_errno=True)
    isolated = libc.unshare(NEW_USER | NEW_NET) == 0  # before there are threads
    import hub_tasks

    recorder = Recorder()
    print(json.dumps({"isolated": isolated, "version": hub_tasks.__version__}), file=answers)
    answers.flush()
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line), recorder)), file=answers)
        answers.flush()


if __name__ == "__main__":
    main()
