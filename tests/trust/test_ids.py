"""Every case has a test that bears its id."""

import ast
import re
from pathlib import Path

from tests.trust.ids import IDS


def covered() -> set[str]:
    """Ids at the beginning of a table's keys, or of a test's name."""
    found = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Dict):
                names = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                names = [node.name.removeprefix("test_").upper()]
            for name in names:
                found.update(re.findall(r"\b[A-F]\d\d(?=[ _])", re.sub("_", "  ", str(name))))
    return found


def test_every_case_has_a_test():
    assert set(IDS) - covered() == set()


def test_no_test_bears_an_id_that_does_not_exist():
    assert covered() - set(IDS) == set()
