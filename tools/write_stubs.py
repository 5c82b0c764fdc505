"""Writes `hub_tasks/tasks/named.pyi`, which states the named classes for editors.

python tools/write_stubs.py
"""

from pathlib import Path

from hub_tasks.tasks import named


def stub_text() -> str:
    """The contents of the stub file, from the classes as they are made."""
    bases: dict[str, set[str]] = {}
    lines = []
    for name in named.__all__:
        base = getattr(named, name).__mro__[1]
        bases.setdefault(base.__module__, set()).add(base.__name__)
        lines.append(f"class {name}({base.__name__}): ...")
    imports = [
        f"from {module} import {', '.join(sorted(names))}"
        for module, names in sorted(bases.items())
    ]
    return "\n".join([*imports, "", *lines]) + "\n"


if __name__ == "__main__":
    path = Path(named.__file__).with_suffix(".pyi")
    path.write_text(stub_text(), encoding="utf-8")
