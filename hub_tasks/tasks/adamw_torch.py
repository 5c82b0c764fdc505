"""What `AdamW` computes by itself on PyTorch: on processors, in float32."""

from collections.abc import Iterable
from typing import Any


def fits(tensors: Iterable[Any]) -> bool:
    """Whether PyTorch's kernel takes gradients or values like these."""
    import torch

    return hasattr(torch, "_fused_adamw_") and all(
        t is not None and t.device.type == "cpu" and t.dtype == torch.float32 for t in tensors
    )


def takes(values: list[Any]) -> bool:
    """Whether the values of variables can be trained."""
    return fits(values)


def joined(grads: list[Any], by_row: bool) -> list[Any]:
    """Gradients whose rows stand in them once; of rows only where a table asked for them."""
    return [grad.coalesce() if grad.is_sparse else grad for grad in grads]


def clip(grads: list[Any], most: float) -> list[Any]:
    """Gradients with a global norm of at most this, in place."""
    import torch

    values = [grad.values() if grad.is_sparse else grad for grad in grads]
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(values)))
    if not norm <= most:  # nor where it is not a number
        torch._foreach_mul_(values, most / norm)
    return grads


def decay(optimizer: Any, variables: list[Any]) -> None:
    """Shrinks weights."""
    import torch

    with torch.no_grad():
        share = float(optimizer.learning_rate * optimizer.weight_decay)
        torch._foreach_mul_([variable.value for variable in variables], 1 - share)


def update(optimizer: Any, grads: list[Any], variables: list[Any], learning_rate: Any) -> None:
    """A step of all variables, those of one rate together.

    The kernel takes memory as it comes, and one rate. What lies there in another order, as the
    orthogonal kernels of recurrent layers do, or has several rates takes Keras's step.
    """
    import torch

    groups: dict[float, list[tuple[Any, Any]]] = {}
    with torch.no_grad():
        for grad, variable in zip(grads, variables, strict=True):
            rate = optimizer.rate_of(variable)
            if grad.is_sparse:
                _update_rows(optimizer, grad, variable, float(learning_rate * rate))
            elif _is_fused(optimizer, variable, rate):
                groups.setdefault(float(learning_rate * rate), []).append((grad, variable))
            else:
                optimizer.update_step(grad, variable, learning_rate)
        for rate, found in groups.items():
            _update_fused(optimizer, *map(list, zip(*found, strict=True)), rate)


def _is_fused(optimizer: Any, variable: Any, rate: Any) -> bool:
    """Whether the kernel can take a step of a variable."""
    one = not getattr(rate, "shape", ())
    return one and not optimizer.is_lazy(variable) and variable.value.is_contiguous()


def _update_rows(optimizer: Any, gradient: Any, variable: Any, learning_rate: float) -> None:
    """The lazy step of rows that have a gradient."""
    [rows], found = gradient.indices(), gradient.values()
    moment = optimizer.moments(variable)[1].value
    step, moved = optimizer.lazy_step(found, moment[rows])
    moment[rows] = moved
    variable.value.index_add_(0, rows, step, alpha=-learning_rate)


def _update_fused(
    optimizer: Any, grads: list[Any], variables: list[Any], learning_rate: float
) -> None:
    import torch

    firsts, seconds = zip(*map(optimizer.moments, variables), strict=True)
    step = int(optimizer.iterations) + 1
    torch._fused_adamw_(
        [variable.value for variable in variables],
        [grad.contiguous() for grad in grads],
        [moment.value for moment in firsts],
        [moment.value for moment in seconds],
        [],
        [torch.tensor(float(step)) for _ in variables],
        lr=learning_rate,
        beta1=optimizer.beta_1,
        beta2=optimizer.beta_2,
        weight_decay=0.0,  # applied before, to some of the variables
        # Keras adds epsilon to the root before its bias is corrected, PyTorch after.
        eps=optimizer.epsilon / (1 - optimizer.beta_2**step) ** 0.5,
        amsgrad=False,
        maximize=False,
    )
