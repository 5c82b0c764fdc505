"""What `compile("auto")` means for a classifier, and how it follows the labels."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from hub_tasks.backbones import Backbone, Recipe
from hub_tasks.data import LabelSpace, looks_multi_label
from hub_tasks.tasks import recipe as recipes
from hub_tasks.tasks.task import Task


class AutoCompiledTask(Task):
    """A task whose optimizer, loss and metrics follow from its problem and its encoder.

    Attributes:
        backbone: the encoder.
        activation: of the outputs.
        num_classes: the number of outputs.
    """

    backbone: Backbone
    activation: str
    num_classes: int
    _fixed_problem_type: bool

    def compile(
        self, optimizer: Any = "auto", loss: Any = "auto", metrics: Any = "auto", **kwargs: Any
    ) -> None:
        """Sets up training, as in `keras.Model.compile`; done once at construction.

        Args:
            optimizer: "auto" is AdamW with warm-up and linear decay over the steps of
                each `fit`, at a learning rate that suits the size of the encoder. Setting
                `optimizer.learning_rate` puts a constant in place of the schedule, and so does
                a callback that sets it, which begins at the highest rate.
            loss: "auto" is cross-entropy over labels (one softmax, or one sigmoid per
                label), or the mean squared error for regression.
            metrics: "auto" is accuracy, or the mean absolute error for regression.
            **kwargs: as in Keras.
        """
        self._auto = {
            "optimizer": _is_auto(optimizer),
            "loss": _is_auto(loss),
        }
        # Metrics in a dict would be the model's for ever, whatever is compiled later.
        self._compile_options = MappingProxyType({**kwargs, "metrics": metrics})
        if self._auto["optimizer"]:
            variable_dtype = self.backbone.dtype_policy.variable_dtype
            rate = self.recipe.learning_rate or recipes.peak_learning_rate(self._hidden_dim)
            optimizer = recipes.auto_optimizer(
                rate,
                variable_dtype,
                weight_decay=self.recipe.weight_decay,
                embedding_rate=self.recipe.embedding_rate,
                bigram_rate=self.recipe.bigram_rate,
                lazy_embeddings=self.recipe.lazy_embeddings,
                output_rate=[1.0] * self.num_classes if self.has_amounts else None,
            )
        if self._auto["loss"]:
            loss = recipes.auto_loss(self.problem_type, self.activation)
        if _is_auto(metrics):
            metrics = recipes.auto_metrics(self.problem_type, self.activation)
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    @property
    def recipe(self) -> Recipe:
        """What `compile` and `fit` do by default."""
        return self.backbone.recipe

    @property
    def _hidden_dim(self) -> int:
        return self.backbone.output["pooled_output"].shape[-1]

    @property
    def has_amounts(self) -> bool:
        """Whether the outputs are numbers of any size, which training is told the spread of."""
        return (
            self.recipe.scaled_outputs
            and self.problem_type == "regression"
            and self.activation == "linear"
        )

    def _adapt_to_labels(self, labels: Any) -> None:
        if self.has_amounts and self._auto["optimizer"]:
            recipes.scale_outputs(self.optimizer, self.label_space.encode(labels))
        several = "multi_label_classification"
        if self._fixed_problem_type or self.num_classes == 1 or self.problem_type == several:
            return
        if looks_multi_label(labels):
            self.label_space = LabelSpace(self.labels, several)
            self._recompile()

    def _recompile(self) -> None:
        loss = "auto" if self._auto["loss"] else self.loss
        self._compile_after(self.optimizer, self._auto["optimizer"], loss, self._compile_options)

    def _compile_after(
        self, before: Any, auto: bool, loss: Any, options: Mapping[str, Any]
    ) -> None:
        """Compiles with the optimizer of before, or another "auto" at a rate that was set."""
        self.compile("auto" if auto else before, loss, **options)
        if auto:
            recipes.keep_rate(before, self.optimizer)

    def _metric_of_name(self, name: str) -> Any:
        """What a name means that depends on the problem; None for any other."""
        if name in ("accuracy", "acc"):
            return recipes.accuracy(self.problem_type, self.activation, name)
        return None

    def _start_training(self, recipe: Recipe, steps: int | None, callbacks: list[Any]) -> None:
        if self._auto["optimizer"]:
            recipes.start_schedule(self.optimizer, steps, recipe.bigram_rate)
            if any(isinstance(callback, recipes.RATE_CALLBACKS) for callback in callbacks):
                recipes.hold_peak(self.optimizer)


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"
