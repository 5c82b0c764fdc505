"""`hub-tasks train`, `evaluate` and `predict` as a person runs them."""

import io
import json
import os
import re
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks import cli

GOOD, BAD = "a good fine film", "a bad dull film"
TINY = ("--encoder", "average_embedding", "--set", "embedding_dim=8", "--batch-size", "8")


def run(capsys, *arguments: object, status: int = 0) -> str:
    """What a verb prints, or says of an error."""
    assert cli.main([str(argument) for argument in arguments]) == status
    printed = capsys.readouterr()
    return printed.err if status else printed.out


def write_tsv(path, columns, rows):
    lines = ["\t".join(map(str, row)) for row in (columns, *rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rows = [(GOOD, "good"), (BAD, "bad")] * 20
    return write_tsv(tmp_path_factory.mktemp("data") / "train.tsv", ("text", "label"), rows)


@pytest.fixture(scope="module")
def preset(data, tmp_path_factory):
    target = tmp_path_factory.mktemp("presets") / "moods"
    arguments = ["train", str(data), "--into", str(target), *TINY, "--seed", "1", "--epochs", "12"]
    assert cli.main(arguments) == 0
    return target


@pytest.fixture
def typed(monkeypatch):
    """Sets what comes from standard input."""

    def set_to(content: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    return set_to


def settings(preset, file="hub_tasks.json"):
    return json.loads((preset / file).read_text(encoding="utf-8"))


def outputs(preset):
    return hub_tasks.TextClassifier.from_preset(preset).predict([GOOD, BAD], verbose=0)


@pytest.mark.backend
def test_training_says_what_it_does_and_how_to_load_it(data, preset, tmp_path, capsys):
    target = tmp_path / "moods"
    told = run(capsys, "train", data, "--into", target, *TINY, "--seed", 1, "--epochs", 12)
    assert "36 texts to train on, 4 to validate on; 2 labels: bad, good" in told
    assert "validation  accuracy 1.0000, loss " in told
    assert "Training anew on all rows, 12 epochs" in told
    assert ", 4 texts, before it was trained on these too" in told
    [line] = [line for line in told.splitlines() if line.startswith("load it")]
    names: dict = {}
    exec(line.removeprefix("load it").strip(), names)
    assert [p.label for p in names["clf"].classify([GOOD, BAD])] == ["good", "bad"]
    assert names["clf"].backbone.config["embedding_dim"] == 8
    # The same seed gives the same run; other seeds differ by some 5e-3.
    np.testing.assert_allclose(outputs(target), outputs(preset), atol=1e-4)


def test_the_best_epoch_is_reported(tmp_path, capsys):
    rows = [(f"w{i}", label) for i, label in enumerate(["good", "bad", "bad", "good", "bad"] * 8)]
    path = write_tsv(tmp_path / "a.tsv", ("text", "label"), rows)  # of which nothing is learnt
    told = run(capsys, "train", path, "--into", tmp_path / "p", *TINY, "--seed", 1, "--epochs", 40)
    losses = [float(text) for text in re.findall(r"val_loss: ([\d.]+)", told)]
    assert min(losses) < losses[-1]
    [reported] = re.findall(r"validation  .* loss ([\d.]+), ", told)
    assert float(reported) == pytest.approx(min(losses), abs=1e-4)


@pytest.mark.parametrize("how", ["share", "file", "none"])
def test_what_is_said_to_be_held_out_is_never_trained_on(how, data, tmp_path, capsys):
    given = {"share": ["--validation-split", 0.1], "file": ["--validation", data]}
    told = run(capsys, "train", data, "--into", tmp_path / "p", *TINY, "--epochs", 1,
               *given.get(how, ["--validation-split", 0]))  # fmt: skip
    texts = {"share": 36, "file": 40, "none": 40}[how]
    assert f"{texts} texts to train on" in told
    assert "anew" not in told
    assert "trained on these too" not in told
    assert ("validation  accuracy" in told) == (how != "none")


def test_several_labels_in_jsonl(tmp_path, capsys):
    path, target = tmp_path / "a.jsonl", tmp_path / "p"
    rows = [(GOOD, ["good", "film"]), (BAD, "bad|film"), ("x", [])] * 8
    path.write_text("".join(json.dumps({"t": t, "tags": tags}) + "\n" for t, tags in rows))
    columns = ("--text-column", "t", "--label-column", "tags")
    run(capsys, "train", path, "--into", target, *TINY, *columns, "--multi-label", "--epochs", 2,
        "--weights-format", "safetensors", "--validation", path)  # fmt: skip
    assert settings(target)["labels"] == ["bad", "film", "good"]
    assert settings(target)["problem_type"] == "multi_label_classification"
    assert list(target.glob("*.safetensors"))
    found = json.loads(run(capsys, "evaluate", target, path, *columns, "--json"))
    assert [entry["support"] for entry in found["classes"].values()] == [8, 16, 8]
    asked = ("predict", target, "--text", GOOD, "--threshold")
    assert run(capsys, *asked, 1) == "\t\n"
    assert run(capsys, *asked, 0).split("\t")[0] == "bad|film|good"
    assert list(json.loads(run(capsys, *asked, 0, "--json"))["labels"]) == ["bad", "film", "good"]


def test_numbers_for_pairs_of_texts(tmp_path, capsys):
    path, target = tmp_path / "a.tsv", tmp_path / "p"
    write_tsv(path, ("text_a", "text_b", "score"), [(GOOD, GOOD, 5.0), (GOOD, BAD, 0.5)] * 10)
    columns = ("--text-column", "text_a", "--pair-column", "text_b")
    labels = ("--label-column", "score")
    told = run(capsys, "train", path, "--into", target, *TINY, *columns, *labels, "--regression",
               "--epochs", 1)  # fmt: skip
    assert "18 texts to train on, 2 to validate on; numbers" in told
    assert "mean_absolute_error" in told
    clf = hub_tasks.TextClassifier.from_preset(target)
    expected = clf.predict(([GOOD] * 2, [GOOD, BAD]), verbose=0)[:, 0]
    told = run(capsys, "predict", target, path, *columns).splitlines()
    assert [float(line) for line in told[:2]] == pytest.approx(expected.tolist(), abs=1e-4)
    assert len(told) == 20
    found = json.loads(run(capsys, "evaluate", target, path, *columns, *labels, "--json"))
    assert set(found) == {"texts", "loss", "mean_absolute_error"}


def test_the_head_of_a_preset_stays_where_the_labels_do(data, preset, tmp_path, capsys):
    told = run(capsys, "train", data, "--into", tmp_path / "a", "--preset", preset, "--epochs", 1)
    assert "the head is that of the preset" in told
    assert outputs(tmp_path / "a").argmax(axis=1).tolist() == [1, 0]
    other = write_tsv(tmp_path / "b.tsv", ("text", "label"), [(GOOD, "c"), (BAD, "d")] * 10)
    told = run(capsys, "train", other, "--into", tmp_path / "b", "--preset", preset, "--epochs", 1)
    assert "the head is a fresh one" in told
    assert settings(tmp_path / "b")["labels"] == ["c", "d"]


def test_balanced_classes_weigh_the_same(tmp_path, capsys):
    rows = [("x", "rare")] * 2 + [("x", "often")] * 18
    path, target = write_tsv(tmp_path / "a.tsv", ("text", "label"), rows), tmp_path / "p"
    run(capsys, "train", path, "--into", target, *TINY, "--epochs", 40, "--seed", 1,
        "--validation-split", 0, "--class-weight", "balanced")  # fmt: skip
    told = run(capsys, "predict", target, "--text", "x", "--json", "--scores")
    assert 0.45 < json.loads(told)["scores"]["rare"] < 0.55


def test_evaluation_agrees_with_keras_and_counts_by_class(preset, tmp_path, capsys):
    rows = [(GOOD, "good"), (BAD, "bad"), (GOOD, "bad"), (BAD, "bad"), (GOOD, "good")]
    path = write_tsv(tmp_path / "test.tsv", ("text", "label"), rows)
    found = json.loads(run(capsys, "evaluate", preset, path, "--json"))
    clf = hub_tasks.TextClassifier.from_preset(preset)
    expected = clf.evaluate(*map(list, zip(*rows, strict=True)), verbose=0, return_dict=True)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5)
    assert found["texts"] == 5
    assert found["classes"] == {
        "bad": {"precision": 1, "recall": 2 / 3, "f1": 0.8, "support": 3},
        "good": {"precision": 2 / 3, "recall": 1, "f1": 0.8, "support": 2},
    }
    assert found["macro"] == pytest.approx({"precision": 5 / 6, "recall": 5 / 6, "f1": 0.8})
    write_tsv(path, ("text", "label"), [(GOOD, 1), (BAD, 0), (GOOD, 0)])
    told = [line.split() for line in run(capsys, "evaluate", preset, path).splitlines()]
    assert ["bad", "100.0", "50.0", "66.7", "2"] in told
    assert ["good", "50.0", "100.0", "66.7", "1"] in told


LINES = [GOOD, BAD, "", "film\u2028good\tfine", GOOD]


@pytest.mark.parametrize("source", ["lines", "standard input", "windows", "table"])
def test_predictions_are_lines_in_the_order_of_the_texts(source, preset, tmp_path, capsys, typed):
    clf = hub_tasks.TextClassifier.from_preset(preset)
    expected = clf.classify(LINES)
    path = tmp_path / ("texts.jsonl" if source == "table" else "texts.txt")
    end = "\r\n" if source == "windows" else "\n"
    rows = LINES if source != "table" else [json.dumps({"no": 1, "t": line}) for line in LINES]
    path.write_bytes(end.join(rows).encode())
    arguments = [path, "--window", 2] if source != "table" else [path, "--text-column", "t"]
    if source == "standard input":
        typed(path.read_bytes())
        arguments = ["-", "--batch-size", 1]
    told = run(capsys, "predict", preset, *arguments).split("\n")
    assert told.pop() == ""
    assert [line.split("\t")[0] for line in told] == [p.label for p in expected]
    scores = [float(line.split("\t")[1]) for line in told]
    assert scores == pytest.approx([p.score for p in expected], abs=1e-4)


def test_predictions_for_programs(preset, capsys):
    asked = ("predict", preset, "--text", GOOD, "--text", BAD)
    [good, bad] = map(json.loads, run(capsys, *asked, "--json", "--scores").splitlines())
    assert (good["label"], bad["label"]) == ("good", "bad")
    assert good["score"] == good["scores"]["good"]
    assert set(run(capsys, *asked, "--json").split('"')) & {"scores"} == set()
    told = run(capsys, *asked, "--scores").splitlines()[0].split("\t")
    assert told[0] == "good"
    assert [field.split("=")[0] for field in told[2:]] == ["bad", "good"]
    assert told[3] == f"good={told[1]}"


OWN = """
import keras, hub_tasks
class FirstTwo(hub_tasks.EncoderBackbone):
    def encode(self, x, mask, *, units: int = 4):
        return keras.layers.Dense(units)(x[:, 0] + x[:, -1])
"""


def write_for_ever(pipe) -> None:
    while True:
        pipe.write(b"good\n")
        pipe.flush()


def test_an_encoder_of_ones_own_and_a_stream_without_end(data, tmp_path, capsys):
    module, target = tmp_path / "own_encoder.py", tmp_path / "own"
    module.write_text(OWN)
    told = run(capsys, "train", data, "--into", target, "--define", module, "--encoder",
               "first_two", "--set", "units=3", "--epochs", 1)  # fmt: skip
    assert "import hub_tasks; import own_encoder; clf = " in told
    assert settings(target)["family"] == "first_two"
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv[0] = 'hub-tasks'\n"
            "from hub_tasks.cli import main; raise SystemExit(main())",
            *("predict", target, "--define", "own_encoder", "--window", "4"),
            *("--backend", keras.backend.backend()),
        ],
        env={**os.environ, "KERAS_BACKEND": "none-such", "PYTHONUNBUFFERED": ""},
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    late = threading.Timer(60, process.kill)
    late.start()
    process.stdin.write(b"good\nbad\n" * 8)  # three windows and one, and the stream stays open
    process.stdin.flush()
    assert [process.stdout.readline().count(b"\t") for _ in range(4)] == [1] * 4
    process.stdout.close()  # as `| head` does
    with pytest.raises(BrokenPipeError):
        write_for_ever(process.stdin)
    assert process.wait(timeout=60) == 141
    late.cancel()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()


@pytest.fixture
def broken(tmp_path, data, monkeypatch):
    """A folder with files that have something wrong."""
    monkeypatch.chdir(tmp_path)
    write_tsv(tmp_path / "good.tsv", ("text", "label"), [(GOOD, "good"), (BAD, "bad")] * 4)
    write_tsv(tmp_path / "one.tsv", ("text", "label"), [(GOOD, "good")] * 4)
    write_tsv(tmp_path / "alone.tsv", ("text", "label"), [(GOOD, "good")] * 4 + [(BAD, "bad")])
    write_tsv(tmp_path / "other.tsv", ("text", "label"), [(GOOD, "good"), (BAD, "dab")])
    write_tsv(tmp_path / "ragged.tsv", ("text", "label"), [(GOOD, "good"), (BAD,)])
    (tmp_path / "empty.txt").touch()
    (tmp_path / "latin.txt").write_bytes(b"good\nb\xe9\n")
    (tmp_path / "broken.py").write_text("x = 1\nraise KeyError('oh')\n")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train no.tsv {new} --encoder cnn", "no file 'no.tsv'"),
        ("train goof.tsv {new} --encoder cnn", "Did you mean 'good.tsv'"),
        ("train ragged.tsv {new} --encoder cnn", "line 3: 1 values"),
        ("train one.tsv {new} --encoder cnn", "at least 2 classes"),
        ("train good.tsv {new} --encoder cmn", "Did you mean 'cnn'"),
        ("train good.tsv {new} --encoder cnn --set filtres=3", "Did you mean 'filters'"),
        ("train good.tsv {new} --encoder cnn --set filters=many", "like its default, "),
        ("train good.tsv {new} --encoder cnn --set filters", "like its default, "),
        ("train good.tsv {new} --encoder kim_cnn --set widths=1,x", "(2, 3, 4): NAME=VALUE"),
        ("train good.tsv {new} --encoder cnn --set lowercase=ja", "like its default, True"),
        ("train good.tsv {new} --preset x --set filters=3", "--set is for --encoder"),
        ("train good.tsv {new} --preset no_such", "No preset has this handle"),
        ("train good.tsv {new} --encoder cnn --sequence-length 9", "max_sequence_length=N"),
        ("train good.tsv {new} --encoder cnn --text-column txt", "no column 'txt'"),
        ("train good.tsv {new} --encoder cnn --validation other.tsv", "line 3: not one of"),
        ("train alone.tsv {new} --encoder cnn --validation-split 0.5", "class 'bad' has one"),
        ("train good.tsv --into notes --encoder cnn", "did not save"),
        ("train good.tsv --into good.tsv --encoder cnn", "must be a directory"),
        ("train good.tsv --into good.tsv/new --encoder cnn", "no directory that can be written"),
        ("train good.tsv {new} --encoder cnn --define broken.py", "KeyError: 'oh' (line 2 of"),
        ("train good.tsv {new} --encoder cnn --define no_such_module", "No module named"),
        ("train good.tsv {new} --encoder cnn --regression", "line 2: 'label' must be a number"),
        ("train good.tsv {new} --encoder cnn --regression --class-weight balanced", "one label"),
        ("evaluate {preset} no.tsv", "no file 'no.tsv'"),
        ("evaluate {preset} other.tsv", "line 3: not one of the labels 'bad', 'good'"),
        ("evaluate {preset} good.tsv --label-column text", "line 2: not one of"),
        ("predict {preset} empty.txt", "empty"),
        ("predict {preset} latin.txt", "line 2: not UTF-8"),
        ("predict {preset} no.txt", "no file 'no.txt'"),
        ("predict {preset} good.tsv --text-column label2", "no column 'label2'"),
        ("predict {preset} empty.txt --text-column text", "must be .tsv, .csv, .jsonl"),
        ("predict {preset} good.tsv --text good", "one of the two"),
        ("predict no_such --text good", "No preset has this handle"),
    ],
)
def test_what_is_wrong_is_said_before_the_work(arguments, message, preset, broken, capsys):
    before = sorted(broken.rglob("*"))
    filled = [part.format(preset=preset) for part in arguments.split() if part != "{new}"]
    filled += ["--into", "new"] if "{new}" in arguments else []
    assert cli.main(list(map(str, filled))) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("hub-tasks: ")
    assert message in printed.err
    assert [p for p in sorted(broken.rglob("*")) if "__pycache__" not in p.parts] == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train a.tsv --into b", "one of the arguments --encoder --preset is required"),
        ("train a.tsv --into b --encoder cnn --preset c", "not allowed with"),
        ("train a.tsv --into b --encoder cnn --epochs 0", "must be a whole number from 1"),
        ("train a.tsv --into b --encoder cnn --validation-split 1", "from 0 to less than 1"),
        ("predict a --backend theano", "must be jax, torch, tensorflow"),
    ],
)
def test_arguments_name_what_they_accept(arguments, message, capsys):
    with pytest.raises(SystemExit):
        cli.main(arguments.split())
    assert message in capsys.readouterr().err


def test_a_backend_that_comes_too_late_is_an_error(preset, capsys):
    other = "torch" if keras.backend.backend() == "jax" else "jax"
    told = run(capsys, "predict", preset, "--text", "x", "--backend", other, status=2)
    assert f"Keras runs on {keras.backend.backend()}" in told
