"""When Python does not look for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Makes many objects at once without looking for garbage meanwhile.

    Modules, token ids and predictions by the thousand set the search off, which finds next to
    nothing; but each full one walks all objects of Keras and its backend, a tenth of a second.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
