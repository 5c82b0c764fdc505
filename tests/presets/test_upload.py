"""Hubs: the real clients against servers on this machine."""

import hashlib
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest

from hub_tasks.errors import PresetNotFoundError, PresetSaveError
from hub_tasks.presets.files import KNOWN
from hub_tasks.presets.publishing import upload
from hub_tasks.presets.publishing.upload import files_to_upload, upload_preset
from tests.checks.broken_presets import edit_hdf5, put, sign
from tests.checks.hub_server import COMMIT
from tests.checks.kaggle_uploads import kaggle_server
from tests.checks.upload_server import upload_server

# The client reads its settings when it is imported, hence a process of its own.
RUN = """
import json, sys, traceback
from dataclasses import asdict
from hub_tasks.errors import PresetError
from hub_tasks.presets.publishing.description import describe
from hub_tasks.presets.sources import resolve
from hub_tasks.presets.formats import read_files
from hub_tasks.presets.publishing.upload import upload_preset

def download(handle):
    files = resolve(handle)
    data = read_files(files)
    shapes = {"logits/kernel": (8, 2), "logits/bias": (2,)}
    kernel = dict(data.head.weights.read(shapes))["logits/kernel"]
    return {"revision": files.revision, "text": str(files), "labels": data.head.labels,
            "kernel": kernel.tolist()}

def look(handle):
    return asdict(describe(handle))

for line in sys.stdin:
    verb, *arguments = json.loads(line)
    try:
        result = {"upload": upload_preset, "download": download, "look": look}[verb](*arguments)
    except PresetError as error:
        result = {"error": type(error).__name__, "message": str(error),
                  "traceback": traceback.format_exc()}
    print("result", json.dumps(result), flush=True)
"""


@pytest.fixture(scope="module")
def hub_and_client(tmp_path_factory):
    directory = tmp_path_factory.mktemp("hub")
    with upload_server() as server, open(directory / "log", "w+") as log:
        settings = {
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(directory),
            "HF_TOKEN": "hf_secret",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
        }
        process = subprocess.Popen(
            [sys.executable, "-c", RUN],
            env={**os.environ, **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

        def client(*arguments: object):
            process.stdin.write(json.dumps([str(argument) for argument in arguments]) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                assert "hf_secret" not in line
                if line.startswith("result "):
                    return json.loads(line.removeprefix("result "))
            log.seek(0)
            pytest.fail(f"The client died:\n{log.read()[-3000:]}")

        client.log = directory / "log"
        yield server, client
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


@pytest.fixture
def client(hub_and_client):
    return hub_and_client[1]


@pytest.fixture
def server(hub_and_client):
    return hub_and_client[0]


def content(directory: Path) -> dict[str, bytes]:
    paths = [path for path in directory.rglob("*") if path.is_file()]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def add_foreign_files(preset: Path) -> None:
    for name in (".env", "notes[1].txt", "assets/tokenizer/more.txt", "__pycache__/a.pyc"):
        (preset / name).parent.mkdir(exist_ok=True)
        (preset / name).write_text("TOKEN=1")


def test_a_preset_is_downloaded_at_one_commit(client, server, tiny):
    server.hold("someone/tiny", {**content(tiny.keras), "evil.py": b"raise SystemExit"})
    result = client("download", "hf://someone/tiny@main")
    assert result["revision"] == COMMIT
    assert COMMIT in result["text"]
    assert result["labels"] == ["negative", "positive"]
    assert result["kernel"] == tiny.values["logits/kernel"].tolist()
    fetched = {r.partition(" ")[2] for r in server.requests if "/resolve/" in r}
    prefix = f"/someone/tiny/resolve/{COMMIT}/"
    assert fetched == {prefix + name for name in content(tiny.keras)}


@pytest.mark.parametrize("status", [401, 403, 404, 500, 0])
def test_what_the_hub_refuses_is_one_error(status, client, server):
    server.hold("someone/secret", {})
    server.status = status
    result = client("download", "hf://someone/secret")
    assert result["error"] == "PresetNotFoundError"
    assert "hf://someone/secret could not be fetched" in result["message"]


def test_a_name_that_the_client_refuses_is_one_error(client):
    result = client("download", "hf://some--one/tiny")
    assert result["error"] == "PresetNotFoundError"


def test_a_description_says_what_else_a_repository_holds(client, server, tiny):
    server.hold("someone/tiny", {**content(tiny.keras), "evil.py": b"", "notes.txt": b""})
    found = client("look", "hf://someone/tiny")
    assert (found["revision"], found["family"], found["errors"]) == (COMMIT, "bert", [])
    assert found["oddities"] == [
        "The handle is not pinned: what it stands for can change. "
        f"This one is hf://someone/tiny@{COMMIT}",
        "evil.py is a program; it is never run.",
        "Belong to no preset and are not read: notes.txt.",
    ]
    pinned = client("look", f"hf://someone/tiny@{COMMIT}")
    assert pinned["oddities"] == found["oddities"][1:]


def hold(server, files: dict[str, bytes]) -> None:
    server.hold("someone/tiny", files)
    server.blobs, server.blobs_left, server.parents = {}, 100, []


def test_d08_an_upload_is_one_commit_of_the_presets_files(client, server, signed_preset):
    expected = {n: c for n, c in content(signed_preset).items() if n in KNOWN}
    (signed_preset / "README.md").write_text("# Mine")
    add_foreign_files(signed_preset)
    before = content(signed_preset)
    hold(server, {".gitattributes": b"*.h5"})
    address = client("upload", "hf://someone/tiny", signed_preset)
    assert address == f"hf://someone/tiny@{COMMIT}"
    assert server.commits == [{**expected, "README.md": b"# Mine", ".gitattributes": b"*.h5"}]
    assert server.parents == [COMMIT]
    assert content(signed_preset) == before
    assert client("download", address)["labels"] == ["negative", "positive"]


@pytest.mark.parametrize("name", ["README.md", "readme.md"])
def test_d09_an_upload_leaves_a_readme_that_is_there(name, client, server, signed_preset):
    (signed_preset / "README.md").write_text("# Mine")
    hold(server, {name: b"# Theirs"})
    client("upload", "hf://someone/tiny", signed_preset)
    [commit] = server.commits
    assert {n: c for n, c in commit.items() if "readme" in n.lower()} == {name: b"# Theirs"}
    assert "config.json" in commit
    assert (signed_preset / "README.md").read_text() == "# Mine"


def test_what_an_older_preset_left_is_removed_and_nothing_else(client, server, signed_preset):
    older = ("model.safetensors", "assets/tokenizer/merges.txt", "README.md", "notes.txt")
    hold(server, dict.fromkeys(older, b"older"))
    client("upload", "hf://someone/tiny", signed_preset)
    [commit] = server.commits
    assert {"README.md", "notes.txt"} | content(signed_preset).keys() == commit.keys()


def test_d11_an_upload_that_breaks_off_changes_nothing(client, server, signed_preset):
    hold(server, {"config.json": b"older"})
    server.blobs_left = 1
    result = client("upload", "hf://someone/tiny", signed_preset)
    assert result["error"] == "PresetSaveError"
    assert len(server.blobs) == 1
    assert server.commits == []
    assert server.files == {"config.json": b"older"}


@pytest.mark.parametrize("status", [401, 403, 404, 500, 0])
def test_an_upload_that_is_refused_is_one_error(status, client, server, tiny):
    hold(server, {})
    server.status = status
    result = client("upload", "hf://someone/tiny", tiny.keras)
    assert result["error"] == "PresetSaveError"
    assert "What hf://someone/tiny holds is what it held before" in result["message"]
    assert server.commits == []


def test_d12_no_error_repeats_the_token(client, server, signed_preset):
    """`client` looks for the token in all that it reads, the traceback included."""
    hold(server, {})
    server.blobs_left = 0
    result = client("upload", "hf://someone/tiny", signed_preset)
    assert "Traceback" in result["traceback"]
    assert "X-Signature=" not in result["traceback"]
    logged = client.log.read_text()
    assert "hf_secret" not in logged
    assert "weights.h5" in logged  # what is looked through is what the client logs


def empty(preset: Path) -> None:
    for path in preset.iterdir():
        if path.is_file():
            path.unlink()


def damage(preset: Path) -> None:
    (preset / "config.json").write_text("{")


def change_a_bit(preset: Path) -> None:
    data = bytearray((preset / "model.weights.h5").read_bytes())
    data[-1] ^= 1
    (preset / "model.weights.h5").write_bytes(data)


def signed_values(name: str, value: object):
    """Puts a value into a tensor and brings the digests up to date."""

    def change(preset: Path) -> None:
        file, _, tensor = name.partition(":")

        def set_value(weights) -> None:
            array = weights[tensor][()]
            del weights[tensor]
            weights[tensor] = value(array)

        edit_hdf5(preset / file, set_value)
        sign(preset)

    return change


def not_finite(array: np.ndarray) -> np.ndarray:
    array[-1] = np.nan
    return array


def drop_a_token(preset: Path) -> None:
    path = preset / "assets/tokenizer/vocabulary.txt"
    path.write_text(path.read_text().replace("[SEP]\n", ""))
    sign(preset)


def small_embedding(preset: Path) -> None:
    put(preset / "config.json", "/config/vocabulary_size", 20)
    sign(preset)


def linked(name: str):
    def change(preset: Path) -> None:
        (preset / name).unlink(missing_ok=True)
        (preset / name).symlink_to("/etc/passwd")

    return change


D10 = {
    "no preset": (empty, "is no preset"),
    "no directory": (lambda preset: preset.rename(preset.with_name("gone")), "is a directory"),
    "damaged": (damage, "hub_tasks.json records"),
    "a changed bit": (change_a_bit, "hub_tasks.json records"),
    "NaN in the encoder": (
        signed_values("model.weights.h5:layers/dense/vars/0", not_finite),
        "dense/vars/0 holds NaN",
    ),
    "NaN in the head": (
        signed_values("task.weights.h5:layers/dense/vars/1", not_finite),
        "dense/vars/1 holds NaN",
    ),
    "a shape": (
        signed_values("model.weights.h5:layers/dense/vars/0", lambda array: array[:-1]),
        r"expected shape \(8, 8\), got \(7, 8\)",
    ),
    "a token": (drop_a_token, r"lacks the special tokens \[SEP\]"),
    "more tokens than rows": (small_embedding, "the embedding only 20 rows"),
    "weights that link out": (linked("model.weights.h5"), "is a symbolic link"),
    "a readme that links out": (linked("README.md"), "is a symbolic link"),
}


@pytest.fixture
def no_connection(monkeypatch):
    def connect(*arguments):
        pytest.fail("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", connect)
    monkeypatch.setattr("socket.getaddrinfo", connect)


@pytest.mark.parametrize("handle", ["hf://a/b", "kaggle://a/b/keras/c"])
@pytest.mark.parametrize(("change", "message"), D10.values(), ids=D10)
def test_d10_what_is_not_sound_is_refused_before_any_connection(
    change, message, handle, signed_preset, no_connection
):
    change(signed_preset)
    for action in (upload_preset, files_to_upload):
        with pytest.raises(PresetSaveError, match=message) as caught:
            action(handle, signed_preset)
        assert f"Nothing was sent to {handle}" in str(caught.value)


@pytest.mark.parametrize("kind", ["keras", "transformers"])
def test_a_plan_is_what_would_be_sent(kind, tiny, no_connection):
    directory = getattr(tiny, kind)
    planned = files_to_upload("hf://a/b", directory)
    assert {entry.name for entry in planned} == content(directory).keys()
    for entry in planned:
        data = content(directory)[entry.name]
        assert (entry.size, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())


HANDLES = ["", "a/b", "./b", "hf://", "hf://b", "hf://a/b@main", "hf://a/..", "kaggle://a/b"]


@pytest.mark.parametrize("handle", [*HANDLES, "gs://a/b", "http://a/b", 3, None], ids=repr)
def test_handles_that_nothing_is_published_to(handle, tiny):
    with pytest.raises(PresetNotFoundError, match="'hf://org/model' or 'kaggle://org/model/keras"):
        upload_preset(handle, tiny.keras)


@pytest.fixture
def kaggle(monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "kaggle_secret")
    with kaggle_server(monkeypatch) as server:
        yield server


def test_kaggle_gets_the_presets_files_alone(signed_preset, kaggle):
    expected = content(signed_preset)
    add_foreign_files(signed_preset)
    address = upload_preset("kaggle://me/tiny/keras/base/3", signed_preset)
    assert address == "kaggle://me/tiny/keras/base"
    assert kaggle.versions == [("me/tiny/keras/base", expected)]
    upload_preset("kaggle://me/tiny/keras/base", signed_preset)
    assert kaggle.versions[1] == kaggle.versions[0]


def test_d14_what_is_sent_is_what_was_checked(signed_preset, kaggle, monkeypatch):
    expected = content(signed_preset)
    check = upload.check_preset

    def check_and_swap(files) -> None:
        check(files)
        (signed_preset / "model.weights.h5").write_bytes(b"swapped")

    monkeypatch.setattr(upload, "check_preset", check_and_swap)
    upload_preset("kaggle://me/tiny/keras/base", signed_preset)
    assert kaggle.versions == [("me/tiny/keras/base", expected)]


@pytest.mark.parametrize("step", ["GetModel", "StartBlobUpload", "blob", "CreateModelInstance"])
def test_d11_d12_what_kaggle_refuses_is_one_error_without_the_token(step, signed_preset, kaggle):
    kaggle.refuse = step
    with pytest.raises(PresetSaveError, match=r"^Not published: ") as caught:
        upload_preset("kaggle://me/tiny/keras/base", signed_preset)
    assert "kaggle_secret" not in "".join(traceback.format_exception(caught.value))
    assert kaggle.versions == []
