"""`hub-tasks presets`: what can be loaded by a built-in name."""

import argparse

HELP = "List the built-in presets."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb has no arguments."""


def run(arguments: argparse.Namespace) -> int:
    """Prints the catalogue as a table."""
    from rich.console import Console
    from rich.table import Table

    from hub_tasks.presets.catalogue import list_presets

    table = Table()
    table.add_column("name", no_wrap=True)
    for title in ("family", "parameters", "languages", "labels", "measured", "licence"):
        table.add_column(title, overflow="fold")
    for record in list_presets():
        table.add_row(
            record.id,
            record.family,
            f"{record.parameters:,}",
            ", ".join(record.languages),
            ", ".join(record.labels),
            ", ".join(f"{name} {value}" for name, value in record.metrics),
            record.licence,
        )
    Console().print(table)
    return 0
