"""The rules of the house, held by reading the tree."""

import ast
import importlib
from pathlib import Path

import hub_tasks
from hub_tasks.families import FAMILIES

ROOT = Path(hub_tasks.__file__).parent

# Text enters at the top as a string and leaves at the bottom as a prediction or a preset.
ORDER = (
    "errors",
    "version",
    "keras_backend",
    "importing",
    "collector",
    "registry",
    "families",
    "presets",
    "layers",
    "tokenizers",
    "data",
    "backbones",
    "tasks",
    "training",
    "evaluation",
    "export",
    "integrations",
    "callbacks",
    "names",
    "cli",
)
TOP = ("training", "evaluation", "export", "integrations")  # beside one another
TENSORFLOW_ALLOWED = {"data/tf_data.py"}


def sources() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def rooms_imported(path: Path) -> set[str]:
    parts = [name.split(".") for name in imports(path) if name.startswith("hub_tasks.")]
    return {part[1] for part in parts if part[1] in ORDER}


def test_every_room_has_its_place():
    assert {room(path) for path in sources()} <= {*ORDER, "__init__"}


def first_use(tree: ast.Module) -> dict[str, str]:
    """Name -> module for the names that a module imports on first use."""
    return {
        ast.literal_eval(name): ast.literal_eval(module)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "on_first_use"
        for module, names in zip(node.args[1].keys, node.args[1].values, strict=True)
        for name in names.elts
    }


def test_editors_see_what_is_imported_on_first_use():
    """Which makes the modules that are stated as strings subject to the rules for imports."""
    found = 0
    for path in sources():
        if room(path) == "__init__":  # held by `test_public_names_are_what_is_imported`
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        stated = first_use(tree)
        seen = {
            alias.asname or alias.name: node.module
            for branch in tree.body
            if stated and isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
            for node in branch.body
            for alias in node.names
        }
        assert seen == stated, path
        for name, module in stated.items():
            assert hasattr(importlib.import_module(module), name), f"{path}: {module}.{name}"
        found += len(stated)
    assert found


def test_imports_go_one_way():
    for path in sources():
        here = room(path)
        if here == "__init__":
            continue
        for other in rooms_imported(path) - {here}:
            assert ORDER.index(other) < ORDER.index(here), f"{path}: {here} imports {other}"
            assert not (here in TOP and other in TOP), f"{path}: {here} imports {other} beside it"


def test_presets_build_nothing():
    for path in (ROOT / "presets").rglob("*.py"):
        assert "keras" not in {name.split(".")[0] for name in imports(path)}, path


def test_tensorflow_appears_only_where_its_objects_do():
    found = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if any(name.split(".")[0] == "tensorflow" for name in imports(path))
    }
    assert found <= TENSORFLOW_ALLOWED


def test_optional_packages_are_never_imported_at_module_level():
    optional = {"tensorflow", "torch", "jax", "transformers", "pandas", "keras_hub", "keras_nlp"}
    for path in sources():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            assert not optional & {name.split(".")[0] for name in names}, path


def test_no_assert_in_library_code():
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree)), path


def test_files_and_functions_stay_short():
    for path in sources():
        text = path.read_text(encoding="utf-8")
        limit = 80 if room(path) == "families" and not path.name.startswith("_") else 300
        assert len(text.splitlines()) <= limit, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = node.end_lineno - body[0].lineno + 1 if body else 0
                assert length <= 40, f"{path}:{node.lineno} {node.name} has {length} lines"


def test_families_and_files_agree():
    files = {p.stem for p in (ROOT / "families").glob("*.py") if not p.name.startswith("_")}
    assert files == set(FAMILIES)


def test_public_names_are_what_is_imported():
    tree = ast.parse((ROOT / "names.py").read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module not in ("hub_tasks.importing", "hub_tasks.keras_backend", "typing")
        for alias in node.names
    }
    assert set(hub_tasks.__all__) == imported | {"__version__"}
    assert all(getattr(hub_tasks, name) is not None for name in hub_tasks.__all__)
    assert sorted(hub_tasks.__all__) == hub_tasks.__all__


def test_every_family_has_its_named_classes():
    for family in FAMILIES.values():
        for kind in ("Backbone", "Tokenizer", "TextClassifierPreprocessor", "TextClassifier"):
            made = getattr(hub_tasks, family.prefix + kind)
            assert made.family is family
            assert family.title in made.__doc__


def test_stubs_state_the_named_classes():
    from tools.write_stubs import stub_text

    assert (ROOT / "tasks" / "named.pyi").read_text(encoding="utf-8") == stub_text()


def test_every_public_docstring_has_an_example():
    for name in hub_tasks.__all__:
        thing = getattr(hub_tasks, name)
        if isinstance(thing, type) and name not in ("Backbone", "Prediction", "Tokenizer"):
            assert "Example" in thing.__doc__ or "Inputs" in thing.__doc__, name
