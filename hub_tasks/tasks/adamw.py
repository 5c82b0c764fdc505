"""AdamW in one pass over the weights, where Keras would need a dozen."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="hub_tasks")
class AdamW(keras.optimizers.AdamW):
    """Keras's AdamW, with the same arguments and the same result.

    XLA makes one pass of the update by itself. On PyTorch Keras updates with one kernel for
    each operation, and with batches of short texts that takes longer than the gradients; on
    processors PyTorch's fused kernel does the work here.

    Reference: Loshchilov and Hutter, 2017, https://arxiv.org/abs/1711.05101.

    Example:

    >>> from hub_tasks.tasks.adamw import AdamW
    >>> AdamW(1e-4, weight_decay=0.01, global_clipnorm=1.0).global_clipnorm
    1.0
    """

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
        import torch

        indices = [self._get_variable_index(variable) for variable in trainable_variables]
        step = int(self.iterations) + 1
        with torch.no_grad():
            torch._fused_adamw_(
                values,
                [grad.contiguous() for grad in grads],
                [self._momentums[i].value for i in indices],
                [self._velocities[i].value for i in indices],
                [],
                [torch.tensor(float(step)) for _ in indices],
                lr=float(learning_rate),
                beta1=self.beta_1,
                beta2=self.beta_2,
                weight_decay=0.0,  # applied before, to some of the variables
                # Keras adds epsilon to the root before its bias is corrected, PyTorch after.
                eps=self.epsilon / (1 - self.beta_2**step) ** 0.5,
                amsgrad=False,
                maximize=False,
            )

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
