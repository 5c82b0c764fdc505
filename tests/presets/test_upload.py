"""Hubs: the real Hugging Face client against a server on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import kagglehub
import pytest

from hub_tasks.errors import PresetError, PresetNotFoundError, PresetSaveError, UnsafePresetError
from hub_tasks.presets.files import KNOWN
from hub_tasks.presets.upload import upload_preset
from tests.checks.hub_server import COMMIT, hub_server

# The client reads its settings when it is imported, hence a process of its own.
RUN = """
import json, sys
from hub_tasks.errors import PresetError
from hub_tasks.presets.sources import resolve
from hub_tasks.presets.formats import read_files
from hub_tasks.presets.upload import upload_preset

def download(handle):
    files = resolve(handle)
    data = read_files(files)
    shapes = {"logits/kernel": (8, 2), "logits/bias": (2,)}
    kernel = dict(data.head.weights.read(shapes))["logits/kernel"]
    return {"revision": files.revision, "text": str(files), "labels": data.head.labels,
            "kernel": kernel.tolist()}

for line in sys.stdin:
    verb, *arguments = json.loads(line)
    try:
        result = {"upload": upload_preset, "download": download}[verb](*arguments)
    except PresetError as error:
        result = {"error": type(error).__name__, "message": str(error)}
    print("result", json.dumps(result), flush=True)
"""


@pytest.fixture(scope="module")
def hub_and_client(tmp_path_factory):
    directory = tmp_path_factory.mktemp("hub")
    with hub_server() as server, open(directory / "log", "w+") as log:
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


def test_an_upload_is_one_commit_of_the_presets_files(client, server, signed_preset):
    expected = {n: c for n, c in content(signed_preset).items() if n in KNOWN}
    (signed_preset / "README.md").write_text("# Mine")
    add_foreign_files(signed_preset)
    server.hold("someone/new", {})
    assert client("upload", "hf://someone/new", signed_preset) is None
    assert server.commits == [{**expected, "README.md": b"# Mine"}]


def test_an_upload_leaves_a_readme_that_is_there(client, server, signed_preset):
    (signed_preset / "README.md").write_text("# Mine")
    server.hold("someone/old", {"README.md": b"# Theirs"})
    assert client("upload", "hf://someone/old", signed_preset) is None
    assert len(server.commits) == 1
    assert "README.md" not in server.commits[0]
    assert "config.json" in server.commits[0]


@pytest.mark.parametrize("status", [403, 0])
def test_an_upload_that_is_refused_is_one_error(status, client, server, tiny):
    server.hold("someone/else", {})
    server.status = status
    result = client("upload", "hf://someone/else", tiny.keras)
    assert result["error"] == "PresetSaveError"
    assert "hf://someone/else was not changed" in result["message"]
    assert server.commits == []


def empty(preset: Path) -> None:
    for path in preset.iterdir():
        if path.is_file():
            path.unlink()


def damage(preset: Path) -> None:
    (preset / "config.json").write_text("{")


def link_out(preset: Path) -> None:
    (preset / "README.md").symlink_to("/etc/passwd")


REFUSED = {
    "no preset": (empty, PresetNotFoundError),
    "damaged": (damage, PresetError),
    "a link out": (link_out, UnsafePresetError),
}


@pytest.mark.parametrize("handle", ["hf://a/b", "kaggle://a/b/keras/c"])
@pytest.mark.parametrize(("change", "error"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_preset_is_refused_before_any_connection(
    change, error, handle, signed_preset, monkeypatch
):
    def connect(*arguments):
        pytest.fail("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", connect)
    monkeypatch.setattr("socket.getaddrinfo", connect)
    change(signed_preset)
    with pytest.raises(error):
        upload_preset(handle, signed_preset)


@pytest.mark.parametrize(
    "handle",
    ["", "a/b", "./b", "hf://", "hf://a/b@main", "kaggle://a/b", "gs://a/b", "http://a/b", 3, None],
    ids=repr,
)
def test_handles_that_nothing_is_published_to(handle, tiny):
    with pytest.raises(PresetNotFoundError, match="'hf://org/model' or 'kaggle://org/model/keras"):
        upload_preset(handle, tiny.keras)


def test_kaggle_gets_the_presets_files_alone(signed_preset, monkeypatch):
    expected = content(signed_preset)
    add_foreign_files(signed_preset)
    sent = {}
    monkeypatch.setattr(
        kagglehub, "model_upload", lambda handle, path: sent.update({handle: content(Path(path))})
    )
    upload_preset("kaggle://me/tiny/keras/base/3", signed_preset)
    assert sent == {"me/tiny/keras/base": expected}


def test_kaggles_refusal_is_one_error(signed_preset, monkeypatch):
    def refuse(handle, path):
        raise kagglehub.exceptions.BackendError("quota\nmore")

    monkeypatch.setattr(kagglehub, "model_upload", refuse)
    with pytest.raises(PresetSaveError, match=r"not changed: quota$"):
        upload_preset("kaggle://me/tiny/keras/base", signed_preset)
