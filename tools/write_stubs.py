"""Writes `hub_tasks/tasks/named.pyi`, which states the named classes for editors.

python tools/write_stubs.py
"""

import inspect
from pathlib import Path

from hub_tasks.families import Field
from hub_tasks.tasks import named

_COMMON = {"dtype": "Any = None", "name": "str | None = None", "trainable": "bool = True"}


def stub_text() -> str:
    """The contents of the stub file, from the classes as they are made."""
    bases: dict[str, set[str]] = {}
    lines = []
    for name in named.__all__:
        made = getattr(named, name)
        base = made.__mro__[1]
        bases.setdefault(base.__module__, set()).add(base.__name__)
        if "__signature__" in vars(made):
            blank = [""] if lines else []
            lines += [*blank, f"class {name}({base.__name__}):", *_constructor(made), ""]
        else:
            lines.append(f"class {name}({base.__name__}): ...")
    imports = [
        f"from {module} import {', '.join(sorted(names))}"
        for module, names in sorted(bases.items())
    ]
    return "\n".join(["from typing import Any", "", *imports, "", *lines]) + "\n"


def _constructor(backbone: type) -> list[str]:
    """The arguments of a backbone, as its family's configuration states them."""
    kinds = {field.name: _kind(field) for field in backbone.family.config}
    lines = ["    def __init__(", "        self,", "        *,"]
    for parameter in inspect.signature(backbone).parameters.values():
        stated = _COMMON.get(parameter.name, kinds.get(parameter.name))
        default = parameter.default
        if parameter.name in kinds and default is not inspect.Parameter.empty:
            stated += f" = {default!r}".replace("'", '"')
        lines.append(f"        {parameter.name}: {stated},")
    return [*lines, "    ) -> None: ..."]


def _kind(field: Field) -> str:
    if field.choices:
        return "bool" if True in field.choices else "str"
    return type(field.minimum).__name__


if __name__ == "__main__":
    path = Path(named.__file__).with_suffix(".pyi")
    path.write_text(stub_text(), encoding="utf-8")
