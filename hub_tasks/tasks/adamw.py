"""AdamW in one pass over the weights that a batch needs; Keras would make a dozen over all."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
from keras import ops

from hub_tasks.layers import VectorTable


@keras.saving.register_keras_serializable(package="hub_tasks")
class AdamW(keras.optimizers.AdamW):
    """Keras's AdamW, with the same arguments and the same result, and ways for embeddings.

    XLA makes one pass of the update by itself. On PyTorch Keras updates with one kernel for
    each operation, and with batches of short texts that takes longer than the gradients; on
    processors PyTorch's fused kernel does the work here, and of tables whose gradients are
    sparse only the rows in them are computed.

    Reference: Loshchilov and Hutter, 2017, https://arxiv.org/abs/1711.05101.

    Args:
        *args, **kwargs: as in `keras.optimizers.AdamW`.
        embedding_rate: how many times the learning rate tables of embeddings are trained with,
            of whose rows most are not in a batch.
        bigram_rate: the same for the table of `HashedBigrams`; can be assigned between trainings.
        lazy_embeddings: whether these tables are trained without momentum, and an entry whose
            gradient is zero stays as it is, its second moment too. A row that is in few
            batches then goes as far at once as momentum would carry it until the next.

    Example:

    >>> from hub_tasks.tasks.adamw import AdamW
    >>> AdamW(1e-4, weight_decay=0.01, global_clipnorm=1.0).global_clipnorm
    1.0
    """

    def __init__(
        self,
        *args: Any,
        embedding_rate: float = 1.0,
        bigram_rate: float = 1.0,
        lazy_embeddings: bool = False,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.embedding_rate = embedding_rate
        self.lazy_embeddings = lazy_embeddings
        start = keras.initializers.Constant(bigram_rate)
        self.bigram_rate = self.add_variable((), start, dtype="float32", name="bigram_rate")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Keras's hook for the update of one variable."""
        learning_rate = learning_rate * self._rate(variable)
        if not self._is_lazy(variable):
            super().update_step(gradient, variable, learning_rate)
            return
        gradient = ops.cast(ops.convert_to_tensor(gradient), variable.dtype)
        moment = self._velocities[self._get_variable_index(variable)]
        step, moved = self._lazy_step(gradient, ops.convert_to_tensor(moment))
        self.assign(moment, moved)
        self.assign_sub(variable, step * ops.cast(learning_rate, variable.dtype))

    def _lazy_step(self, gradient: Any, moment: Any) -> tuple[Any, Any]:
        """A step at the learning rate 1, and the second moment after it."""
        moved = self.beta_2 * moment + (1 - self.beta_2) * gradient * gradient
        moved = ops.where(gradient == 0, moment, moved)
        steps = ops.cast(self.iterations + 1, gradient.dtype)
        unbiased = ops.sqrt(1 - ops.power(ops.cast(self.beta_2, gradient.dtype), steps))
        return gradient * unbiased / (ops.sqrt(moved) + self.epsilon), moved

    def _rate(self, variable: Any) -> Any:
        path = self._path(variable)
        if path.endswith("bigrams/table/embeddings"):
            return self.bigram_rate
        return self.embedding_rate if path.endswith("embeddings") else 1.0

    def _is_lazy(self, variable: Any) -> bool:
        return self.lazy_embeddings and self._path(variable).endswith("embeddings")

    def _path(self, variable: Any) -> str:
        # TensorFlow hands its own variables over, which have no path.
        return self._trainable_variables[self._get_variable_index(variable)].path

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step; can be set where the schedule can hold a rate."""
        return self._get_current_learning_rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        held = getattr(self._learning_rate, "held", None)
        if held is None or callable(value):
            keras.optimizers.AdamW.learning_rate.fset(self, value)
        else:
            held.assign(value)

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        """Keras's hook for updates of all variables at once."""
        values = [variable.value for variable in trainable_variables]
        if not (self._one_pass(values) and self._fits(grads)):
            super()._backend_update_step(grads, trainable_variables, learning_rate)
            return
        import torch

        groups: dict[float, list[tuple[Any, Any]]] = {}
        with torch.no_grad():
            for grad, variable in zip(grads, trainable_variables, strict=True):
                rate = float(learning_rate * self._rate(variable))
                if grad.is_sparse:
                    self._update_rows(grad, variable, rate)
                elif self._is_lazy(variable):
                    self.update_step(grad, variable, learning_rate)
                else:
                    groups.setdefault(rate, []).append((grad, variable))
            for rate, found in groups.items():
                self._update_fused(*map(list, zip(*found, strict=True)), rate)

    def _update_rows(self, gradient: Any, variable: Any, learning_rate: float) -> None:
        """The lazy step of rows that have a gradient."""
        gradient = gradient.coalesce()  # as it is after clipping
        [rows], found = gradient.indices(), gradient.values()
        moment = self._velocities[self._get_variable_index(variable)].value
        step, moved = self._lazy_step(found, moment[rows])
        moment[rows] = moved
        variable.value.index_add_(0, rows, step, alpha=-learning_rate)

    def _update_fused(self, grads: list[Any], variables: list[Any], learning_rate: float) -> None:
        import torch

        indices = [self._get_variable_index(variable) for variable in variables]
        step = int(self.iterations) + 1
        torch._fused_adamw_(
            [variable.value for variable in variables],
            [grad.contiguous() for grad in grads],
            [self._momentums[i].value for i in indices],
            [self._velocities[i].value for i in indices],
            [],
            [torch.tensor(float(step)) for _ in indices],
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            weight_decay=0.0,  # applied before, to some of the variables
            # Keras adds epsilon to the root before its bias is corrected, PyTorch after.
            eps=self.epsilon / (1 - self.beta_2**step) ** 0.5,
            amsgrad=False,
            maximize=False,
        )

    def get_config(self) -> dict[str, Any]:
        own = {
            "embedding_rate": self.embedding_rate,
            "bigram_rate": float(self.bigram_rate),
            "lazy_embeddings": self.lazy_embeddings,
        }
        return {**super().get_config(), **own}

    def _apply_weight_decay(self, variables: list[Any]) -> None:
        """Keras's hook for weight decay, which multiplies all weights by 1 where there is none."""
        if self.weight_decay:
            super()._apply_weight_decay(variables)

    def _clip_gradients(self, grads: list[Any]) -> list[Any]:
        """Keras's hook for clipping; by the global norm it is done in place."""
        if not self.global_clipnorm or not self._fits(grads):
            return super()._clip_gradients(grads)
        import torch

        grads = [grad.coalesce() if grad.is_sparse else grad for grad in grads]
        values = [grad.values() if grad.is_sparse else grad for grad in grads]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(values)))
        if not norm <= self.global_clipnorm:  # nor where it is not a number
            torch._foreach_mul_(values, self.global_clipnorm / norm)
        return grads

    def _fits(self, tensors: list[Any]) -> bool:
        """Whether PyTorch's kernel does what is asked for: float32 on a processor."""
        if keras.backend.backend() != "torch" or self.amsgrad:
            return False
        import torch

        return hasattr(torch, "_fused_adamw_") and all(
            t is not None and t.device.type == "cpu" and t.dtype == torch.float32 for t in tensors
        )

    def _one_pass(self, values: list[Any]) -> bool:
        """Whether PyTorch's kernel takes variables with these values."""
        return self._fits(values) and all(value.is_contiguous() for value in values)

    def takes_rows(self, model: keras.Model) -> bool:
        """Whether it can train this model with sparse gradients of its tables."""
        plain = not (self.gradient_accumulation_steps or self.clipnorm or self.clipvalue)
        plain = plain and self.lazy_embeddings and not model.jit_compile
        return bool(plain and self._one_pass([v.value for v in model.trainable_variables]))


def build_optimizer(model: keras.Model) -> None:
    """Makes the optimizer's variables; TensorFlow would trace a first step to find them."""
    strategy = getattr(model, "distribute_strategy", None)  # TensorFlow's own
    with strategy.scope() if strategy else nullcontext():
        if model.trainable_variables and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)


@contextmanager
def sparse_gradients(model: keras.Model) -> Iterator[None]:
    """Trains with gradients of the rows in a batch where the optimizer can take them."""
    able = isinstance(model.optimizer, AdamW) and model.optimizer.takes_rows(model)
    tables = [x for x in model._flatten_layers() if able and isinstance(x, VectorTable)]
    for table in tables:
        table.sparse_gradient = True
    try:
        yield
    finally:
        for table in tables:
            table.sparse_gradient = False
