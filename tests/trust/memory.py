"""How much memory a piece of work takes at its peak."""

import ctypes
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def status(key: str) -> int:
    """An entry of this process's memory status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key + ":"))


def start_peak() -> int:
    """Lets the peak begin anew; the memory that is in use now."""
    Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")


class Cost:
    """What a piece of work took."""

    seconds = 0.0  # of the clock, or of the processors where others keep them busy
    memory = 0  # bytes beyond what was in use before


@contextmanager
def measured() -> Iterator[Cost]:
    """Measures the work within."""
    cost = Cost()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before, began = start_peak(), (time.perf_counter(), time.process_time())
    yield cost
    cost.seconds = min(time.perf_counter() - began[0], time.process_time() - began[1])
    cost.memory = status("VmHWM") - before
