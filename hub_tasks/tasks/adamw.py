"""AdamW in one pass over the weights, where Keras would need a dozen."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="hub_tasks")
class AdamW(keras.optimizers.AdamW):
    """Keras's AdamW, with the same arguments and the same result, and rates for embeddings.

    XLA makes one pass of the update by itself. On PyTorch Keras updates with one kernel for
    each operation, and with batches of short texts that takes longer than the gradients; on
    processors PyTorch's fused kernel does the work here.

    Reference: Loshchilov and Hutter, 2017, https://arxiv.org/abs/1711.05101.

    Args:
        *args, **kwargs: as in `keras.optimizers.AdamW`.
        embedding_rate: how many times the learning rate tables of embeddings are trained with,
            of whose rows most are not in a batch.
        bigram_rate: the same for the table of `HashedBigrams`; can be assigned between trainings.

    Example:

    >>> from hub_tasks.tasks.adamw import AdamW
    >>> AdamW(1e-4, weight_decay=0.01, global_clipnorm=1.0).global_clipnorm
    1.0
    """

    def __init__(
        self, *args: Any, embedding_rate: float = 1.0, bigram_rate: float = 1.0, **kwargs: Any
    ):
        super().__init__(*args, **kwargs)
        self.embedding_rate = embedding_rate
        start = keras.initializers.Constant(bigram_rate)
        self.bigram_rate = self.add_variable((), start, dtype="float32", name="bigram_rate")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Keras's hook for the update of one variable."""
        super().update_step(gradient, variable, learning_rate * self._rate(variable))

    def _rate(self, variable: Any) -> Any:
        # TensorFlow hands its own variables over, which have no path.
        path = self._trainable_variables[self._get_variable_index(variable)].path
        if path.endswith("bigrams/table/embeddings"):
            return self.bigram_rate
        return self.embedding_rate if path.endswith("embeddings") else 1.0

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
        if not self._fits(values + grads) or not all(v.is_contiguous() for v in values):
            super()._backend_update_step(grads, trainable_variables, learning_rate)
            return
        rates = [float(self._rate(variable)) for variable in trainable_variables]
        for rate in set(rates):
            chosen = [i for i, other in enumerate(rates) if other == rate]
            self._update_fused(
                [grads[i] for i in chosen],
                [trainable_variables[i] for i in chosen],
                float(learning_rate) * rate,
            )

    def _update_fused(self, grads: list[Any], variables: list[Any], learning_rate: float) -> None:
        import torch

        indices = [self._get_variable_index(variable) for variable in variables]
        step = int(self.iterations) + 1
        with torch.no_grad():
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
        rates = {"embedding_rate": self.embedding_rate, "bigram_rate": float(self.bigram_rate)}
        return {**super().get_config(), **rates}

    def _clip_gradients(self, grads: list[Any]) -> list[Any]:
        """Keras's hook for clipping; by the global norm it is done in place."""
        if not self.global_clipnorm or not self._fits(grads):
            return super()._clip_gradients(grads)
        import torch

        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))
        if not norm <= self.global_clipnorm:  # nor where it is not a number
            torch._foreach_mul_(grads, self.global_clipnorm / norm)
        return grads

    def _fits(self, tensors: list[Any]) -> bool:
        """Whether PyTorch's kernel does what is asked for: float32 on a processor."""
        if keras.backend.backend() != "torch" or self.amsgrad:
            return False
        import torch

        return hasattr(torch, "_fused_adamw_") and all(
            t is not None and t.device.type == "cpu" and t.dtype == torch.float32 for t in tensors
        )
