"""Random numbers that are not drawn."""

import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def random_state_kept_on_failure() -> Iterator[None]:
    """What is refused draws no random numbers: Keras takes the seeds of dropout from Python's."""
    state = random.getstate()
    try:
        yield
    except BaseException:
        random.setstate(state)
        raise
