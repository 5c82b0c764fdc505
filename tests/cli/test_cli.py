"""The command line as a person runs it."""

import os
import re
import subprocess
import sys
import time

import pytest

from hub_tasks import cli


def hub_tasks_command(*arguments: str, typed: str = "") -> subprocess.CompletedProcess:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from hub_tasks.cli import main; raise SystemExit(main())",
            *arguments,
        ],
        env={**os.environ, "COLUMNS": "160"},
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_demo_keeps_its_promises(tmp_path):
    began = time.monotonic()
    finished = hub_tasks_command(
        "demo",
        "An utterly charming film.",
        "--interactive",
        "--save",
        str(tmp_path / "intents"),
        typed="I hated every minute\n\n",
    )
    output = finished.stdout
    assert finished.returncode == 0, output + finished.stderr
    assert re.search(r"positive .*An utterly charming film", output)
    assert re.search(r"negative .*\n.*\n.*", output)
    right, total = map(int, re.search(r"(\d+) of (\d+) test messages right", output).groups())
    assert total >= 100
    assert right / total >= 0.5  # chance is one in eight
    assert "all the same" in output
    assert (tmp_path / "intents" / "hub_tasks.json").exists()
    assert time.monotonic() - began < 90


def test_the_demo_corpus_is_what_it_says():
    from hub_tasks.cli.demo import _corpus

    corpus = _corpus()
    train, test = corpus["train"], corpus["test"]
    assert len(train[0]) + len(test[0]) >= 300
    assert len(set(train[1])) >= 6
    assert set(train[1]) == set(test[1])
    assert not {t.lower() for t in train[0]} & {t.lower() for t in test[0]}


def test_errors_are_one_line_and_no_traceback(capsys, monkeypatch):
    from hub_tasks.cli import presets
    from hub_tasks.errors import PresetNotFoundError

    def fail(arguments):
        raise PresetNotFoundError("nothing here")

    monkeypatch.setattr(presets, "run", fail)
    assert cli.main(["presets"]) == 2
    assert capsys.readouterr().err == "hub-tasks: nothing here\n"


@pytest.mark.parametrize("arguments", [[], ["no-such-verb"]])
def test_unknown_verbs_list_the_known_ones(arguments, capsys):
    with pytest.raises(SystemExit):
        cli.main(arguments)
    assert "VERB" in capsys.readouterr().err
