"""What `tools/benchmark_encoders.py` measures, each in a process of its own.

The protocol is that of `tools/benchmark_workers.py`. Accuracy is measured in the run that
comes before the worker is ready, and its figures are the first answer.
"""

import os
import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import hub_tasks
from hub_tasks.data import RunReport
from hub_tasks.layers import PARTS
from hub_tasks.tasks.scores import count_labels
from tools.benchmark_encoders import CHARACTERS
from tools.benchmark_plain_encoders import pairs, plain_model
from tools.benchmark_student import taught
from tools.benchmark_workers import BATCH, Run, main
from tools.measure_accuracy import TESTED_ON, read


def threads() -> int:
    """The cores that this process may use, or fewer where OpenMP is told so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(int(os.environ.get("OMP_NUM_THREADS") or cores or 1), cores or 1)


def scores(said: list[str], labels: list[str]) -> dict[str, Any]:
    """What all runs say, whatever was trained."""
    names = tuple(sorted({*said, *labels}))
    ids = {name: i for i, name in enumerate(names)}
    true, given = (np.array([ids[label] for label in column]) for column in (labels, said))
    report = count_labels(true, given, len(names)).report(names)
    accuracy = float((true == given).mean())
    return {"accuracy": accuracy, "macro_f1": report["macro avg"]["f1"], "threads": threads()}


def saved_bytes(clf: hub_tasks.TextClassifier, weights_format: str) -> int:
    """The size of all files of a preset."""
    with tempfile.TemporaryDirectory() as directory:
        preset = pathlib.Path(directory) / "preset"
        clf.save_to_preset(preset, weights_format=weights_format)
        return sum(path.stat().st_size for path in preset.rglob("*") if path.is_file())


def parts(job: dict[str, Any]) -> tuple[list[str], list[str], list[str], list[str]]:
    """Texts and labels for training, all or some rows, then for the test."""
    directory = pathlib.Path(job["data"]) / job["set"]
    tested_on = TESTED_ON.get(job["set"], "test.tsv")
    trained_on = read(directory / "train.tsv")
    if rows := job.get("rows"):
        drawn = np.random.default_rng(0).permutation(len(trained_on[0]))[:rows]
        trained_on = tuple([column[i] for i in drawn] for column in trained_on)
    return (*trained_on, *read(directory / tested_on))


def from_labels(job: dict[str, Any], texts: list[str], labels: list[str]) -> tuple[Any, Any, Any]:
    """A classifier that is trained with the defaults, its history, and the seconds."""
    keras.utils.set_random_seed(job["seed"])
    times = [time.perf_counter()]
    clf = hub_tasks.TextClassifier.from_scratch(
        job["encoder"], texts, labels, word_vectors=job["word_vectors"]
    )
    times.append(time.perf_counter())
    history = clf.fit(texts, labels, verbose=0)
    times.append(time.perf_counter())
    build, fit = np.diff(times).tolist()
    return clf, history, {"build_seconds": build, "fit_seconds": fit}


def encoder_accuracy(job: dict[str, Any], train: Callable[..., Any]) -> dict[str, Any]:
    """Trains, and says how well, how long and how large."""
    texts, labels, test_texts, test_labels = parts(job)
    clf, history, seconds = train(job, texts, labels)
    began = time.perf_counter()
    said = [prediction.label for prediction in clf.classify(test_texts)]
    return {
        "predict_seconds": time.perf_counter() - began,
        **seconds,
        **scores(said, test_labels),
        "epochs": len(history.epoch),
        "parameters": clf.count_params(),
        "h5_bytes": saved_bytes(clf, "h5"),
        "int8_bytes": saved_bytes(clf, "int8"),
    }


def tfidf_accuracy(job: dict[str, Any]) -> dict[str, Any]:
    """The same of TF-IDF and logistic regression; nothing is saved."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, labels, test_texts, test_labels = parts(job)
    analyzer = "char" if job["set"] in CHARACTERS else "word"
    times = [time.perf_counter()]
    model = make_pipeline(
        TfidfVectorizer(analyzer=analyzer, ngram_range=(1, 2)),
        LogisticRegression(C=job["C"], max_iter=1000),
    ).fit(texts, labels)
    times.append(time.perf_counter())
    said = model.predict(test_texts).tolist()
    times.append(time.perf_counter())
    fit, predict = np.diff(times).tolist()
    return {
        **scores(said, test_labels),
        "fit_seconds": fit,
        "predict_seconds": predict,
        "parameters": model[-1].coef_.size + model[-1].intercept_.size,
    }


def our_fit(job: dict[str, Any]) -> Run:
    """Strings in."""
    clf = hub_tasks.TextClassifier.from_scratch(job["encoder"], job["texts"], job["labels"])
    options = {"batch_size": BATCH, "epochs": job["epochs"], "verbose": 0}

    def run(texts: list[str], labels: list[str]) -> dict[str, Any]:
        clf.fit(texts, labels, validation_split=0.0, **options)
        return {"threads": threads()}

    return run


def plain_fit(job: dict[str, Any]) -> Run:
    """The batches that ours is trained with, as arrays."""
    clf = hub_tasks.TextClassifier.from_scratch(job["encoder"], job["texts"], job["labels"])
    rows = clf.open(job["texts"], job["labels"], None, BATCH)
    found = list(clf._reader("fit", BATCH, RunReport()).labelled(rows, None, "shuffled"))
    config = clf.backbone.config
    for x, *_ in found:
        x["pairs"] = pairs(x["token_ids"], config["bigram_buckets"])
        x["parts"] = parts_of_words(clf.backbone, x["token_ids"])
    batches, model = Arrays(found), plain_model(job["encoder"], config, clf.num_classes)
    sizes = [sum(np.prod(v.shape) for v in each.trainable_weights) for each in (model, clf)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"Not of one shape: {sizes} numbers.")
    return lambda *_: model.fit(batches, epochs=job["epochs"], verbose=0)


def parts_of_words(backbone: hub_tasks.EncoderBackbone, token_ids: np.ndarray) -> np.ndarray:
    """The rows of the parts of words, `(batch, length, parts)`; zeros where ours has none."""
    if not backbone.config["part_buckets"]:
        return np.zeros((*token_ids.shape, PARTS), "int32")
    rows = backbone.get_layer("word_parts").rows_of(keras.ops.convert_to_tensor(token_ids))
    return keras.ops.convert_to_numpy(rows)


class Arrays(keras.utils.PyDataset):
    """Batches in memory, a narrow and a wide one first: TensorFlow looks at two for shapes."""

    def __init__(self, batches: list[Any]):
        super().__init__()
        widths = [batch[0]["token_ids"].shape[1] for batch in batches]
        first = [int(np.argmin(widths)), int(np.argmax(widths))]
        order = dict.fromkeys([*first, *range(len(batches))])
        self.batches = [batches[i] for i in order]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        return self.batches[index]


def prediction(method: str) -> Any:
    """`classify` or `predict_proba` of many texts; what the weights are does not matter."""

    def prepare(job: dict[str, Any]) -> Run:
        clf = hub_tasks.TextClassifier.from_scratch(job["encoder"], job["texts"], job["labels"])

        def run(texts: list[str], _: Any) -> dict[str, Any]:
            getattr(clf, method)(texts, verbose=0)
            return {"threads": threads()}

        return run

    return prepare


CONTENDERS = {
    "encoder": lambda job: lambda *_: encoder_accuracy(job, from_labels),
    "student": lambda job: lambda *_: encoder_accuracy(job, taught),
    "TF-IDF": lambda job: lambda *_: tfidf_accuracy(job),
    "ours": our_fit,
    "plain Keras": plain_fit,
    "classify": prediction("classify"),
    "predict_proba": prediction("predict_proba"),
}

if __name__ == "__main__":
    main(CONTENDERS)
