"""How large a model a configuration implies, known before it takes any memory."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

from hub_tasks.errors import PresetFormatError
from hub_tasks.presets import PresetData
from hub_tasks.presets.shapes import backbone_shapes, count

_SMALL = 2**20  # parameters that any preset may have
_WITHOUT_WEIGHTS = 10**9  # the most where no file of weights says how many there are


@contextmanager
def random_state_kept_on_failure() -> Iterator[None]:
    """What is refused draws no random numbers: Keras takes the seeds of dropout from Python's."""
    state = random.getstate()
    try:
        yield
    except BaseException:
        random.setstate(state)
        raise


def check_parameters(data: PresetData, most: int | None) -> int:
    """Refuses a configuration that implies a larger model than its weights can fill.

    Args:
        data: a preset with a backbone.
        most: parameters that are accepted whatever the files hold; None for by the files.

    Returns:
        The most that are accepted.

    Raises:
        PresetFormatError: it implies more.
    """
    stored_bytes = data.weights.size()
    if most is None:
        most = _WITHOUT_WEIGHTS if stored_bytes is None else max(stored_bytes, _SMALL)
    implied = count(backbone_shapes(data.family, data.backbone))
    if implied > most:
        held = "no file of weights" if stored_bytes is None else f"{stored_bytes} bytes of weights"
        raise PresetFormatError(
            f"config.json of preset {data.source and data.source.handle} implies a model of "
            f"{implied} parameters, and the preset has {held}; at most {most} are built. If this "
            f"is meant, pass `max_parameters={implied}`."
        )
    return most
