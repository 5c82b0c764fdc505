"""Whether what was written gives what the object gives that it was written from."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from hub_tasks.errors import PresetError, PresetSaveError, received

T = TypeVar("T")
TEXTS = (
    "A warm, funny and moving film.",
    "",
    "It was neither good nor bad, but far too long for the little that it had to say!",
)
_RELATIVE, _ABSOLUTE = 1e-4, 1e-5  # the same weights, computed twice on the same machine
# By how much of the largest output rounded weights may move one: several times what they do.
_ROUNDED = {"float16": 0.01, "int8": 0.1}


def comparison(
    saved: T,
    load: Callable[[Path], T],
    outputs: Callable[[T], Mapping[str, Any]],
    weights_format: str = "h5",
    copy_weights: Callable[[T, T], None] = lambda source, target: None,
) -> Callable[[Path], None]:
    """A check for `presets.save`: loads what was written and compares outputs.

    Where the format rounds weights, outputs must be close, and equal once what was loaded
    has the weights of the original, so that nothing but rounding moves them.

    Args:
        saved: the object that is saved.
        load: makes such an object from a directory.
        outputs: what either is compared by: names -> arrays, or anything else.
        weights_format: as in `presets.save`.
        copy_weights: gives the second object the weights of the first.
    """
    share = _ROUNDED.get(weights_format, 0.0)

    def check(directory: Path) -> None:
        try:
            loaded = load(directory)
            actual = outputs(loaded)
        except PresetError as error:
            raise PresetSaveError(f"Not saved, since it could not be loaded: {error}") from error
        expected = outputs(saved)
        _compare(expected, actual, share)
        if share:
            copy_weights(saved, loaded)
            _compare(expected, outputs(loaded))

    return check


def texts_to_verify(verify: bool | str | Sequence[str]) -> list[str]:
    """The texts of an argument `verify`: some of ours for True; none for False."""
    if isinstance(verify, bool):
        return list(TEXTS) if verify else []
    return [verify] if isinstance(verify, str) else list(verify)


def _compare(expected: Mapping[str, Any], actual: Mapping[str, Any], share: float = 0.0) -> None:
    for name, value in expected.items():
        difference = _difference(value, actual[name], share)
        if difference:
            much = f" by more than {share:.0%} of the largest" if share else ""
            raise PresetSaveError(
                f"Not saved: the {name} of what was written differ from those of what was to be "
                f"saved{much}. {difference}"
            )


def _difference(expected: Any, actual: Any, share: float) -> str | None:
    if not isinstance(expected, np.ndarray):
        return None if expected == actual else received(expected=expected, loaded=actual)
    if expected.shape != actual.shape:
        return received(expected_shape=expected.shape, loaded_shape=actual.shape)
    rounding = share * float(np.abs(expected).max(initial=0.0))
    if np.allclose(actual, expected, _RELATIVE, _ABSOLUTE + rounding):
        return None
    return received(largest_difference=float(np.abs(actual - expected).max()))
