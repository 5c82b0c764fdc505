"""Presets changed at random: success or one clear error, never anything else."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub_tasks import presets
from hub_tasks.errors import PresetError
from tests.checks.broken_presets import copy_preset, read_weights

MANY = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 10**30, 2**63]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["keras_hub>BertBackbone", "../x", "bert", "softmax", "float16", "\ud800"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
KERAS = ("config.json", "tokenizer.json", "preprocessor.json", "task.json", "hub_tasks.json")
TRANSFORMERS = ("config.json", "tokenizer_config.json")
BINARY = (
    ("keras", "model.weights.h5"),
    ("keras", "task.weights.h5"),
    ("keras", "assets/tokenizer/vocabulary.txt"),
    ("transformers", "model.safetensors"),
    ("transformers", "vocab.txt"),
)


def places(value, path=()):
    """The path of every entry of a JSON document."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def mutate(document, draw):
    everywhere = list(places(document))
    if not everywhere:
        return
    *parents, last = draw(st.sampled_from(everywhere))
    for parent in parents:
        document = document[parent]
    if draw(st.booleans()):
        document[last] = draw(VALUES)
    else:
        del document[last]


@pytest.fixture
def loads(tiny):
    def loads(directory):
        try:
            read_weights(presets.load(directory), tiny.backbone, tiny.head)
        except PresetError as error:
            str(error).encode()  # a message that can be printed

    return loads


@pytest.fixture
def copies(tiny, tmp_path):
    """A copy of each kind, with all files that a test changes."""
    found = {}
    for kind, source in (("keras", tiny.keras), ("transformers", tiny.transformers)):
        found[kind] = copy_preset(source, tmp_path / kind)
    settings_file = found["transformers"] / "tokenizer_config.json"
    settings_file.write_text('{"do_lower_case": true, "model_max_length": 12}')
    return found, json.loads((tiny.keras / "hub_tasks.json").read_text())


@MANY
@given(data=st.data())
def test_json_documents(data, copies, loads):
    found, manifest = copies
    kind = data.draw(st.sampled_from(["keras", "transformers"]))
    name = data.draw(st.sampled_from(KERAS if kind == "keras" else TRANSFORMERS))
    path = found[kind] / name
    before = path.read_text() if path.exists() else None
    document = json.loads(before) if before is not None else json.loads(json.dumps(manifest))
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(document, data.draw)
    path.write_text(json.dumps(document))
    try:
        loads(found[kind])
    finally:
        path.unlink() if before is None else path.write_text(before)


@MANY
@given(data=st.data())
def test_cut_and_overwritten_files(data, copies, loads):
    found, _ = copies
    kind, name = data.draw(st.sampled_from(BINARY))
    path = found[kind] / name
    before = path.read_bytes()
    content = bytearray(before)
    for _ in range(data.draw(st.integers(0, 3))):
        position = data.draw(st.integers(0, min(len(content), 4096) - 1))
        content[position] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    path.write_bytes(content)
    try:
        loads(found[kind])
    finally:
        path.write_bytes(before)
