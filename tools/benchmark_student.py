"""SST-2 by encoders that a fine-tuned transformer has taught.

A student learns from the teacher's probabilities for the training phrases (mixed with their
labels), for single words, and for texts of other sets, whose labels nobody reads. What the
teacher says takes minutes, so it is kept beside the results, with the seconds that it took.
"""

import hashlib
import pathlib
import re
import time
from collections import Counter
from typing import Any

import keras
import numpy as np

import hub_tasks
from tools.measure_accuracy import read

SMALL = {
    "embedding_dim": 32,
    "max_vocabulary": 17_200,
    "bigram_buckets": 0,
    "part_buckets": 0,
    "largest": False,
    "hidden": 64,
    "dropout": 0.3,
    "embedding_dropout": 0.0,
}
# Epochs, and what is not default. Ten are the recipe's for so many rows.
STUDENTS: dict[str, tuple[int, dict[str, Any]]] = {
    "average_embedding": (10, SMALL),
    "bilstm": (5, {}),
}
OF_LABELS = 0.3  # their share in the targets of the phrases
WORDS, SENTENCES = 27_000, 12_000
_END = re.compile(r"(?<=[.!?])\s+")


def other_texts(data: pathlib.Path, phrases: list[str]) -> list[str]:
    """Frequent words, sentences about films, and short texts about anything."""
    reviews = [re.sub(r"<br />", " ", text) for text in read(data / "imdb_long" / "train.tsv")[0]]
    sentences = [s.strip() for review in reviews for s in _END.split(review)]
    films = [s for s in sentences if 4 <= len(s.split()) <= 28]
    films = np.random.default_rng(0).permutation(films)[:SENTENCES].tolist()
    first, second = read(data / "stsb" / "train.tsv")
    short = [*read(data / "goemotions" / "train.tsv")[0], *first, *second]
    found = [*films, *dict.fromkeys(short)]
    counts = Counter(re.findall(r"[a-z']+", " ".join([*phrases, *found]).lower()))
    return [*(word for word, _ in counts.most_common(WORDS)), *found]


def said_by(teacher: str, texts: list[str], cache: pathlib.Path) -> tuple[np.ndarray, float]:
    """The teacher's probabilities for texts, its labels in order, and the seconds they took."""
    digest = hashlib.sha256("\n".join(texts).encode())
    for path in sorted(pathlib.Path(teacher).rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    kept = cache / f"teacher_{digest.hexdigest()[:16]}.npz"
    if not kept.exists():
        clf = hub_tasks.TextClassifier.from_preset(teacher)
        began = time.perf_counter()
        columns = np.argsort(clf.labels)
        probabilities = clf.predict_proba(texts, batch_size=256, verbose=0)[:, columns]
        np.savez(kept, probabilities=probabilities, seconds=time.perf_counter() - began)
    with np.load(kept) as found:
        return found["probabilities"], float(found["seconds"])


def taught(job: dict[str, Any], texts: list[str], labels: list[str]) -> tuple[Any, Any, Any]:
    """The student, its history, and the seconds of building it, of training and of the teacher."""
    everything = [*texts, *other_texts(pathlib.Path(job["data"]), texts)]
    targets, teacher_seconds = said_by(job["teacher"], everything, pathlib.Path(job["cache"]))
    names = sorted(set(labels))
    known = np.eye(len(names), dtype="float32")[[names.index(label) for label in labels]]
    targets[: len(texts)] = OF_LABELS * known + (1 - OF_LABELS) * targets[: len(texts)]
    keras.utils.set_random_seed(job["seed"])
    times = [time.perf_counter()]
    best = [names[i] for i in targets.argmax(axis=1)]
    epochs, options = STUDENTS[job["encoder"]]
    clf = hub_tasks.TextClassifier.from_scratch(job["encoder"], everything, best, **options)
    times.append(time.perf_counter())
    told = {"epochs": epochs, "validation_split": 0.0, "verbose": 0}
    history = clf.distill_from(targets, everything, **told)
    times.append(time.perf_counter())
    build, fit = np.diff(times).tolist()
    seconds = {"build_seconds": build, "fit_seconds": fit, "teacher_seconds": teacher_seconds}
    return clf, history, {**seconds, "taught_texts": len(everything)}
