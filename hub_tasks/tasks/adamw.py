"""AdamW in one pass over the weights that a batch needs; Keras would make a dozen over all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import Any

import keras
from keras import ops

from hub_tasks.layers import VectorTable
from hub_tasks.tasks import adamw_jax, adamw_tensorflow, adamw_torch

# Functions for what Keras does with many operations, and for gradients of rows.
_KERNELS = {"jax": adamw_jax, "torch": adamw_torch, "tensorflow": adamw_tensorflow}


@keras.saving.register_keras_serializable(package="hub_tasks")
class AdamW(keras.optimizers.AdamW):
    """Keras's AdamW, with the same arguments and the same result, and ways for embeddings.

    XLA makes one pass of the update by itself. Without it Keras updates with a dozen operations
    for each variable: with batches of short texts they take longer than the gradients, and
    TensorFlow traces each of them before the first step. Here a fused kernel does the work on
    PyTorch, for all variables on a processor, and TensorFlow computes once what the variables
    have in common. Of tables whose gradients are sparse only the rows in them are computed.

    Reference: Loshchilov and Hutter, 2017, https://arxiv.org/abs/1711.05101.

    Args:
        *args, **kwargs: as in `keras.optimizers.AdamW`.
        embedding_rate: how many times the learning rate tables of embeddings are trained with,
            of whose rows most are not in a batch.
        bigram_rate: the same for the tables of `HashedBigrams` and `HashedRuns`; can be assigned
            between trainings.
        output_rate: the same for the weights of the outputs, one number for each output, which
            can be assigned between trainings; None where these are no amounts.
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
        output_rate: Sequence[float] | None = None,
        lazy_embeddings: bool = False,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.embedding_rate = embedding_rate
        self.lazy_embeddings = lazy_embeddings
        self.sparse_gradients = False
        start = keras.initializers.Constant(bigram_rate)
        self.bigram_rate = self.add_variable((), start, dtype="float32", name="bigram_rate")
        self.output_rate = None
        if output_rate is not None:
            shape = (len(output_rate),)
            self.output_rate = self.add_variable(shape, dtype="float32", name="output_rate")
            self.output_rate.assign(output_rate)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Keras's hook for the update of one variable."""
        learning_rate = learning_rate * self.rate_of(variable)
        if not self.is_lazy(variable):
            super().update_step(gradient, variable, learning_rate)
            return
        gradient = ops.cast(gradient, variable.dtype)
        moment = self.moments(variable)[1]
        step, moved = self.lazy_step(gradient, ops.convert_to_tensor(moment))
        self.assign(moment, moved)
        self.assign_sub(variable, step * ops.cast(learning_rate, variable.dtype))

    def lazy_step(self, gradient: Any, moment: Any) -> tuple[Any, Any]:
        """A step at the learning rate 1, and the second moment after it."""
        moved = self.beta_2 * moment + (1 - self.beta_2) * gradient * gradient
        moved = ops.where(gradient == 0, moment, moved)
        unbiased = self._unbiased(gradient.dtype)
        return gradient * unbiased / (ops.sqrt(moved) + self.epsilon), moved

    def _unbiased(self, dtype: Any) -> Any:
        """What the root of the second moment is to be divided by at this step."""
        if at_hand(self.iterations):
            return (1 - self.beta_2 ** (int(self.iterations) + 1)) ** 0.5
        steps = ops.cast(self.iterations + 1, dtype)
        return ops.sqrt(1 - ops.power(ops.cast(self.beta_2, dtype), steps))

    def rate_of(self, variable: Any) -> Any:
        """How many times the learning rate a variable is trained with, or its last axis."""
        path = self._path(variable)
        if self.output_rate is not None and path.startswith("logits/"):
            return self.output_rate
        if path.endswith(("bigrams/table/embeddings", "character_runs/table/embeddings")):
            return self.bigram_rate
        return self.embedding_rate if path.endswith("embeddings") else 1.0

    def is_lazy(self, variable: Any) -> bool:
        """Whether a variable is trained without momentum."""
        return self.lazy_embeddings and self._path(variable).endswith("embeddings")

    def moments(self, variable: Any) -> tuple[keras.Variable, keras.Variable]:
        """The first and the second moment of a variable's gradients."""
        index = self._get_variable_index(variable)
        return self._momentums[index], self._velocities[index]

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
        kernels = self._kernels_for(trainable_variables, grads)
        if kernels is None:
            super()._backend_update_step(grads, trainable_variables, learning_rate)
        else:
            kernels.update(self, grads, trainable_variables, learning_rate)

    def get_config(self) -> dict[str, Any]:
        own = {
            "embedding_rate": self.embedding_rate,
            "bigram_rate": float(self.bigram_rate.numpy()),
            "output_rate": None if self.output_rate is None else self.output_rate.numpy().tolist(),
            "lazy_embeddings": self.lazy_embeddings,
        }
        return {**super().get_config(), **own}

    def _apply_weight_decay(self, variables: list[Any]) -> None:
        """Keras's hook for weight decay, which multiplies all weights by 1 where there is none."""
        if not self.weight_decay:
            return
        kernels = self._kernels_for(variables)
        if kernels is None:
            super()._apply_weight_decay(variables)
        elif decayed := [v for v in variables if self._use_weight_decay(v)]:
            kernels.decay(self, decayed)

    def _clip_gradients(self, grads: list[Any]) -> list[Any]:
        """Keras's hook for clipping, before which each row stands in a gradient once."""
        kernels = _KERNELS.get(keras.backend.backend())
        if kernels is not None:
            grads = kernels.joined(grads, self.sparse_gradients)
        if kernels is None or not self.global_clipnorm or not kernels.fits(grads):
            return super()._clip_gradients(grads)
        return kernels.clip(grads, self.global_clipnorm)

    def _kernels_for(self, variables: list[Any], grads: Sequence[Any] = ()) -> ModuleType | None:
        """The backend's functions, where they can train these variables."""
        kernels = None if self.amsgrad else _KERNELS.get(keras.backend.backend())
        if kernels is None or not kernels.fits(grads):
            return None
        return kernels if kernels.takes([variable.value for variable in variables]) else None

    def takes_rows(self, model: keras.Model) -> bool:
        """Whether it can train this model with gradients of rows of its tables."""
        plain = not (self.gradient_accumulation_steps or self.clipnorm or self.clipvalue)
        compiled = model.jit_compile and keras.backend.backend() != "jax"
        plain = plain and self.lazy_embeddings and not compiled
        return plain and self._kernels_for(model.trainable_variables) is not None


def at_hand(number: Any) -> bool:
    """Whether a variable's or a tensor's number can be read and computed with in Python.

    On PyTorch an operation on one number takes as long as one on a table. To read it from
    another device than the processor takes longer, and elsewhere operations are compiled.
    """
    device = getattr(getattr(number, "value", number), "device", None)
    return keras.backend.backend() == "torch" and (device is None or device.type == "cpu")


def build_optimizer(model: keras.Model) -> None:
    """Makes the optimizer's variables; TensorFlow would trace a first step to find them."""
    strategy = getattr(model, "distribute_strategy", None)  # TensorFlow's own
    with strategy.scope() if strategy else nullcontext():
        if model.trainable_variables and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)


@contextmanager
def sparse_gradients(model: keras.Model) -> Iterator[None]:
    """Trains with gradients of the rows in a batch where the optimizer can take them."""
    if not (isinstance(model.optimizer, AdamW) and model.optimizer.takes_rows(model)):
        yield
        return
    takers = [x for x in model._flatten_layers() if isinstance(x, VectorTable)]
    for taker in (model.optimizer, *takers):
        taker.sparse_gradients = True
    try:
        yield
    finally:
        for taker in (model.optimizer, *takers):
            taker.sparse_gradients = False
