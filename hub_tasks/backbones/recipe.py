"""How an encoder is trained where `compile` and `fit` are not told otherwise."""

import math
from dataclasses import dataclass, replace
from typing import Self

_VERY_FEW, _FEW, _MANY = 500, 1_000, 20_000  # rows
_LEAST_STEPS = 200  # of training without a better model before it ends


@dataclass(frozen=True)
class Recipe:
    """What `fit` does by default.

    Args:
        epochs: the most passes over the data.
        batch_size: rows of a training step.
        predict_batch_size: rows of a step of prediction and evaluation.
        short_batch_size: the same of prediction where all texts are short; None for no other.
        compile_cost: how many tokens that computes in the time of compiling a shape, about.
        validation_split: share of the rows that is held out, as many of each class.
        patience: after how many epochs without a lower loss on the rows held out training
            ends; the weights of the best epoch are kept. 0 for never.
        refit: whether training then begins anew, on all rows and for as many epochs as were
            best, at a rate that falls to zero by then: the best epoch's is high still.
        refit_whole: whether it takes all epochs instead where labels are learnt: which of them
            few rows held out find best is chance. Numbers would be learnt by heart.
        refit_times: how many times the best number of epochs it takes otherwise, of `epochs` at
            most: rare ones of several labels are learnt later than the loss of all says.
        learning_rate: the highest; None for one that suits the size of the encoder.
        embedding_rate: how many times that rate tables of embeddings are trained with.
        bigram_rate: the same of the table of pairs of tokens.
        lazy_embeddings: whether tables of embeddings are trained without momentum, each entry
            only where it has a gradient.
        scaled_outputs: whether the outputs of a regression are trained with as many times the
            rate as the numbers to be learnt are spread.
        weight_decay: share of a weight that a step takes away, times the learning rate.
        wide: whether a linear model stands beside an encoder that is made for the texts.
    """

    epochs: int = 1
    batch_size: int = 32
    predict_batch_size: int = 32
    short_batch_size: int | None = None
    compile_cost: float = 2_048.0
    validation_split: float = 0.0
    patience: int = 0
    refit: bool = False
    refit_whole: bool = False
    refit_times: int = 1
    learning_rate: float | None = None
    embedding_rate: float = 1.0
    bigram_rate: float = 1.0
    lazy_embeddings: bool = False
    scaled_outputs: bool = False
    weight_decay: float = 0.01
    wide: bool = False

    def for_rows(self, rows: int) -> Self:
        """The recipe for so many rows of training data."""
        return self


class ScratchRecipe(Recipe):
    """Small steps on few rows, large ones and fewer passes on many."""

    def for_rows(self, rows: int) -> Self:
        if rows < _FEW:
            size = self.batch_size // (4 if rows < _VERY_FEW else 2)
            sized = replace(self, batch_size=size, epochs=2 * self.epochs)
            sized = replace(sized, refit_whole=True, wide=True)
        elif rows < _MANY:
            sized = self
        else:
            sized = replace(self, batch_size=4 * self.batch_size, epochs=self.epochs // 3)
            # Of so many pairs, each rare, a fast table learns texts by heart.
            sized = replace(sized, bigram_rate=self.bigram_rate / 4)
        epochs = math.ceil(_LEAST_STEPS * sized.batch_size / max(rows, 1))
        return replace(sized, patience=max(self.patience, epochs))


FINE_TUNING = Recipe()
FROM_SCRATCH = ScratchRecipe(
    epochs=30,
    batch_size=32,
    predict_batch_size=1024,
    compile_cost=100_000.0,
    validation_split=0.1,
    patience=3,
    refit=True,
    learning_rate=1e-3,
    embedding_rate=4.0,
    bigram_rate=4.0,
    lazy_embeddings=True,
    scaled_outputs=True,
    weight_decay=0.0,
)
