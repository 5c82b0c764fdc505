"""`hub-tasks inspect` and `hub-tasks upload` as a person runs them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hub_tasks
from hub_tasks import cli
from hub_tasks.presets import CATALOGUE
from tests.checks.broken_presets import edit_json, put
from tests.checks.kaggle_uploads import kaggle_server
from tests.checks.tiny import LABELS, TEXTS, from_scratch


@pytest.fixture
def preset(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("COLUMNS", "160")
    return Path(shutil.copytree(CATALOGUE["bert_tiny_en_sentiment"].directory, tmp_path / "preset"))


def run(capsys, *arguments: object, status: int = 0) -> str:
    assert cli.main([str(argument) for argument in arguments]) == status
    printed = capsys.readouterr()
    return printed.err if status == 2 else printed.out


def test_inspect_shows_what_a_preset_is(preset, capsys):
    output = run(capsys, "inspect", preset)
    for shown in (
        "1,582,210",
        "negative, positive",
        "single_label_classification",
        "wordpiece, 9,000 tokens",
        "128 tokens",
        "hub_tasks 0.1.0",
        "float16",
        "3,230,544",
        "1a3bf7d557b314ee",
    ):
        assert shown in output
    assert "note: Not all weights are stored as float32" in output


def test_inspect_knows_built_in_names(capsys):
    found = json.loads(run(capsys, "inspect", "bert_tiny_en_sentiment", "--json"))
    assert (found["handle"], found["family"]) == ("bert_tiny_en_sentiment", "bert")
    assert found["labels"] == ["negative", "positive"]
    assert (found["parameters"], found["errors"]) == (1_582_210, [])
    [config] = [entry for entry in found["files"] if entry["name"] == "config.json"]
    assert (config["size"], len(config["sha256"])) == (569, 64)


HOSTILE = "\x1b[31mred\x1b[0m [bold]b[/bold] [link=https://evil.example]l[/link] \u202etxt\r"
SHOWN = r"\x1b[31mred\x1b[0m [bold]b[/bold] [link=https://evil.example]l[/link] \u202etxt\r"


@pytest.mark.parametrize("place", ["label", "file", "error"])
def test_inspect_prints_what_a_preset_says_escaped(place, preset, capsys):
    labels = [HOSTILE, "other"]
    edit_json(preset / "hub_tasks.json", lambda manifest: manifest.update(labels=labels))
    if place == "file":
        (preset / HOSTILE.replace("/", "|")).touch()
    if place == "error":
        put(preset / "config.json", "/registered_name", HOSTILE)
        (preset / "hub_tasks.json").unlink()
    output = run(capsys, "inspect", preset, status=1 if place == "error" else 0)
    assert all(c.isprintable() for line in output.split("\n") for c in line)
    assert (SHOWN.replace("/", "|") if place == "file" else SHOWN) in output


def test_inspect_shows_what_cannot_be_read_as_errors(preset, capsys):
    (preset / "model.weights.h5").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    output = run(capsys, "inspect", preset, status=1)
    assert "error: model.weights.h5 of preset" in output
    assert "git-LFS pointer" in output
    assert "1,582,210" in output
    found = json.loads(run(capsys, "inspect", preset, "--json", status=1))
    assert len(found["errors"]) == 2  # the digest and the content


def test_inspect_finds_nothing(preset, capsys):
    assert "No preset has this handle" in run(capsys, "inspect", preset / "no", status=2)


def no_connection(*arguments: object) -> None:
    pytest.fail("a connection was opened")


def test_a_dry_run_lists_what_would_be_sent(preset, capsys, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", no_connection)
    monkeypatch.setattr("socket.getaddrinfo", no_connection)
    (preset / ".env").write_text("TOKEN=1")
    output = run(capsys, "upload", "hf://me/moods", preset, "--dry-run")
    assert "9 files, 3,311,548 bytes, to hf://me/moods" in output
    assert "1a3bf7d557b314ee" in output
    assert "There is no README.md" in output
    assert ".env" not in output
    (preset / "README.md").write_text("# Mine")
    output = run(capsys, "upload", "hf://me/moods", preset, "--dry-run")
    assert "README.md is sent only where there is none" in output


def test_what_is_not_sound_is_not_sent(preset, capsys):
    (preset / "metadata.json").write_text("{}")
    told = run(capsys, "upload", "hf://me/moods", preset, "--dry-run", status=2)
    assert told.startswith("hub-tasks: Nothing was sent to hf://me/moods: metadata.json of preset")


def test_upload_says_where_the_preset_is(preset, capsys, monkeypatch):
    with kaggle_server(monkeypatch) as server:
        output = run(capsys, "upload", "kaggle://me/moods/keras/tiny", preset)
    assert output.splitlines()[-1] == (
        "Published. Load it with TextClassifier.from_preset('kaggle://me/moods/keras/tiny')."
    )
    [(variant, files)] = server.versions
    assert variant == "me/moods/keras/tiny"
    assert files == {p.relative_to(preset).as_posix(): p.read_bytes()
                     for p in preset.rglob("*") if p.is_file()}  # fmt: skip


def as_installed(*arguments: str) -> subprocess.CompletedProcess:
    """The command in a process of its own name, which imports no Keras by itself."""
    code = "import sys; sys.argv[0] = 'hub-tasks'; from hub_tasks.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_encoders_are_known_to_the_command(tmp_path):
    clf = from_scratch("fast_ngram", TEXTS, LABELS)
    clf.save_to_preset(tmp_path / "preset")
    hub_tasks.write_model_card(tmp_path / "preset")
    finished = as_installed("inspect", str(tmp_path / "preset"), "--json")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    found = json.loads(finished.stdout)
    assert (found["family"], found["task"]) == ("fast_ngram", "classifier")
    assert found["labels"] == ["negative", "positive"]
    assert found["parameters"] == clf.count_params()
    assert found["tokenizer"] == "trained"
    assert found["errors"] == found["oddities"] == []
    sent = as_installed("upload", "hf://me/mine", str(tmp_path / "preset"), "--dry-run")
    assert sent.returncode == 0, sent.stderr
    assert "model.weights.h5" in sent.stdout


def test_an_encoder_that_nobody_defined_is_an_error(tmp_path, capsys):
    from_scratch("cnn", TEXTS, LABELS).save_to_preset(tmp_path / "preset")
    put(tmp_path / "preset" / "config.json", "/registered_name", "hub_tasks>MineBackbone")
    shown = run(capsys, "inspect", tmp_path / "preset", status=1)
    assert "import the module that defines its class" in " ".join(shown.split())
