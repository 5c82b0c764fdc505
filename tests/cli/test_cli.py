"""The command line as a person runs it."""

import os
import re
import subprocess
import sys
import time

import pytest

import hub_tasks
from hub_tasks import cli


def hub_tasks_command(*arguments: str, typed: str = "") -> subprocess.CompletedProcess:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from hub_tasks.cli import main; raise SystemExit(main())",
            *arguments,
        ],
        # Compiled as for users, and not as for tests, whose models run once.
        env={**os.environ, "COLUMNS": "160", "XLA_FLAGS": ""},
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


def listed(capsys, *arguments: str) -> str:
    assert cli.main(["presets", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "shown", "hidden"),
    [
        ([], ["bert_base_en ", "roberta_base_en "], []),
        (["toxic", "BERT"], ["toxic-bert", "identity_hate"], ["minilm"]),
        (["--family", "modernbert"], ["modernbert_base_en"], ["roberta"]),
        (["--language", "de"], ["bert_base_de", "xlm_roberta_base_multi "], ["bert_base_en "]),
        (["--language", "multi"], ["xlm_roberta_base_multi "], ["bert_base_de"]),
        (["--task", "classifier", "sentiment"], ["bert_tiny_en_sentiment"], ["bert_base_en "]),
        (["--local"], ["bert_tiny_en_sentiment", "static_minilm_en"], ["bert_base_en"]),
    ],
    ids=" ".join,
)
def test_presets_are_searched(arguments, shown, hidden, capsys):
    output = listed(capsys, *arguments)
    assert all(text in output for text in shown), output
    assert not any(text in output for text in hidden), output


def test_presets_take_a_line_of_80_columns_each(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = listed(capsys).splitlines()
    assert len(lines) == len(hub_tasks.list_presets()) + 2
    assert max(map(len, lines)) <= 80
    assert re.search(r"^bert_base_de .* main, unpinned", "\n".join(lines), re.MULTILINE)


def test_a_whole_name_shows_all_that_is_known(capsys):
    output = listed(capsys, "bert_base_en")
    assert "kaggle://keras/bert/keras/bert_base_en/3" in output
    assert "108,310,272" in output
    assert "uncased" not in output


def test_nothing_found_offers_close_names(capsys):
    assert cli.main(["presets", "bert_bse_en"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Did you mean 'bert_base_en'" in printed.err
    assert "Received: words=['bert_bse_en']" in printed.err
    assert cli.main(["presets", "--local", "--family", "mpnet"]) == 1
    assert "Received: family='mpnet', local=True" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--family", "bart"], "xlm_roberta"),
        (["--language", "German"], "two lower-case letters"),
        (["--task", "tagger"], "encoder"),
    ],
    ids=" ".join,
)
def test_filters_name_what_they_accept(arguments, message, capsys):
    with pytest.raises(SystemExit):
        cli.main(["presets", *arguments])
    assert message in capsys.readouterr().err
