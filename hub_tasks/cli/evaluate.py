"""`hub-tasks evaluate`: how good a preset is on labelled texts."""

import argparse
import json
from typing import Any

from hub_tasks.cli._arguments import (
    HANDLE,
    add_columns,
    add_label_column,
    add_machinery,
    load,
    prepare,
)

HELP = "Measure a preset on labelled texts: loss, metrics, precision, recall and F1 by class."
_SHARES = ("precision", "recall", "f1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    parser.add_argument("preset", metavar="PRESET", help=HANDLE)
    parser.add_argument("data", metavar="DATA", help=".tsv, .csv or .jsonl with named columns")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    add_columns(parser)
    add_label_column(parser)
    add_machinery(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints what was measured."""
    prepare(arguments)
    from hub_tasks.data.tables import Table

    table = Table(arguments.data)  # what is wrong with it is found before the preset is loaded
    table.text_columns(arguments.text_column, arguments.pair_column)
    table.label_column(arguments.label_column)
    clf = load(arguments)
    found = _measure(clf, arguments)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        _print(found)
    return 0


def _measure(clf: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    from hub_tasks.data.examples import read_examples
    from hub_tasks.tasks.predictions import chosen_labels
    from hub_tasks.tasks.recipe import auto_metrics
    from hub_tasks.tasks.scores import count_labels

    columns = arguments.text_column, arguments.pair_column, arguments.label_column
    examples = read_examples(arguments.data, clf.problem_type, *columns)
    regression = clf.problem_type == "regression"
    labels = examples.labels if regression else examples.labels_among(clf.labels, ids=True)
    truth = clf.label_space.encode(labels)
    outputs = clf.predict(examples.x, batch_size=arguments.batch_size, verbose=0)
    found: dict[str, Any] = {"texts": len(examples), "loss": float(clf.loss(truth, outputs))}
    for metric in auto_metrics(clf.problem_type, clf.activation):
        metric.update_state(truth, outputs)
        found[metric.name] = float(metric.result())
    if regression:
        return found
    predicted = chosen_labels(outputs, clf.problem_type, clf.activation)
    report = count_labels(truth, predicted, clf.num_classes).report(clf.labels)
    found["macro"] = {share: report["macro avg"][share] for share in _SHARES}
    found["classes"] = {name: report[name] for name in clf.labels}
    return found


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from hub_tasks.cli._tables import details, escaped

    console = Console(highlight=False)
    whole = {name: value for name, value in found.items() if not isinstance(value, dict)}
    console.print(details({name: f"{value:.4g}" for name, value in whole.items()}))
    if "classes" not in found:
        return
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("label", overflow="fold")
    for title in ("precision", "recall", "F1", "support"):
        table.add_column(title, justify="right")
    for name, entry in found["classes"].items():
        table.add_row(escaped(name), *_percentages(entry), f"{entry['support']:,}")
    table.add_row("mean of the classes", *_percentages(found["macro"]), f"{found['texts']:,}")
    console.print(table)


def _percentages(entry: dict[str, float]) -> list[str]:
    return [f"{100 * entry[name]:.1f}" for name in _SHARES]
