"""Measures the encoders from scratch; writes their section of docs/benchmarks.md.

    make bench          (or: python -m tools.benchmark_encoders --data DIR --write [...])

`--part accuracy`: every encoder, set and seed is one fresh process that trains with the
defaults alone and is evaluated on the set's test part (SST-2: validation); TF-IDF with
logistic regression in the same way. `--few 300` adds runs on so many rows, drawn at random, the
same for all. `--teacher PRESET`, a classifier of SST-2's labels, adds
encoders that it has taught (`benchmark_student.py`).
`--part speed`: training beside plain Keras models of the same shape, taking turns, and
prediction of averaged embeddings, strings in, labels out.

Every run appends a line of JSON to `--results`, and runs that stand there are not repeated,
so that a benchmark that was ended goes on where it stood: remove the file to measure anew.
`--write` writes the section from all that stands in the file, whatever was run now.
Threads are those that the environment allows (OMP_NUM_THREADS).
"""

import argparse
import datetime
import json
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

from tools.benchmark import BACKENDS, ROOT, Worker

WORKERS = pathlib.Path(__file__).with_name("benchmark_encoders_workers.py")
RESULTS = ROOT / "build" / "benchmark_encoders.jsonl"
CHARACTERS = ("thucnews_titles",)  # Chinese: no spaces, and no vectors of English words
SETS = ("trec6", "banking77", "thucnews_titles", "sst2")
TFIDF = "tf-idf"
STRENGTHS = (1.0, 10.0)  # C of the logistic regression
SPEED_SET = "trec6"
BACKEND = "jax"  # by default: it trains fastest
KEY = ("task", "contender", "backend", "encoder", "set", "rows", "seed", "word_vectors", "C")
Job = dict[str, Any]


def accuracy_job(args: argparse.Namespace, **told: Any) -> Job:
    """A job whose worker reads the texts itself."""
    data = str(args.data.resolve())
    return {"task": "accuracy", "data": data, "texts": [], "labels": [], **told}


def accuracy_jobs(args: argparse.Namespace) -> Iterator[Job]:
    """The baselines first, then a seed after the other."""
    drawn = [{"set": name, "rows": rows} for rows in (None, *args.few) for name in args.sets]
    if TFIDF in args.encoders:
        for data in drawn:
            for strength in STRENGTHS:
                yield accuracy_job(args, contender="TF-IDF", backend="", C=strength, **data)
    for seed in args.seeds:
        for data in drawn:
            plain = data["rows"] or data["set"] in CHARACTERS
            for start in [None] if plain else dict.fromkeys([None, args.word_vectors]):
                for encoder in args.encoders:
                    told = {**data, "encoder": encoder, "seed": seed, "word_vectors": start}
                    if encoder != TFIDF:
                        yield accuracy_job(args, contender="encoder", backend=args.backend, **told)


def student_jobs(args: argparse.Namespace) -> Iterator[Job]:
    """Encoders that a teacher has taught SST-2."""
    from tools.benchmark_student import STUDENTS

    for seed in args.seeds if args.teacher and "sst2" in args.sets else []:
        told = {"set": "sst2", "seed": seed, "word_vectors": None, "teacher": args.teacher}
        told |= {"cache": str(args.results.parent.resolve()), "contender": "student"}
        for encoder in filter(args.encoders.__contains__, STUDENTS):
            yield accuracy_job(args, backend=args.backend, encoder=encoder, **told)


def speed_jobs(args: argparse.Namespace) -> Iterator[Job]:
    """Training of each encoder, then prediction."""
    from tools.measure_accuracy import read

    texts, labels = read(args.data / SPEED_SET / "train.tsv")
    common = {"backend": args.backend, "set": SPEED_SET, "epochs": args.epochs}
    count = min(args.trained, len(texts)) // 32 * 32  # whole batches
    few = {"texts": texts[:count], "labels": labels[:count]}
    for encoder in args.encoders:
        if encoder != TFIDF:
            yield {**common, **few, "task": "fit", "contender": "ours", "encoder": encoder}
    times = -(-args.texts // len(texts))
    many = {"texts": (texts * times)[: args.texts], "labels": (labels * times)[: args.texts]}
    for method in ("classify", "predict_proba"):
        job = {**common, **many, "task": "predict", "contender": method}
        yield {**job, "encoder": "average_embedding"}


def key(job: Job) -> tuple[Any, ...]:
    return tuple(job.get(name) for name in KEY)


def run(job: Job, rounds: int) -> dict[str, Any]:
    """The figures of a run, or its `problem`."""
    names = [job["contender"]] + (["plain Keras"] if job["task"] == "fit" else [])
    workers = [Worker(name, job["backend"], job, WORKERS) for name in names]
    rates: list[list[float]] = [[] for _ in workers]
    for _ in range(0 if job["task"] == "accuracy" else rounds):
        for worker, found in zip(workers, rates, strict=True):
            answer = worker.ask("go")
            if answer:
                passes = job["epochs"] if job["task"] == "fit" else 1
                found.append(passes * len(job["texts"]) / answer["seconds"])
    figures = {name: value for name, value in workers[0].ready.items() if name != "ready"}
    ended = [worker.finish() for worker in workers]
    problems = [result.problem for result in ended if result.problem]
    if problems:
        return {"problem": problems[0]}
    if rates[0]:
        figures |= {"texts": len(job["texts"]), "epochs": job["epochs"], "rates": rates[0]}
    if job["task"] == "fit":
        figures["plain_rates"] = rates[1]
    return {**figures, "memory": ended[0].memory}


def read_results(path: pathlib.Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run_all(args: argparse.Namespace) -> int:
    """Runs what is missing; returns how many runs failed."""
    jobs = [] if args.part == "speed" else [*accuracy_jobs(args), *student_jobs(args)]
    jobs += [] if args.part == "accuracy" else list(speed_jobs(args))
    done = {key(result) for result in read_results(args.results)}
    missing = [job for job in jobs if key(job) not in done]
    print(f"{len(jobs) - len(missing)} of {len(jobs)} runs stand in {args.results}")
    args.results.parent.mkdir(parents=True, exist_ok=True)
    failed = 0
    for job in missing:
        title = " ".join(str(value) for value in key(job) if value is not None)
        figures = run(job, args.rounds)
        failed += "problem" in figures
        shown = [figures[name] for name in ("problem", "accuracy", "rates") if name in figures]
        print(title, *shown, flush=True)
        if "problem" not in figures:
            line = dict(zip(KEY, key(job), strict=True)) | figures
            line["date"] = datetime.date.today().isoformat()
            with args.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
    return failed


def arguments(given: list[str]) -> argparse.Namespace:
    import hub_tasks  # noqa: F401 - registers the encoders
    from hub_tasks.families import ENCODERS

    def names(text: str) -> list[str]:
        return text.split(",")

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--part", choices=("accuracy", "speed", "all"), default="all")
    parser.add_argument("--sets", type=names, default=list(SETS), help="with commas between")
    parser.add_argument("--encoders", type=names, default=[TFIDF, *ENCODERS])
    parser.add_argument("--few", type=int, nargs="*", default=[], help="rows of further runs")
    parser.add_argument("--seeds", type=lambda text: [*map(int, names(text))], default=[0, 1, 2])
    parser.add_argument("--word-vectors", help="runs that start from this preset besides")
    parser.add_argument("--teacher", help="preset that teaches encoders SST-2")
    parser.add_argument("--backend", choices=BACKENDS, default=BACKEND)
    parser.add_argument("--rounds", type=int, default=5, help="of speed, in turns")
    parser.add_argument("--trained", type=int, default=2048, help="texts for training's speed")
    parser.add_argument("--epochs", type=int, default=3, help="of a round of training's speed")
    parser.add_argument("--texts", type=int, default=100_000, help="for prediction's speed")
    parser.add_argument("--results", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--write", action="store_true", help="write the section")
    return parser.parse_args(given)


def main(given: list[str]) -> int:
    args = arguments(given)
    failed = run_all(args)
    results = read_results(args.results)
    if args.write and results:
        from tools.benchmark_encoders_report import write

        write(results, ROOT / "docs")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
