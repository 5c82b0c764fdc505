"""Training a classifier on what another one says of texts without labels."""

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
            temperature: what the teacher's logits are divided by; more than 1 softens them.
            **fit: arguments of `fit`.

        Returns:
            As `fit`.

        Raises:
            DataError: the teacher has other labels or solves another problem.

        Example:

        >>> import hub_tasks
        >>> texts = ["a fine film", "a dull film", "what a waste", "a joy to watch"] * 10
        >>> student = hub_tasks.TextClassifier.from_scratch(
        ...     "average_embedding", texts, ["positive", "negative"] * 20)
        >>> history = student.distill_from("bert_tiny_en_sentiment", texts, verbose=0)
        """
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
            targets = np.asarray(teacher, "float32")
            if targets.shape != (rows, self.num_classes):
                raise DataError(
                    f"A teacher's outputs must be {rows} rows of {self.num_classes}. "
                    f"{received(shape=targets.shape)}"
                )
            return targets
        if set(teacher.labels) != set(self.labels) or teacher.problem_type != self.problem_type:
            raise DataError(
                f"The teacher must solve the same problem with the same labels, "
                f"{', '.join(self.labels[:20])}. {received(labels=teacher.labels)}"
            )
        columns = [teacher.labels.index(label) for label in self.labels]
        if self.problem_type == "regression":
            return teacher.predict(texts)[:, columns]
        return _softened(teacher.predict_proba(texts)[:, columns], self.problem_type, temperature)

    @contextmanager
    def _taught(self) -> Iterator[None]:
        """Labels are outputs of a teacher, one number for each class."""
        space, before = self.label_space, (self.optimizer, self.loss, self._compile_options)
        auto, self.label_space = dict(self._auto), LabelSpace(space.names, "regression")
        fixed, self._fixed_problem_type = self._fixed_problem_type, True
        loss: Any = "auto"
        metrics: list[Any] = []
        if space.problem_type != "regression":
            loss = SoftLabelLoss(space.problem_type, self.activation)
        if space.problem_type == "single_label_classification":
            metrics = [keras.metrics.CategoricalAccuracy(name="agreement")]
        options = {key: value for key, value in before[2].items() if key != "metrics"}
        try:
            self.compile("auto" if auto["optimizer"] else before[0], loss, metrics, **options)
            yield
        finally:
            self.label_space, self._fixed_problem_type = space, fixed
            optimizer = "auto" if auto["optimizer"] else before[0]
            self.compile(optimizer, "auto" if auto["loss"] else before[1], **before[2])


def _softened(targets: np.ndarray, problem_type: str, temperature: float) -> np.ndarray:
    """Probabilities as of logits that were divided by the temperature."""
    if temperature == 1.0:
        return targets
    small = np.finfo("float32").tiny
    raised = np.maximum(targets, small) ** (1.0 / temperature)
    if problem_type == "multi_label_classification":
        return raised / (raised + np.maximum(1.0 - targets, small) ** (1.0 / temperature))
    return raised / raised.sum(axis=-1, keepdims=True)
