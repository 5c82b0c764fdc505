"""How an encoder is trained where `compile` and `fit` are not told otherwise."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What `fit` does by default.

    Args:
        epochs: the most passes over the data.
        batch_size: rows of a training step, and by default of prediction.
        predict_batch_size: rows of a step of prediction.
        validation_split: share of the rows that is held out, as many of each class.
        patience: after how many epochs without a lower loss on the rows held out training
            ends; the weights of the best epoch are kept.
        learning_rate: the highest; None for one that suits the size of the encoder.
    """

    epochs: int = 1
    batch_size: int = 32
    predict_batch_size: int = 32
    validation_split: float = 0.0
    patience: int = 0
    learning_rate: float | None = None


FINE_TUNING = Recipe()
FROM_SCRATCH = Recipe(
    epochs=30,
    batch_size=32,
    predict_batch_size=1024,
    validation_split=0.1,
    patience=3,
    learning_rate=2e-3,
)
