"""The section of docs/benchmarks.md about encoders from scratch, and its picture."""
# ruff: noqa: E501 - a line of prose is a line of the document

import os
import pathlib
from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import Any

from tools.benchmark import versions
from tools.benchmark_encoders import BACKEND
from tools.benchmark_report import MARKERS, machine, with_section

Lines = Sequence[dict[str, Any]]
TITLES = {
    "trec6": "TREC questions",
    "banking77": "Banking77",
    "thucnews_titles": "Chinese titles (thucnews_titles)",
    "sst2": "SST-2 phrases",
}
HEAD = """## Encoders from scratch

Written by `python -m tools.benchmark_encoders --data DIR --write` from runs of {dates}.

- Machine: {machine}, {cores} cores; threads: {threads}
- {versions}
- Accuracy is that of runs on {backend} where no other backend is named. Every run is a fresh process: `from_scratch(encoder, texts, labels)`, `fit(texts, labels)`, the test part (SST-2: validation) by `classify`. Defaults only; the mean over the seeds ({seeds}), and the least and the most in brackets.
- "from NAME": the words' vectors begin as those of that shipped preset (`word_vectors="NAME"`), which is the one thing that is not a default.
- Seconds are of building and training together, and an upper bound: runs of accuracy may have shared the machine. Sizes are of the whole preset, vocabulary included; 1 KB is 1,000 bytes.
- TF-IDF: words and pairs of words (Chinese titles: characters and pairs of them), logistic regression; goals are measured against the better C.

![Accuracy](benchmarks_encoders.png)
"""
GOALS = ["### Goals", "", "| what | goal | measured | reached |", "|---|---|---|---|"]


def title(name: str) -> str:
    """What people call a set; what follows its name stays."""
    known = name.partition(" ")[0]
    return TITLES.get(known, known) + name.removeprefix(known)


class Summary:
    """What all seeds of one encoder on one set say together."""

    def __init__(self, lines: Lines):
        first = lines[0]
        self.lines, self.start = lines, first["word_vectors"]
        self.encoder = first["encoder"] or f"TF-IDF, C={first['C']:g}"
        self.is_baseline = first["encoder"] is None
        if first["backend"] not in ("", BACKEND):
            self.encoder += f" ({first['backend']})"
        self.is_student = first["contender"] == "student"
        self.encoder += ", taught" if self.is_student else ""
        self.name = f"{self.encoder} from {self.start}" if self.start else self.encoder
        self.accuracy = self.mean("accuracy")
        self.seconds = self.mean("build_seconds") + self.mean("fit_seconds")

    def mean(self, name: str) -> float:
        return fmean(line.get(name, 0.0) for line in self.lines)

    def range(self) -> tuple[float, float]:
        values = [line["accuracy"] for line in self.lines]
        return min(values), max(values)

    def row(self) -> str:
        low, high = self.range()
        sizes = [self.mean(f"{kind}_bytes") for kind in ("h5", "int8")]
        cells = [
            self.name,
            f"{self.accuracy:.1%}" + (f" ({low:.1%}–{high:.1%})" if len(self.lines) > 1 else ""),
            f"{self.mean('macro_f1'):.1%}",
            f"{self.seconds:.1f}",
            f"{self.mean('predict_seconds'):.2f}",
            f"{self.mean('epochs'):.0f}" if not self.is_baseline else "",
            f"{self.mean('parameters'):,.0f}",
            *(f"{size / 1000:,.0f} KB" if size else "" for size in sizes),
            str(len(self.lines)),
        ]
        return "| " + " | ".join(cells) + " |"


COLUMNS = (
    "encoder",
    "accuracy",
    "macro F1",
    "training, s",
    "test, s",
    "epochs",
    "parameters",
    "h5",
    "int8",
    "runs",
)


def summaries(lines: Lines) -> dict[str, list[Summary]]:
    """Set, or some rows of it -> encoders and baselines, the best first."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for line in lines:
        if line["task"] == "accuracy":
            names = ("contender", "encoder", "word_vectors", "C", "backend")
            name = line["set"] + (f" ({line['rows']} rows)" if line.get("rows") else "")
            groups.setdefault((name, *(line[key] for key in names)), []).append(line)
    found: dict[str, list[Summary]] = {}
    for (name, *_), group in groups.items():
        found.setdefault(name, []).append(Summary(group))
    order = [*TITLES, *(name for name in found if name not in TITLES)]
    return {name: sorted(found[name], key=lambda s: -s.accuracy) for name in order if name in found}


def taught(students: Sequence[Summary]) -> list[str]:
    """What the rows of students do not say."""
    if not students:
        return []
    first = students[0]
    minutes = first.mean("teacher_seconds") / 60
    return [
        "",
        f"Those taught were told by a fine-tuned transformer what {first.mean('taught_texts'):,.0f} texts say: the training phrases, single words, and texts of other sets without their labels (`tools/benchmark_student.py`). Their rows are not of the defaults, and their seconds are their own; the teacher took {minutes:.0f} min more to say it.",
    ]


def goal(what: str, sign: str, bound: float, value: float, show: Callable[[float], str]) -> str:
    above = round(value - bound, 9)  # sums of decimal fractions are not exact
    met = above >= 0 if sign == "at least" else above <= 0
    return f"| {what} | {sign} {show(bound)} | {show(value)} | {'yes' if met else '**no**'} |"


def percent(value: float) -> str:
    return f"{value:.1%}"


def goals_of_set(name: str, found: Sequence[Summary]) -> list[str]:
    """Goals of accuracy; of vectors that start an encoder off, only SST-2's may use any."""
    called = title(name)
    encoders = [s for s in found if not s.is_baseline]
    plain = [s for s in encoders if not s.start and not s.is_student]
    tfidf = max((s.accuracy for s in found if s.is_baseline), default=None)
    rows = []
    if not plain:
        return rows
    best = max(encoders if name == "sst2" else plain, key=lambda s: s.accuracy)
    worst = min(plain, key=lambda s: s.accuracy)
    bests = {"sst2": 0.86, "trec6": 0.92, "banking77": 0.91}
    leasts = {"trec6": 0.87}
    if name == "thucnews_titles" and tfidf is not None:
        bests[name], leasts[name] = tfidf + 0.02, tfidf
    if name in bests:
        what = f"{called}: the best ({best.name})"
        rows.append(goal(what, "at least", bests[name], best.accuracy, percent))
    if name in leasts:
        what = f"{called}: every encoder, the last ({worst.name})"
        rows.append(goal(what, "at least", leasts[name], worst.accuracy, percent))
    averages = [s for s in encoders if s.encoder.startswith("average_embedding")]
    if name == "sst2" and averages:
        rows += average_goals(called, max(averages, key=lambda s: s.accuracy))
    points = 100 * (max(s.accuracy for s in plain) - worst.accuracy)
    what = f"{called}: from the best to the last ({worst.name})"
    return [*rows, goal(what, "at most", 6.0, points, lambda value: f"{value:.1f} points")]


def average_goals(called: str, s: Summary) -> list[str]:
    """Accuracy, size and time of one and the same run."""
    size = s.mean("int8_bytes") / 1000
    return [
        goal(f"{called}: {s.name}", "at least", 0.84, s.accuracy, percent),
        goal(f"{called}: {s.name}, saved as int8", "at most", 776, size, lambda v: f"{v:,.0f} KB"),
        goal(f"{called}: {s.name}, training", "at most", 78, s.seconds, lambda v: f"{v:.0f} s"),
    ]


def speed(lines: Lines) -> tuple[list[str], list[str]]:
    """Goals of speed, and the tables behind them."""
    goals, rows, predicted = [], [], []
    for line in lines:
        if line["task"] == "fit":
            ours, plain = median(line["rates"]), median(line["plain_rates"])
            what = f"training, {line['encoder']}, {line['backend']}: of plain Keras's texts/s"
            goals.append(goal(what, "at least", 0.9, ours / plain, lambda v: f"{v:.2f}x"))
            rows.append(
                f"| {line['encoder']} ({line['backend']}) | {rate(line['rates'])} "
                f"| {rate(line['plain_rates'])} | {ours / plain:.2f}x | {line['threads']} |"
            )
        elif line["task"] == "predict":
            name = f"{line['encoder']}, `{line['contender']}`, {line['backend']}"
            found = median(line["rates"])
            what = f"prediction, {name}: texts/s"
            goals.append(goal(what, "at least", 50_000, found, lambda v: f"{v:,.0f}"))
            predicted.append(f"| {name} | {rate(line['rates'])} | {line['threads']} |")
    text = []
    if rows:
        text += ["", "### Training beside a plain Keras model of the same shape", ""]
        text += [
            "Ours is told strings and tokenises them in every `fit`; the plain model gets the same batches as arrays.",
            "",
        ]
        text += ["| encoder | texts/s | plain Keras | ratio | threads |", "|---|---|---|---|---|"]
    if predicted:
        rows += ["", "### Prediction, strings in, labels out", ""]
        rows += ["| encoder | texts/s | threads |", "|---|---|---|", *predicted]
    return goals, text + rows


def rate(rates: Sequence[float]) -> str:
    return f"{median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f})"


def section(lines: Lines) -> str:
    """The section with its markers."""
    found = summaries(lines)
    speed_goals, speed_tables = speed(lines)
    days = sorted({line["date"] for line in lines})
    seeds = sorted({line["seed"] for line in lines if line["seed"] is not None})
    threads = ", ".join(
        f"{' or '.join(map(str, sorted(counts)))} ({task})"
        for task in ("accuracy", "fit", "predict")
        if (counts := {line["threads"] for line in lines if line["task"] == task})
    )
    packages = ("keras", *sorted({line["backend"] for line in lines if line["backend"]}))
    head = HEAD.format(
        dates=" to ".join(dict.fromkeys([days[0], days[-1]])),
        machine=machine(),
        cores=os.cpu_count(),
        threads=threads,
        versions=versions((*packages, "scikit-learn")),
        seeds=", ".join(map(str, seeds)),
        backend=BACKEND,
    )
    text = [MARKERS[0], head, *GOALS]
    for name, entries in found.items():
        text += goals_of_set(name, entries)
    text += speed_goals
    for name, entries in found.items():
        text += ["", f"### Accuracy, {title(name)}", ""]
        text += ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
        text += [summary.row() for summary in entries]
        text += taught([summary for summary in entries if summary.is_student])
    return "\n".join([*text, *speed_tables, "", MARKERS[1]])


def draw(found: dict[str, list[Summary]], path: pathlib.Path) -> None:
    """Accuracy by encoder for each set, the least and the most, and TF-IDF's as a line."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(-(-len(found) // 2), 2, squeeze=False)
    figure.set_size_inches(11, 3.6 * len(axes))
    for axis in axes.flat[len(found) :]:
        axis.remove()
    for axis, (name, entries) in zip(axes.flat, found.items(), strict=False):
        draw_set(axis, entries)
        axis.set_title(f"{title(name)}\naccuracy, % (dashed: TF-IDF)", fontsize="medium")
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def draw_set(axis: Any, entries: Sequence[Summary]) -> None:
    """A line of the picture for each encoder, and a colour for each start."""
    encoders = [s for s in entries if not s.is_baseline]
    lines = list(dict.fromkeys(s.encoder for s in encoders))[::-1]
    starts = sorted({s.start or "" for s in encoders})
    for start, colour in zip(starts, ("tab:orange", "tab:blue"), strict=False):
        shown = [s for s in encoders if (s.start or "") == start]
        means = [100 * s.accuracy for s in shown]
        least = [m - 100 * s.range()[0] for m, s in zip(means, shown, strict=True)]
        most = [100 * s.range()[1] - m for m, s in zip(means, shown, strict=True)]
        label = f"from {start}" if start else "from scratch"
        places = [lines.index(s.encoder) for s in shown]
        axis.errorbar(means, places, xerr=[least, most], fmt="o", color=colour, label=label)
    axis.set_yticks(range(len(lines)), lines)
    axis.spines[["top", "right"]].set_visible(False)
    for best in sorted(s.accuracy for s in entries if s.is_baseline)[-1:]:
        axis.axvline(100 * best, color="tab:gray", linestyle="--")
    if len(starts) > 1:
        axis.legend(fontsize="small")


def write(lines: Lines, docs: pathlib.Path) -> None:
    """Writes the section and the picture; the rest of benchmarks.md stays."""
    page = docs / "benchmarks.md"
    text = with_section(page.read_text(encoding="utf-8"), section(lines))
    draw(summaries(lines), docs / "benchmarks_encoders.png")
    page.write_text(text, encoding="utf-8")
