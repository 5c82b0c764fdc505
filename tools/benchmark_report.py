"""docs/benchmarks.md: tables, targets and a picture from the results of a benchmark."""
# ruff: noqa: E501 - a line of prose is a line of the document

import os
import pathlib
import platform
from collections.abc import Sequence
from typing import Any

# The card's peak in teraflops, dense: float32 without tensor cores, bfloat16 (NVIDIA's data sheets).
PEAKS = {
    "H200": {"float32": 67.0, "bfloat16": 989.0},
    "H100 PCIe": {"float32": 51.0, "bfloat16": 756.0},
    "H100": {"float32": 67.0, "bfloat16": 989.0},
    "A100": {"float32": 19.5, "bfloat16": 312.0},
    "L40S": {"float32": 91.6, "bfloat16": 362.0},
    "L4": {"float32": 30.3, "bfloat16": 121.0},
}
NAMES = {"sst2": "SST-2 sentences", "trec6": "TREC questions", "imdb_long": "IMDb reviews"}
HEAD = """# Benchmarks

Written by `make bench`; every figure below is of one run.

- Command: `python tools/benchmark.py {command}`
- Machine: {machine}, {cores} cores
- {versions}
- {rounds} rounds in which the contenders take turns; the median, and the least and the most in brackets.
- The same weights (MiniLM-L6 under a fixed head of two labels), batches of 32, all cores, and no setting of threads. All compute in float32 but "hub_tasks auto", which is `dtype="auto"`.
- keras-nlp pads every text to 512 tokens by default, and gets fewer of the texts in a round, and those of SST-2 alone: its time for a text does not depend on which. "tuned" pads to the longest text of the set.
- Every worker has run the same texts once before it is timed, so compilation is not in these figures; start-up is measured apart.
- "of the limit": floating-point operations of the encoder for real tokens alone, as a share of what the machine reaches in matrix products of the same shapes and dtype in the same process; training counts three times a prediction.
- "differs": the largest difference of a logit from the `transformers` loop's. keras-nlp computes GELU by its tanh approximation, and cannot be told otherwise.
"""
NOTES = "\n## Notes\n"
# Around what `tools/benchmark_encoders.py` writes.
MARKERS = ("<!-- encoders from scratch: begin -->", "<!-- encoders from scratch: end -->")


def shares(results: Sequence[Any]) -> dict[int, float]:
    """The share of the machine's limit that each result reached, by its `id`."""
    limits = {(r.backend, r.dtype): r.limit for r in results if r.limit}
    found = {}
    for r in results:
        limit = r.limit or limits.get((r.backend or "torch", r.dtype))
        if limit and r.flops and r.rates:
            found[id(r)] = r.flops * r.rate / r.texts / limit
    return found


def table(results: Sequence[Any], card: str) -> list[str]:
    """A row for each contender; two columns more where a graphics card computed."""
    columns = ["contender", "texts/s", "of the limit", "peak memory", "differs"]
    peak = next((peak for name, peak in PEAKS.items() if name in card), {}) if card else {}
    columns += ["tokens/s", "of the card's peak"] if card else []
    rows = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    share = shares(results)
    for r in results:
        if r.problem:
            rows.append(f"| {r.name} | failed: {r.problem.replace('|', '/')} |")
            continue
        cells = [
            r.name if r.dtype == "float32" else f"{r.name}: {r.dtype}",
            f"{r.rate:.1f} ({min(r.rates):.1f}–{max(r.rates):.1f})",
            f"{share[id(r)]:.0%}" if id(r) in share and r.contender != "TF-IDF" else "",
            f"{r.memory:.1f} GB",
            "" if r.difference is None else f"{r.difference:.0e}",
        ]
        if card:
            reached = r.flops * r.rate / r.texts / 1e12
            cells.append(f"{r.tokens * r.rate / r.texts:.0f}")
            cells.append(f"{reached / peak[r.dtype]:.1%}" if r.dtype in peak else "")
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def targets(results: Sequence[Any]) -> list[str]:
    """What was aimed at, what was measured on SST-2 sentences, and whether it was reached."""
    rate = {(r.group[0], r.contender, r.group[-1]): r.rate for r in results if "sst2" in r.group}
    memory = {
        (r.group[0], r.contender, r.group[-1]): r.memory for r in results if "sst2" in r.group
    }
    start = {(r.contender, r.backend): r.rate for r in results if r.group[0] == "start"}
    backends = sorted({r.backend for r in results if r.contender == "hub_tasks"})
    rows: list[str] = []

    def row(what: str, goal: float, measured: float | None, unit: str = "x") -> None:
        if measured is None or measured != measured:
            return
        met = measured >= goal if unit == "x" else measured <= goal
        sign = "at least" if unit == "x" else "at most"
        rows.append(
            f"| {what} | {sign} {goal:g}{'x' if unit == 'x' else ' of it'} | {measured:.2f} "
            f"| {'yes' if met else '**no**'} |"
        )

    def ratio(a: Any, b: Any) -> float | None:
        return a / b if a and b else None

    goals = {"predict": (15, 2, 4), "fit": (10, 1.7, 3)}
    for task, (default, tuned, part) in goals.items():
        for b in backends:
            ours = rate.get((task, "hub_tasks", b))
            row(f"{task}, keras-nlp, {b}", default, ratio(ours, rate.get((task, "keras-nlp", b))))
            other = rate.get((task, "keras-nlp tuned", b))
            row(f"{task}, keras-nlp tuned, {b}", tuned, ratio(ours, other))
            share = ratio(memory.get((task, "hub_tasks", b)), memory.get((task, "keras-nlp", b)))
            row(f"{task}, peak memory of keras-nlp's, {b}", round(1 / part, 2), share, "share")
        best = [
            ratio(rate.get((task, "hub_tasks", b)), rate.get((task, "transformers loop", b)))
            for b in backends
        ]
        best = [value for value in best if value]
        row(
            f"{task}, `transformers` loop, our best backend",
            1.4 if task == "predict" else 1.1,
            max(best, default=None),
        )
    ours, auto, loop, pipeline = (
        rate.get(("predict", c, "torch"))
        for c in ("hub_tasks", "hub_tasks auto", "transformers loop", "transformers pipeline")
    )
    row("predict, `transformers` loop, Torch", 1.15, ratio(ours, loop))
    row("predict, `transformers` pipeline, ours `auto` on Torch", 3, ratio(auto, pipeline))
    predicted = [r for r in results if r.group[:2] == ("predict", "sst2")]
    reached = shares(predicted)
    of_limit = [
        reached[id(r)] for r in predicted if r.contender == "hub_tasks" and id(r) in reached
    ]
    row("predict, the matrix-product limit, best backend", 0.65, max(of_limit, default=None))
    row("predict, the matrix-product limit, worst backend", 0.45, min(of_limit, default=None))
    for b in backends:
        share = ratio(start.get(("hub_tasks", b)), start.get(("keras-nlp", b)))
        row(f"start to first prediction, keras-nlp, {b}", 0.5, share, "share")
    tokenising = {r.contender: r.rate for r in results if r.group[0] == "tokenise"}
    row(
        "tokenising, the Rust tokenizer itself",
        0.9,
        ratio(tokenising.get("tokenizer"), tokenising.get("Rust tokenizer")),
    )
    return ["| against | goal | measured | reached |", "|---|---|---|---|", *rows]


def draw(results: Sequence[Any], path: pathlib.Path) -> None:
    """Bars of texts a second on SST-2 sentences."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 5), layout="constrained")
    for axis, task in zip(axes, ("predict", "fit"), strict=True):
        shown: dict[str, float] = {}
        for r in results:
            if r.group[:2] == (task, "sst2") and r.rates and r.contender != "TF-IDF":
                shown.setdefault(r.name, r.rate)
        names = sorted(shown, key=shown.__getitem__)
        colours = ["tab:orange" if n.startswith("hub_tasks") else "tab:gray" for n in names]
        bars = axis.barh(names, [shown[n] for n in names], color=colours)
        axis.bar_label(bars, fmt="%.0f", padding=3)
        axis.set_title(f"{task}: texts per second, SST-2 sentences")
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=80)


def machine() -> str:
    """The name of the processor."""
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def section_of(page: str) -> str:
    """What stands between the markers of `with_section`, and they; empty where they are not."""
    begin, end = page.find(MARKERS[0]), page.find(MARKERS[1])
    return page[begin : end + len(MARKERS[1])] if -1 < begin < end else ""


def with_section(page: str, section: str) -> str:
    """The page with that section in place of the one it has, or before its notes."""
    old = section_of(page)
    if old:
        return page.replace(old, section)
    text, heading, notes = page.partition(NOTES)
    return f"{text}\n{section}\n{heading}{notes}" if section else page


def write(
    results: Sequence[Any],
    rounds: int,
    versions: str,
    command: str,
    card: str,
    docs: pathlib.Path,
) -> None:
    """Writes benchmarks.md and benchmarks.png; encoders from scratch and "Notes" stay."""
    text = [
        HEAD.format(
            command=command,
            machine=f"{machine()}, {card}" if card else machine(),
            cores=os.cpu_count(),
            versions=versions,
            rounds=rounds,
        ),
        "![Texts per second](benchmarks.png)",
        "",
        "## Goals",
        "",
        *targets(results),
    ]
    for group in dict.fromkeys(r.group for r in results if len(r.group) == 3):
        task, name, backend = group
        text += ["", f"## {task}, {NAMES[name]}, Keras on {backend}", ""]
        text += table([r for r in results if r.group == group], card)
    starts = [r for r in results if r.group[0] == "start"]
    if starts:
        text += ["", "## From the start of the interpreter to the first prediction", ""]
        text += ["| contender | seconds |", "|---|---|"]
        text += [
            f"| {r.name} | {r.rate:.1f} ({min(r.rates):.1f}–{max(r.rates):.1f}) |" for r in starts
        ]
    tokenising = [r for r in results if r.group[0] == "tokenise"]
    if tokenising:
        text += ["", "## Tokenising", "", "| contender | texts/s |", "|---|---|"]
        text += [
            f"| {r.name} | {r.rate:.0f} ({min(r.rates):.0f}–{max(r.rates):.0f}) |"
            for r in tokenising
        ]
    draw(results, docs / "benchmarks.png")
    page = docs / "benchmarks.md"
    old = page.read_text(encoding="utf-8")
    _, heading, notes = old.partition(NOTES)
    new = "\n".join(text) + "\n" + heading + notes
    page.write_text(with_section(new, section_of(old)), encoding="utf-8")
