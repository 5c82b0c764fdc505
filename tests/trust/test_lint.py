"""What must not even be written in code that loading a preset can reach."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import hub_tasks

ROOT = Path(hub_tasks.__file__).parent
NEVER_NAMED = {  # wherever it is written, as a name or an attribute
    "deserialize_keras_object",
    "enable_unsafe_deserialization",
    "load_model",
    "eval",
    "exec",
    "compile_command",
    "__import__",
    "find_class",
    "TFSMLayer",
    "TorchModuleWrapper",
    "KerasFileEditor",
    "allow_pickle",
    "unsafe_load",
    "trust_remote_code",
}
NEVER_IMPORTED = {
    "pickle",
    "marshal",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "imp",
    "runpy",
    "code",
    "codeop",
    "yaml",
    "zipimport",
}
NEVER_CALLED = {"torch.load", "np.load", "numpy.load", "compile", "keras.saving.load_model"}
READING = [  # what turns the bytes of a preset into data
    *sorted((ROOT / "presets" / "formats").glob("*.py")),
    *(ROOT / "presets" / f"{name}.py" for name in ("strict_json", "schema", "weights", "data")),
]
TO_FILES = {"os", "pathlib", "io.open", "shutil", "tempfile", "glob", "urllib", "http", "socket"}


def trees() -> Iterator[tuple[Path, ast.AST]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return found


def problems(tree: ast.AST) -> list[str]:
    """What is banned everywhere."""
    found = [n for n in imports(tree) if n.partition(".")[0] in NEVER_IMPORTED]
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in NEVER_NAMED:
            found.append(node.id)
        elif isinstance(node, ast.Attribute) and node.attr in NEVER_NAMED:
            found.append(node.attr)
        elif isinstance(node, ast.keyword) and node.arg in NEVER_NAMED:
            found.append(str(node.arg))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in NEVER_CALLED:
            found.append(ast.unparse(node.func))
    return found


def ways_to_files(tree: ast.AST) -> list[str]:
    """What opens files otherwise than by `PresetFiles`, or with a name that is no constant."""
    found = [n for n in imports(tree) if n in TO_FILES or n.partition(".")[0] in TO_FILES]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in ("open", "h5py.File") and ast.unparse(node.args[0]) not in READERS_OF_OPEN:
            found.append(ast.unparse(node))
        if called in ("files.open", "files.read", "files.exists", "files.size", "read_json"):
            name = node.args[1] if called == "read_json" else node.args[0]
            if not _is_constant(name):
                found.append(ast.unparse(node))
    return found


READERS_OF_OPEN = {"metered", "buffer"}  # files that are open already, or in memory
# Parameters and loop variables that only ever hold constants of `presets/files.py`.
CARRIERS = {"name", "head_file", "index", "found[0]", "_SHARDS", "safe", "hdf5"}


def _is_constant(node: ast.expr) -> bool:
    text = ast.unparse(node)
    return text.startswith("names.") or text in CARRIERS


@pytest.mark.parametrize("source", ["keras.saving.deserialize_keras_object({})", "eval('1')"])
def test_the_lint_sees_what_is_banned(source):
    assert problems(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from marshal import loads",
        "torch.load(path)",
        "compile(text, '', 'exec')",
        "np.load(file, allow_pickle=True)",
    ],
)
def test_the_lint_sees_ways_to_run_code(source):
    assert problems(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "open(config['path'])",
        "import os",
        "from pathlib import Path",
        "h5py.File(path, 'r')",
        "files.open(config['name'])",
        "read_json(files, document['file'])",
        "files.read(f'{entry}.json', 9)",
    ],
)
def test_the_lint_sees_ways_to_files(source):
    assert ways_to_files(ast.parse(source))


def test_nothing_that_could_run_a_preset():
    assert {str(path): problems(tree) for path, tree in trees() if problems(tree)} == {}


@pytest.mark.parametrize("path", READING, ids=lambda path: path.stem)
def test_a12_what_reads_a_preset_opens_files_by_constant_names_alone(path):
    assert ways_to_files(ast.parse(path.read_text(encoding="utf-8"))) == []
