"""`hub-tasks predict`: labels for texts, as a stream."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from hub_tasks.cli._arguments import HANDLE, add_columns, add_machinery, load, positive, prepare
from hub_tasks.errors import CommandError, printable, received

HELP = "Label texts, a line each: from a file, from standard input, or from the command line."
_STANDARD_INPUT = "-"
_WINDOW = 8192  # texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    parser.add_argument("preset", metavar="PRESET", help=HANDLE)
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="texts, a line each; or .tsv, .csv or .jsonl with named columns; - (the default) "
        "for the lines of standard input",
    )
    parser.add_argument(
        "--text", action="append", metavar="TEXT", help="a text, in place of FILE; repeatable"
    )
    parser.add_argument("--json", action="store_true", help="an object a line, for programs")
    parser.add_argument(
        "--scores", action="store_true", help="the probability of every label as well"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        metavar="P",
        help="from which probability a label applies, where several may (default: 0.5)",
    )
    parser.add_argument(
        "--window",
        type=positive,
        default=_WINDOW,
        metavar="N",
        help=f"texts that are read, computed and written together (default: {_WINDOW}); few are "
        "written sooner, many pad less",
    )
    add_columns(parser)
    add_machinery(parser)


def run(arguments: argparse.Namespace) -> int:
    """Writes a line for each text, in their order."""
    if arguments.text and arguments.file:
        raise CommandError(
            "Pass texts with --text or in a file, one of the two. "
            f"{received(file=arguments.file, text=arguments.text)}"
        )
    prepare(arguments)
    import numpy as np

    from hub_tasks.tasks.predictions import to_predictions

    form = _as_json if arguments.json else _as_fields
    with ExitStack() as stack:
        texts = _texts(arguments, stack)
        clf = load(arguments)
        size = min(arguments.batch_size or clf.recipe.predict_batch_size, arguments.window)
        window = arguments.window // size * size
        outputs = clf.predict_iter(texts, batch_size=size, window=window)
        while rows := list(islice(outputs, window)):
            found = to_predictions(
                np.stack(rows), clf.label_space, clf.activation, arguments.threshold
            )
            sys.stdout.writelines(
                form(prediction, clf.problem_type, arguments.scores) + "\n" for prediction in found
            )
            sys.stdout.flush()
    return 0


def _texts(arguments: argparse.Namespace, stack: ExitStack) -> Iterator[Any]:
    """Texts, or pairs; what is wrong with the file as such is found before the first."""
    from hub_tasks.data.tables import READERS, Table
    from hub_tasks.data.text_files import open_text, read_lines, without_line_end

    file, columns = arguments.file, (arguments.text_column, arguments.pair_column)
    if arguments.text:
        return iter(arguments.text)
    if columns != (None, None) or (file and Path(file).suffix.lower() in READERS):
        table = Table(file or _STANDARD_INPUT)
        chosen = table.text_columns(*columns)
        return (row if len(row) == 1 else (row,) for _, row, _ in table.select(chosen))
    if file in (None, _STANDARD_INPUT):
        lines = read_lines(sys.stdin.buffer, "Standard input")
    else:
        opened = stack.enter_context(open_text(file))
        lines = read_lines(opened, f"The file {file!r}")
    return (without_line_end(line) for _, line in lines)


def _as_fields(prediction: Any, problem_type: str, with_scores: bool) -> str:
    """Labels and scores between tabs; several labels, and their scores, with `|` between."""
    if problem_type == "regression":
        return f"{prediction.score:.6g}"
    labels = prediction.labels
    fields = ["|".join(labels), "|".join(f"{prediction.scores[name]:.4f}" for name in labels)]
    if with_scores:
        fields += [f"{name}={score:.4f}" for name, score in prediction.scores.items()]
    return "\t".join(map(printable, fields))


def _as_json(prediction: Any, problem_type: str, with_scores: bool) -> str:
    if problem_type == "regression":
        entry = {"score": prediction.score}
    elif problem_type == "multi_label_classification":
        entry = {"labels": {name: prediction.scores[name] for name in prediction.labels}}
    else:
        entry = {"label": prediction.label, "score": prediction.score}
    if with_scores and problem_type != "regression":
        entry["scores"] = prediction.scores
    return json.dumps(entry)
