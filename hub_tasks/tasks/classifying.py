"""What a classifier says of texts: probabilities and labelled predictions."""

from typing import Any

import numpy as np

from hub_tasks.errors import DataError, received
from hub_tasks.tasks.auto_compile import AutoCompiledTask
from hub_tasks.tasks.predictions import Prediction, to_predictions, to_probabilities


class ClassifyingTask(AutoCompiledTask):
    """A task whose outputs are scores of labels."""

    def predict_proba(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto"
    ) -> np.ndarray:
        """Probabilities `(rows, num_classes)`, float32.

        Rows sum to 1 for single-label problems; for multi-label problems every entry
        stands for itself.
        """
        if self.problem_type == "regression":
            raise DataError(
                "A regression has no probabilities; use `predict`. "
                f"{received(problem_type=self.problem_type)}"
            )
        outputs = self.predict(x, batch_size=batch_size, verbose=verbose)
        return to_probabilities(outputs, self.problem_type, self.activation)

    def classify(
        self, x: Any, batch_size: int | None = None, threshold: float = 0.5, verbose: Any = 0
    ) -> Prediction | list[Prediction]:
        """Labelled predictions.

        Args:
            x: texts as in `fit`, or one bare string.
            batch_size: texts per batch.
            threshold: from which probability a label applies, for multi-label problems.
            verbose: as in `keras.Model.predict`.

        Returns:
            A `Prediction` for each text; for a bare string, one `Prediction`.
        """
        if isinstance(x, str):
            return self.classify([x], batch_size, threshold, verbose)[0]  # type: ignore[index]
        outputs = self.predict(x, batch_size=batch_size, verbose=verbose)
        return to_predictions(outputs, self.label_space, self.activation, threshold)
