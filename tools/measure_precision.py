"""Measures what bfloat16 changes in the predictions of a fine-tuned classifier, and its speed.

    python tools/measure_precision.py --preset DIR --texts FILE.tsv

The file has a header and columns of text and label. Prints a row of the table in
docs/precision.md for the current backend; the two dtypes take turns.
"""

import argparse
import pathlib
import statistics
import time

import keras
import numpy as np

import hub_tasks
from hub_tasks.backbones import auto_dtype
from tools.measure_accuracy import read

ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", required=True)
    parser.add_argument("--texts", type=pathlib.Path, required=True)
    args = parser.parse_args()
    texts, labels = read(args.texts)
    classifiers = {
        dtype: hub_tasks.TextClassifier.from_preset(args.preset, dtype=dtype)
        for dtype in ("float32", "mixed_bfloat16")
    }
    probabilities = {d: clf.predict_proba(texts, verbose=0) for d, clf in classifiers.items()}
    rates: dict[str, list[float]] = {dtype: [] for dtype in classifiers}
    for _ in range(ROUNDS):
        for dtype, clf in classifiers.items():
            began = time.perf_counter()
            clf.predict(texts, verbose=0)
            rates[dtype].append(len(texts) / (time.perf_counter() - began))
    speed = {dtype: statistics.median(values) for dtype, values in rates.items()}
    clf = classifiers["float32"]
    targets = np.array([clf.labels.index(label) for label in labels])
    right = {d: np.mean(p.argmax(axis=1) == targets) for d, p in probabilities.items()}
    full, half = probabilities["float32"], probabilities["mixed_bfloat16"]
    difference = np.abs(full - half)
    config = clf.backbone.config
    chosen = auto_dtype(config["hidden_dim"], config["intermediate_dim"], config["num_heads"])
    print(
        f"| {keras.backend.backend()} | {speed['float32']:.0f} | {speed['mixed_bfloat16']:.0f} "
        f"| {chosen} | {right['float32']:.1%} | {right['mixed_bfloat16']:.1%} "
        f"| {(full.argmax(axis=1) != half.argmax(axis=1)).sum()} of {len(texts)} "
        f"| {difference.mean():.4f} | {difference.max():.3f} |"
    )


if __name__ == "__main__":
    main()
