"""`hub-tasks train`: a classifier from a file of labelled texts."""

import argparse
import pkgutil
import sys
import time
from pathlib import Path
from typing import Any

from hub_tasks.cli._arguments import (
    HANDLE,
    add_columns,
    add_label_column,
    add_machinery,
    module_name,
    positive,
    prepare,
)
from hub_tasks.errors import CommandError, printable, received

HELP = "Train a classifier on labelled texts: from scratch, or from a preset."
_ENCODERS = Path(__file__).parents[1] / "backbones" / "encoders"  # one file each
_FINE_TUNING_EPOCHS = 3
_HELD_OUT = 0.1
_SHOWN = 8  # labels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    encoders = ", ".join(module.name for module in pkgutil.iter_modules([str(_ENCODERS)]))
    parser.add_argument("data", metavar="DATA", help=".tsv, .csv or .jsonl with named columns")
    parser.add_argument(
        "--into", required=True, metavar="DIR", help="where the preset goes; one there is replaced"
    )
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--encoder", metavar="NAME", help=f"from scratch: {encoders}, or one of your own (--define)"
    )
    kind.add_argument("--preset", metavar="HANDLE", help=f"fine-tune {HANDLE}")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a hyper-parameter of the encoder, as hub_tasks.encoder_defaults names it; numbers "
        "of a tuple with commas between",
    )
    add_columns(parser)
    add_label_column(parser)
    _add_labels_and_training(parser)
    add_machinery(parser)


def _add_labels_and_training(parser: argparse.ArgumentParser) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--multi-label", action="store_true", help="labels are several, with | between"
    )
    form.add_argument("--regression", action="store_true", help="labels are numbers")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--validation", metavar="FILE", help="as DATA, to validate on")
    part.add_argument(
        "--validation-split",
        type=_share,
        metavar="SHARE",
        help=f"of DATA, to validate on, taken at random from each class (default: {_HELD_OUT})",
    )
    parser.add_argument(
        "--epochs",
        type=positive,
        metavar="N",
        help=f"passes over the data (default: {_FINE_TUNING_EPOCHS} for a preset; for an encoder "
        "at most 10 to 60, until it gets no better, and then anew on all rows)",
    )
    parser.add_argument(
        "--class-weight", choices=["balanced"], help="let rare classes weigh as much as others"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of all random numbers")
    parser.add_argument("--weights-format", choices=["h5", "safetensors"], default="h5")


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to less than 1. {received(value=text)}")
    return share


def run(arguments: argparse.Namespace) -> int:
    """Trains and saves; what can be checked is checked before."""
    kind = _problem_type(arguments)
    prepare(arguments)
    import keras

    from hub_tasks.data import infer_labels
    from hub_tasks.data.examples import read_examples
    from hub_tasks.presets.saving import check_target

    check_target(arguments.into)
    settings = _settings(arguments.encoder, arguments.set)
    columns = arguments.text_column, arguments.pair_column, arguments.label_column
    examples = read_examples(arguments.data, kind, *columns)
    space = infer_labels(examples.labels, None, kind)
    held = read_examples(arguments.validation, kind, *columns) if arguments.validation else None
    if held and kind != "regression":
        held.labels_among(space.names)
    if arguments.seed is not None:
        keras.utils.set_random_seed(arguments.seed)
    train = examples
    if held is None:
        train, held = _hold_out(examples, space, arguments.validation_split)
    clf = _build(arguments, examples, space, settings)
    _announce(arguments, train, held, space)
    chosen = arguments.validation is not None or arguments.validation_split is not None
    anew = bool(held) and not chosen and clf.recipe.refit
    began = time.perf_counter()
    fixed = {"validation_data": (held.x, held.labels) if held else None, "validation_split": 0.0}
    found = _fit(clf, examples, {}, arguments) if anew else _fit(clf, train, fixed, arguments)
    seconds = time.perf_counter() - began
    clf.save_to_preset(arguments.into, arguments.weights_format)
    _report(found, len(held or ()), anew, seconds, arguments)
    return 0


def _problem_type(arguments: argparse.Namespace) -> str:
    several, numbers = arguments.multi_label, arguments.regression
    if arguments.class_weight and (several or numbers):
        raise CommandError(
            "--class-weight is for texts with one label each; leave it out with --multi-label and "
            f"--regression. {received(class_weight=arguments.class_weight)}"
        )
    if arguments.set and not arguments.encoder:
        raise CommandError(
            f"--set is for --encoder: a preset has the hyper-parameters that it was made with. "
            f"{received(set=arguments.set)}"
        )
    if arguments.sequence_length and arguments.encoder:
        raise CommandError(
            "--sequence-length is for --preset; an encoder takes --set max_sequence_length=N. "
            f"{received(sequence_length=arguments.sequence_length)}"
        )
    if numbers:
        return "regression"
    return "multi_label_classification" if several else "single_label_classification"


def _settings(encoder: str | None, given: list[str]) -> dict[str, Any]:
    """Hyper-parameters, each of the type of its default."""
    from hub_tasks import encoder_defaults
    from hub_tasks.registry import close_matches

    defaults = encoder_defaults(encoder) if encoder else {}
    settings = {}
    for item in given:
        name, _, value = item.partition("=")
        if name not in defaults:
            raise CommandError(
                f"The encoder {encoder} has no {name!r}.{close_matches(name, list(defaults))} It "
                f"has {', '.join(defaults)}. {received(set=item)}"
            )
        try:
            settings[name] = _of_type(defaults[name], value)
        except (ValueError, KeyError):
            raise CommandError(
                f"{name} must be like its default, {defaults[name]!r}: NAME=VALUE. "
                f"{received(set=item)}"
            ) from None
    return settings


def _of_type(default: Any, value: str) -> Any:
    if isinstance(default, bool):
        return {"true": True, "false": False}[value.lower()]
    if isinstance(default, tuple):
        return tuple(int(part) for part in value.strip("()").split(",") if part.strip())
    return type(default)(value)


def _hold_out(examples: Any, space: Any, share: float | None) -> tuple[Any, Any]:
    from hub_tasks.data.hold_out import hold_out_of_each_class

    names = None if share is None else space.names
    share = _HELD_OUT if share is None else share
    return hold_out_of_each_class(examples, share, space.encode(examples.labels), names)


def _build(
    arguments: argparse.Namespace, examples: Any, space: Any, settings: dict[str, Any]
) -> Any:
    """The classifier, untrained; a preset keeps its head where the labels are the same."""
    from hub_tasks import TextClassifier, presets

    if arguments.encoder:
        return TextClassifier.from_scratch(
            arguments.encoder,
            examples.x,
            examples.labels,
            label_names=space.names,
            problem_type=space.problem_type,
            hyper_parameters=settings,
        )
    with presets.opened(arguments.preset) as data:
        head = data.head
    same = (
        head is not None
        and set(head.labels or ()) == set(space.names)
        and head.problem_type == space.problem_type
    )
    print(f"the head is {'that of the preset, whose labels these are' if same else 'a fresh one'}")
    fresh = {"labels": space.names, "problem_type": space.problem_type, "load_task_weights": False}
    return TextClassifier.from_preset(
        arguments.preset,
        sequence_length=arguments.sequence_length,
        **({} if same else fresh),
    )


def _announce(arguments: argparse.Namespace, train: Any, held: Any, space: Any) -> None:
    names = space.names[:_SHOWN]
    more = f" and {len(space.names) - len(names):,} more" if len(space.names) > len(names) else ""
    what = "numbers" if arguments.regression else f"{len(space.names):,} labels: "
    what += "" if arguments.regression else ", ".join(map(printable, names)) + more
    parts = f"{len(train):,} texts to train on, {len(held) if held else 0:,} to validate on"
    print(f"{parts}; {what}", flush=True)


def _fit(
    clf: Any, rows: Any, held_out: dict[str, Any], arguments: argparse.Namespace
) -> dict[str, float]:
    """Trains; returns the metrics of the best epoch on the rows held out, if there were any."""
    from hub_tasks.tasks.refitting import best_epoch

    epochs = arguments.epochs
    if epochs is None and arguments.preset and clf.recipe.epochs == 1:
        epochs = _FINE_TUNING_EPOCHS
    verbose = 1 if sys.stdout.isatty() else 2
    told = {"batch_size": arguments.batch_size, "class_weight": arguments.class_weight}
    told |= {"epochs": epochs, "verbose": verbose, **held_out}
    history = clf.fit(rows.x, rows.labels, **told).history
    if data := held_out.get("validation_data"):
        return clf.evaluate(*data, verbose=0, return_dict=True)
    measured = {k[4:]: values for k, values in history.items() if k.startswith("val_")}
    best = best_epoch(measured.get("loss", [0.0])) - 1
    return {name: values[best] for name, values in measured.items()}


def _report(
    found: dict[str, float], held: int, anew: bool, seconds: float, arguments: argparse.Namespace
) -> None:
    target = Path(arguments.into)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file()) / 2**20
    print(f"saved       {printable(str(target))}, {size:.1f} MiB, trained in {seconds:.0f} s")
    if found:
        metrics = [name for name in found if name != "loss"]
        told = [f"{name} {found[name]:.4f}" for name in (*metrics, "loss")]
        after = ", before it was trained on these too" if anew else ""
        print(f"validation  {', '.join(told)}, {held:,} texts{after}")
    first = "import hub_tasks; "
    if arguments.define:
        first += f"import {', '.join(map(module_name, arguments.define))}; "
    print(f"load it     {first}clf = hub_tasks.TextClassifier.from_preset({str(target)!r})")
