"""Training a classifier on what another one says of texts without labels."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from hub_tasks.data import LabelSpace, Rows
from hub_tasks.errors import DataError, received
from hub_tasks.tasks.classifying import ClassifyingTask
from hub_tasks.tasks.predictions import to_probabilities


@keras.saving.register_keras_serializable(package="hub_tasks")
class SoftLabelLoss(keras.losses.Loss):
    """Cross-entropy between a teacher's probabilities and a student's outputs.

    Reference: Hinton et al., 2015, https://arxiv.org/abs/1503.02531.

    Args:
        problem_type: one softmax, or for several labels one sigmoid each.
        activation: of the student's outputs.
    """

    def __init__(self, problem_type: str, activation: str, name: str = "loss", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.problem_type, self.activation = problem_type, activation

    def call(self, y_true: Any, y_pred: Any) -> Any:
        from_logits = self.activation == "linear"
        if self.problem_type == "multi_label_classification":
            each = ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits)
            return ops.mean(each, axis=-1)
        return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "problem_type": self.problem_type,
            "activation": self.activation,
        }


class SoftLabels(LabelSpace):
    """Labels of which a teacher says how much each applies: a number for each class."""

    def __init__(self, space: LabelSpace):
        super().__init__(space.names, space.problem_type)
        self._plain = LabelSpace(space.names, "regression")

    @property
    def has_labels(self) -> bool:
        return False

    def encode(self, labels: Any, start: int = 0) -> np.ndarray:
        return self._plain.encode(labels, start)

    def weights(self, class_weight: Any, encoded: np.ndarray | None) -> np.ndarray:
        return self._plain.weights(class_weight, encoded)


class DistillingTask(ClassifyingTask):
    """A classifier that can learn from a teacher."""

    def distill_from(
        self, teacher: Any, texts: Any, temperature: float = 1.0, **fit: Any
    ) -> keras.callbacks.History:
        """Trains on a teacher's outputs for texts, which need no labels.

        The loss is the cross-entropy with the teacher's probabilities, or the squared difference
        for regression. Optimizer, loss and metrics of `compile` are left as they were.

        Args:
            teacher: a classifier with the same labels, or a preset of one; or its outputs for
                the texts, `(rows, num_classes)`: probabilities, or numbers for regression.
            texts: texts in memory, as in `fit`.
            temperature: what the logits of a teacher that is a classifier are divided by; more
                than 1 softens them.
            **fit: arguments of `fit`.

        Returns:
            As `fit`.

        Raises:
            DataError: the teacher has other labels or solves another problem, or its outputs
                are of another shape.

        Example:

        >>> import hub_tasks
        >>> texts = ["a fine film", "a dull film", "what a waste", "a joy to watch"] * 10
        >>> student = hub_tasks.TextClassifier.from_scratch(
        ...     "average_embedding", texts, ["positive", "negative"] * 20)
        >>> history = student.distill_from("bert_tiny_en_sentiment", texts, verbose=0)
        """
        is_number = isinstance(temperature, int | float | np.number)
        if not is_number or not 0 < temperature < math.inf:
            raise DataError(
                "`temperature` must be a finite number above 0. "
                f"{received(temperature=temperature)}"
            )
        rows = self.open(texts, None, None, 1)
        if not isinstance(rows, Rows):
            raise DataError(
                f"`distill_from` reads the texts twice, so they must be in memory: pass a list. "
                f"{received(texts=type(texts))}"
            )
        targets = self._targets(teacher, texts, len(rows), temperature)
        with self._taught():
            return self.fit(texts, targets, **fit)

    def _targets(self, teacher: Any, texts: Any, rows: int, temperature: float) -> np.ndarray:
        if isinstance(teacher, str | os.PathLike):
            teacher = type(self).from_preset(teacher)
        if not isinstance(teacher, ClassifyingTask):
            return self._outputs_of(teacher, rows)
        if set(teacher.labels) != set(self.labels) or teacher.problem_type != self.problem_type:
            raise DataError(
                f"The teacher must solve the same problem with the same labels, "
                f"{', '.join(self.labels[:20])}. {received(labels=teacher.labels)}"
            )
        columns = [teacher.labels.index(label) for label in self.labels]
        outputs = teacher.predict(texts)[:, columns]
        if self.problem_type == "regression":
            return outputs
        return _softened(outputs, self.problem_type, teacher.activation, temperature)

    def _outputs_of(self, teacher: Any, rows: int) -> np.ndarray:
        try:
            targets = np.asarray(teacher, "float32")
        except (TypeError, ValueError):
            targets = np.empty(0)
        if targets.shape != (rows, self.num_classes):
            raise DataError(
                f"A teacher's outputs must be {rows} rows of {self.num_classes} numbers, and any "
                "other teacher a classifier or a preset of one. "
                f"{received(teacher=type(teacher), shape=targets.shape)}"
            )
        return targets

    @contextmanager
    def _taught(self) -> Iterator[None]:
        """Labels are outputs of a teacher, one number for each class."""
        space, before = self.label_space, (self.optimizer, self.loss, self._compile_options)
        auto, self.label_space = dict(self._auto), SoftLabels(space)
        fixed, self._fixed_problem_type = self._fixed_problem_type, True
        loss: Any = "auto"
        options: dict[str, Any] = {**before[2], "metrics": [], "weighted_metrics": None}
        if space.problem_type != "regression":
            loss = SoftLabelLoss(space.problem_type, self.activation)
        if space.problem_type == "single_label_classification":
            options["metrics"] = [keras.metrics.CategoricalAccuracy(name="agreement")]
        try:
            self._compile_after(before[0], auto["optimizer"], loss, options)
            yield
        finally:
            self.label_space, self._fixed_problem_type = space, fixed
            loss = "auto" if auto["loss"] else before[1]
            self._compile_after(before[0], auto["optimizer"], loss, before[2])


def _softened(
    outputs: np.ndarray, problem_type: str, activation: str, temperature: float
) -> np.ndarray:
    """The probabilities of outputs whose logits are divided by the temperature."""
    logits = outputs.astype("float32")
    if activation != "linear":
        small = np.finfo("float32").tiny
        logits = np.log(np.maximum(outputs, small))
        if problem_type == "multi_label_classification":
            logits -= np.log(np.maximum(1.0 - outputs, small))
    return to_probabilities(logits / temperature, problem_type, "linear")
