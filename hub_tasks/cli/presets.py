"""`hub-tasks presets`: what can be loaded by a built-in name."""

import argparse
import re
import sys
from typing import Any

from hub_tasks.cli._tables import details
from hub_tasks.errors import received
from hub_tasks.families import FAMILIES
from hub_tasks.presets.catalogue import MULTI, TASKS, PresetRecord, list_presets
from hub_tasks.registry import close_matches

HELP = "List the built-in presets, or search them."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="show presets with all these words in name, description, labels, licence or handle; "
        "a whole name shows that preset alone, with all that is known of it",
    )
    families = ", ".join(FAMILIES)
    parser.add_argument(
        "--family", choices=list(FAMILIES), metavar="FAMILY", help=f"one of {families}"
    )
    parser.add_argument(
        "--language",
        type=_language,
        metavar="CODE",
        help="an ISO 639-1 code such as de, which finds presets for fifty languages and more, "
        f"too; or {MULTI}, which finds these alone",
    )
    parser.add_argument(
        "--task", choices=TASKS, help="classifier: with a trained head; encoder: without"
    )
    parser.add_argument(
        "--local", action="store_true", help="only what ships inside the package: no download"
    )


def _language(code: str) -> str:
    if code != MULTI and not re.fullmatch(r"[a-z]{2}", code):
        raise argparse.ArgumentTypeError(
            f"must be two lower-case letters (ISO 639-1) or {MULTI}. {received(language=code)}"
        )
    return code


def run(arguments: argparse.Namespace) -> int:
    """Prints the records that pass, as a table; one alone is printed in full."""
    from rich.console import Console

    found = [record for record in list_presets() if _passes(record, arguments)]
    found = [record for record in found if arguments.words == [record.id]] or found
    if not found:
        print(f"hub-tasks: {_nothing(arguments)}", file=sys.stderr)
        return 1
    Console().print(_table(found) if len(found) > 1 else _details(found[0]))
    return 0


def _passes(record: PresetRecord, arguments: argparse.Namespace) -> bool:
    parts = (record.id, record.family, record.task, record.description, record.licence)
    text = " ".join((*parts, *record.languages, *record.labels, record.handle)).lower()
    return (
        all(word.lower() in text for word in arguments.words)
        and arguments.family in (None, record.family)
        and arguments.task in (None, record.task)
        and (arguments.language is None or {arguments.language, MULTI} & set(record.languages))
        and (record.directory is not None or not arguments.local)
    )


def _nothing(arguments: argparse.Namespace) -> str:
    known = [record.id for record in list_presets()]
    close = close_matches("_".join(arguments.words), known) if arguments.words else ""
    asked = {k: v for k, v in vars(arguments).items() if k not in ("verb", "run") and v}
    return f"No built-in preset has all of this.{close} {received(**asked)}"


def _table(records: list[PresetRecord]) -> Any:
    from rich.table import Table

    # One line a preset in 80 columns, also where the output goes to a file.
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, caption_justify="left")
    table.caption = (
        f"{len(records)} presets; `hub-tasks presets NAME` says all that is known of one."
    )
    table.add_column("name", no_wrap=True)
    table.add_column("size", justify="right")
    for title in ("task", "language", "version"):
        table.add_column(title)
    for record in records:
        table.add_row(
            record.id,
            f"{record.parameters / 1e6:,.0f}M",
            record.task,
            record.languages[0] if len(record.languages) == 1 else "several",
            record.version,
        )
    return table


def _details(record: PresetRecord) -> Any:
    entries = {
        "name": record.id,
        "description": record.description,
        "family": record.family,
        "task": record.task,
        "parameters": f"{record.parameters:,}",
        "languages": ", ".join(record.languages),
        "labels": ", ".join(record.labels),
        "training data": record.training_data,
        "measured": ", ".join(f"{name} {value}" for name, value in record.metrics),
        "licence": record.licence,
        "handle": record.address,
        "version": record.version,
    }
    return details(entries)
