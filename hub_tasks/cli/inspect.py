"""`hub-tasks inspect`: what a preset is, without building it."""

import argparse
import json
from dataclasses import asdict

from hub_tasks.cli._encoders import import_encoders
from hub_tasks.presets.publishing import Description, describe

HELP = "Show what a preset is and what is odd about it, without loading it."
_MOST_LABELS = 50  # that the table names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    parser.add_argument(
        "handle",
        metavar="HANDLE",
        help="a built-in name, a directory, hf://org/model@revision or "
        "kaggle://org/model/keras/variant/version",
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Prints the description; the status is 1 where something stands in the way of loading."""
    import_encoders(arguments.handle)
    found = describe(arguments.handle)
    if arguments.json:
        print(json.dumps(asdict(found), indent=2))
    else:
        _print(found)
    return 1 if found.errors else 0


def _print(found: Description) -> None:
    from rich.console import Console

    from hub_tasks.cli._tables import details, escaped, file_table

    console = Console(highlight=False)
    console.print(details(_entries(found)))
    console.print(file_table(found.files))
    lines = [f"note: {oddity}" for oddity in found.oddities]
    for line in (*lines, *(f"error: {error}" for error in found.errors)):
        console.print(escaped(line), soft_wrap=True)


def _entries(found: Description) -> dict[str, str | None]:
    tokens = found.vocabulary_size
    length = found.sequence_length
    return {
        "handle": found.handle,
        "revision": found.revision,
        "format": found.format,
        "written by": found.written_by,
        "family": found.family,
        "task": found.task,
        "parameters": f"{found.parameters:,}" if found.parameters else None,
        "stored as": ", ".join(sorted(found.dtypes)),
        "labels": _labels(found),
        "problem type": found.problem_type,
        "pooling": found.pooling,
        "tokenizer": f"{found.tokenizer}, {tokens:,} tokens" if tokens else None,
        "texts are cut to": f"{length:,} tokens" if length else None,
    }


def _labels(found: Description) -> str | None:
    if found.labels is None:
        return f"{found.num_classes:,}, not named" if found.num_classes else None
    named = found.labels[:_MOST_LABELS]
    more = len(found.labels) - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "")
