"""What keeps importing cheap."""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def on_first_use(
    package: str, modules: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A module's `__getattr__` and `__dir__` (PEP 562), for names that few programs need.

    Editors and type checkers read the same imports beside it, which never run; a test
    compares the two:

        if TYPE_CHECKING:
            from hub_tasks.presets.saving import save
        else:
            __getattr__, __dir__ = on_first_use(__name__, {"hub_tasks.presets.saving": ["save"]})

    Args:
        package: the `__name__` of the module that has the names.
        modules: the modules that define them -> the names.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)  # the next use finds it there
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, names
