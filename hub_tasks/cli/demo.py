"""`hub-tasks demo`: classify, train, save, and load again on another backend."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HELP = "See it work: classify texts, train on a new task, save, load on another backend."

_SENTIMENT = "bert_tiny_en_sentiment"
_ENCODER = "static_minilm_en"
_EXAMPLES = (
    "A warm, funny and quietly moving film.",
    "Two hours of my life that I will never get back.",
    "The plot is thin, but the acting makes up for it.",
)
_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    parser.add_argument("texts", nargs="*", help="texts to classify; none for examples")
    parser.add_argument("--interactive", action="store_true", help="type texts, one a line")
    parser.add_argument("--save", metavar="DIR", help="keep the trained preset there")
    parser.add_argument("--predict-only", metavar="DIR", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Runs the demonstration."""
    if arguments.predict_only:
        return _predict_in_second_process(arguments.predict_only)
    from rich.console import Console

    console = Console(highlight=False)
    began = time.perf_counter()
    _classify(console, arguments.texts, arguments.interactive)
    agree = _train(console, arguments.save)
    console.print(f"\nAll of this took {time.perf_counter() - began:.0f} s.")
    return 0 if agree else 1


def _classify(console: Any, texts: list[str], interactive: bool) -> None:
    import hub_tasks

    console.rule("1. Classify, with the sentiment preset that ships inside the package")
    clf = hub_tasks.TextClassifier.from_preset(_SENTIMENT)
    _show(console, clf, texts or list(_EXAMPLES))
    if not interactive:
        console.print("Your own texts: hub-tasks demo TEXT ..., or hub-tasks demo --interactive.")
    else:
        console.print("Type a text and press Enter; an empty line goes on.")
        while text := _ask(console):
            _show(console, clf, [text])


def _ask(console: Any) -> str:
    try:
        return console.input("> ").strip()
    except EOFError:
        return ""


def _show(console: Any, clf: Any, texts: list[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("label", "confidence", "", "text")
    for text, prediction in zip(texts, clf.classify(texts), strict=True):
        bar = "█" * round(20 * prediction.score)
        table.add_row(prediction.label, f"{prediction.score:.1%}", bar, Text(text))
    console.print(table)


def _corpus() -> dict[str, tuple[list[str], list[str]]]:
    """Part -> (texts, intents); several hundred messages to a city's help desk."""
    path = Path(__file__).with_name("demo_corpus.tsv")
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return {
        part: ([r[1] for r in rows if r[0] == part], [r[2] for r in rows if r[0] == part])
        for part in ("train", "test")
    }


def _train(console: Any, save: str | None) -> bool:
    import keras

    import hub_tasks

    corpus = _corpus()
    intents = sorted(set(corpus["train"][1]))
    console.rule("2. Train for another task: what does a message to the city want?")
    console.print(
        f"{len(corpus['train'][0])} messages to learn from, {len(corpus['test'][0])} to be tested "
        f"on, {len(intents)} intents, backend {keras.backend.backend()}. The encoder is the small "
        "English one that ships inside the package; it trains until it gets no better."
    )
    keras.utils.set_random_seed(0)
    clf = hub_tasks.TextClassifier.from_preset(_ENCODER, labels=intents)
    clf.fit(*corpus["train"], verbose=0, callbacks=[_Progress()])
    texts, truth = corpus["test"]
    predictions = clf.classify(texts)
    _report(console, intents, truth, [prediction.label for prediction in predictions])
    _show(console, clf, texts[:_SHOWN])
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(save or Path(scratch) / "city_intents")
        clf.save_to_preset(directory)
        return _compare(console, directory, clf.predict(texts, verbose=0))


def _report(console: Any, intents: list[str], truth: list[str], predicted: list[str]) -> None:
    from rich.table import Table

    table = Table("intent", "precision", "recall", "F1", "tested")
    for intent in intents:
        hits = sum(t == p == intent for t, p in zip(truth, predicted, strict=True))
        precision = hits / max(predicted.count(intent), 1)
        recall = hits / max(truth.count(intent), 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        count = str(truth.count(intent))
        table.add_row(intent, f"{precision:.0%}", f"{recall:.0%}", f"{f1:.0%}", count)
    console.print(table)
    right = sum(t == p for t, p in zip(truth, predicted, strict=True))
    console.print(f"{right} of {len(truth)} test messages right: {right / len(truth):.1%}.")


def _compare(console: Any, directory: Path, expected: Any) -> bool:
    import keras
    import numpy as np

    here = keras.backend.backend()
    others = [name for name in ("torch", "jax", "tensorflow") if name != here and find_spec(name)]
    backend = (others or [here])[0]
    console.rule("3. Save, and load in a second process on another backend")
    console.print(f"Saved with {here} to {directory}; loading with {backend} ...")
    if not others:
        console.print("(No other backend is installed; the second process uses the same one.)")
    command = [sys.executable, "-m", "hub_tasks.cli.demo", "--predict-only", str(directory)]
    finished = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, text=True
    )
    if finished.returncode:
        console.print(finished.stderr, style="red", markup=False)
        return False
    actual = np.array(json.loads(finished.stdout.splitlines()[-1]))
    difference = np.abs(actual - expected).max()
    same = bool((actual.argmax(axis=1) == expected.argmax(axis=1)).all())
    console.print(
        f"{len(actual)} predictions, {'all the same' if same else 'NOT the same'}; "
        f"largest difference of any logit {difference:.1e}."
    )
    return same


def _predict_in_second_process(directory: str) -> int:
    import hub_tasks

    clf = hub_tasks.TextClassifier.from_preset(directory)
    print(json.dumps(clf.predict(_corpus()["test"][0], verbose=0).tolist()))
    return 0


def _Progress() -> Any:  # noqa: N802 - a class in all but the import of Keras
    import keras
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    class EpochBar(keras.callbacks.Callback):
        """One progress bar over all epochs, with loss and accuracy."""

        def on_train_begin(self, logs=None):
            self.bar = Progress(
                TextColumn("epoch {task.completed}/{task.total}"),
                BarColumn(),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
            )
            self.task = self.bar.add_task("", total=self.params["epochs"])
            self.bar.start()

        def on_epoch_end(self, epoch, logs=None):
            logs = logs or {}
            text = f"loss {logs['loss']:.3f}  accuracy held out {logs['val_accuracy']:.1%}"
            self.bar.update(self.task, advance=1, description=text)

        def on_train_end(self, logs=None):
            self.bar.stop()

    return EpochBar()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    sys.exit(run(parser.parse_args()))
