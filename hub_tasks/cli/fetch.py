"""`hub-tasks fetch`: bring presets to a directory, for machines without a network."""

import argparse
from pathlib import Path

HELP = "Fetch presets into a directory that works without a network, and lock what they hold."
_LOCK = "presets.lock"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    parser.add_argument(
        "handles",
        nargs="+",
        metavar="HANDLE",
        help="a built-in name, a directory, hf://org/model@revision or "
        "kaggle://org/model/keras/variant/version",
    )
    parser.add_argument(
        "--into", required=True, metavar="DIR", help="each preset gets a directory in this one"
    )
    parser.add_argument(
        "--lock",
        metavar="FILE",
        help=f"where handle, revision and digests are recorded (default: DIR/{_LOCK}); what a lock "
        f"says of other presets stays",
    )
    parser.add_argument(
        "--local-files-only", action="store_true", help="ask no hub; take what is in its cache"
    )


def run(arguments: argparse.Namespace) -> int:
    """Fetches one preset after another; the lock is up to date after each."""
    from hub_tasks.errors import PresetSaveError
    from hub_tasks.presets.carrying import bring
    from hub_tasks.presets.lock import read_lock, write_lock
    from hub_tasks.presets.sources import parse

    into, lock = Path(arguments.into), Path(arguments.lock or Path(arguments.into, _LOCK))
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PresetSaveError(f"{str(into)!r} cannot be made: {error.strerror}.") from None
    locked = read_lock(lock) if lock.exists() else {}
    for handle in arguments.handles:
        address = parse(handle)
        entry, written = bring(address, into, locked, arguments.local_files_only)
        locked[address.base] = entry
        write_lock(lock, locked)
        target = into / entry.directory
        size = sum((target / name).stat().st_size for name in entry.files) / 2**20
        print(f"{'fetched' if written else 'verified'}  {handle}")
        print(f"  revision  {entry.revision or '-'}, {len(entry.files)} files, {size:.1f} MiB")
        print(f"  load it   TextClassifier.from_preset({str(target)!r}, lock={str(lock)!r})")
    return 0
