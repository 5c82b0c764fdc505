"""Training data that is well-formed and yet unlikely to be meant: a warning, never an error."""

import warnings
from collections.abc import Sequence

import numpy as np

from hub_tasks.data.rows import Rows
from hub_tasks.errors import shorten

_FEW = 0.01  # a share of contradictions that real data has


def warn_of_doubts(
    rows: Rows, targets: np.ndarray, names: Sequence[str], compares: bool = True
) -> None:
    """Warns of one label or one text alone, of texts with several labels, of pairs not compared.

    Args:
        rows: the texts.
        targets: int32 `(rows,)`, or float32 `(rows, classes)`, about whose labels nothing is said.
        names: label names in the order of ids.
        compares: whether the encoder relates the two texts of a pair.
    """
    texts = list(zip(*rows.texts, strict=True))
    if len(texts) < 2:
        return
    first = dict(zip(reversed(texts), reversed(range(len(texts))), strict=True))
    doubts = []
    if len(first) == 1:
        doubts.append(f"all {len(texts)} texts are the same, {shorten(rows.texts[0][0])}")
    if targets.ndim == 1:
        if (targets == targets[0]).all():
            doubts.append(f"all {len(texts)} labels are {names[targets[0]]!r}")
        others = [i for i, text in enumerate(texts) if targets[i] != targets[first[text]]]
        if len(others) > _FEW * len(texts):
            i = others[0]
            doubts.append(
                f"{len(others)} of {len(texts)} texts have another label than the same text before "
                f"them, first texts[{i}] (and texts[{first[texts[i]]}])"
            )
    if len(rows.texts) > 1 and not compares:
        doubts.append(
            "it is of pairs, and the encoder was made for single texts: what two texts share is "
            "lost on it. Make it from pairs with `from_scratch`, or load it with "
            "`pair_separator=` (docs/encoders.md, Pairs)"
        )
    for doubt in doubts:
        warnings.warn(f"Look at the training data: {doubt}.", stacklevel=5)


def warn_of_absent_classes(
    train: np.ndarray | None, validation: np.ndarray | None, names: Sequence[str]
) -> None:
    """Warns of labels to be validated that training does not show.

    Args:
        train, validation: targets as in `warn_of_doubts`; None where they are not known.
        names: label names in the order of ids.
    """
    if any(targets is None or targets.ndim != 1 for targets in (train, validation)):
        return
    if absent := sorted({*validation.tolist()} - {*train.tolist()}):
        shown = ", ".join(repr(names[i]) for i in absent)
        warnings.warn(
            f"The validation data holds labels that the training data lacks: {shown}.",
            stacklevel=4,
        )
