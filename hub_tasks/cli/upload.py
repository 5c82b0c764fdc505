"""`hub-tasks upload`: publish a preset directory."""

import argparse

HELP = "Check a preset and publish it on Hugging Face or Kaggle."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    parser.add_argument(
        "handle",
        metavar="HANDLE",
        help="hf://org/model, or kaggle://org/model/keras/variant; made where it does not exist",
    )
    parser.add_argument("directory", metavar="DIRECTORY", help="what save_to_preset wrote")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check the preset and list what would be sent; open no connection",
    )


def run(arguments: argparse.Namespace) -> int:
    """Publishes, or lists what would be published."""
    from rich.console import Console

    from hub_tasks.cli._encoders import import_encoders
    from hub_tasks.cli._tables import escaped, file_table
    from hub_tasks.presets.files import README
    from hub_tasks.presets.publishing import files_to_upload, upload_preset

    import_encoders(arguments.directory)
    if not arguments.dry_run:
        address = upload_preset(arguments.handle, arguments.directory)
        print(f"Published. Load it with TextClassifier.from_preset({address!r}).")
        return 0
    planned = files_to_upload(arguments.handle, arguments.directory)
    console = Console(highlight=False)
    console.print(file_table(planned))
    total = sum(entry.size for entry in planned)
    told = f"{len(planned)} files, {total:,} bytes, to {arguments.handle}"
    console.print(escaped(told), soft_wrap=True)
    if README in {entry.name for entry in planned}:
        console.print(f"On Hugging Face, {README} is sent only where there is none.")
    else:
        console.print(f"There is no {README}; hub_tasks.write_model_card writes one.")
    return 0
