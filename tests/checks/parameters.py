"""Parameters of tests."""

from collections.abc import Iterable
from typing import Any

import pytest


def elsewhere_the_first(values: Iterable[Any]) -> list[Any]:
    """Parameters of which PyTorch tests each, and every other backend the first alone."""
    first, *others = values
    return [pytest.param(first, marks=pytest.mark.backend), *others]
