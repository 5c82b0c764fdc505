"""Measures fine-tuning through `from_preset` with the "auto" defaults.

    python tools/measure_accuracy.py --data DIR --encoder DIR [--sets sst2 trec6 banking77]
        [--peaks 1e-4 2e-4] [--plain]

One epoch each (`--epochs`), at most 8,000 training rows, batches of 32; the accuracy on
the set's validation or test part. `--peaks` tries other peak learning rates than the
default, `--plain` shuffles rows whatever their length. Prints a row of a Markdown table
per run.
"""

import argparse
import pathlib
import time

import keras
import numpy as np

import hub_tasks
from hub_tasks.backbones import Recipe
from hub_tasks.data import MemoryBatches
from hub_tasks.tasks import recipe

ROWS = 8_000
TESTED_ON = {"sst2": "validation.tsv", "trec6": "test.tsv", "banking77": "test.tsv"}


def read(path: pathlib.Path) -> tuple[list[str], list[str]]:
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return [row[0] for row in rows], [row[1] for row in rows]


def shuffle_plainly() -> None:
    """Lets training cut its batches from all rows in random order, not from buckets."""

    def shuffled(batches: MemoryBatches, random: np.random.Generator) -> list[np.ndarray]:
        order, size = random.permutation(batches.order), Recipe().batch_size
        return np.split(order, range(size, len(order), size))

    MemoryBatches._shuffled = shuffled


def measure(encoder: str, directory: pathlib.Path, epochs: int, seed: int) -> tuple[float, float]:
    keras.utils.set_random_seed(seed)
    texts, labels = read(directory / "train.tsv")
    chosen = np.random.default_rng(seed).permutation(len(texts))[:ROWS]
    clf = hub_tasks.TextClassifier.from_preset(encoder, labels=sorted(set(labels)))
    began = time.perf_counter()
    clf.fit([texts[i] for i in chosen], [labels[i] for i in chosen], epochs=epochs, verbose=0)
    seconds = time.perf_counter() - began
    texts, labels = read(directory / TESTED_ON[directory.name])
    return clf.evaluate(texts, labels, return_dict=True, verbose=0)["accuracy"], seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--sets", nargs="+", choices=TESTED_ON, default=["sst2"])
    parser.add_argument("--peaks", nargs="+", type=float, default=[None])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true")
    args = parser.parse_args()
    if args.plain:
        shuffle_plainly()
    for peak in args.peaks:
        if peak is not None:
            recipe.peak_learning_rate = lambda _, peak=peak: peak
        for name in args.sets:
            accuracy, seconds = measure(args.encoder, args.data / name, args.epochs, args.seed)
            rate = f"{peak:.0e}" if peak else "auto"
            print(
                f"| {keras.backend.backend()} | {name} | {rate} | {args.epochs} | {args.seed} "
                f"| {accuracy:.1%} | {seconds:.0f} s |",
                flush=True,
            )


if __name__ == "__main__":
    main()
