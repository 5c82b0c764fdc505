"""Recurrent layers over padded texts."""

from typing import Any

import keras
from keras import ops

from hub_tasks.layers.initializers import random_weights

_KINDS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


@keras.saving.register_keras_serializable(package="hub_tasks")
class Bidirectional(keras.layers.Layer):
    """A recurrent layer that reads a text from both ends, the two states of a token joined.

    With the weights and the result of `keras.layers.Bidirectional`, which would import
    TensorFlow on any backend. On PyTorch, where Keras computes token after token in Python if
    there is a mask, this layer takes PyTorch's kernels, on a GPU those of cuDNN, if all padding
    is at the ends of the texts. Elsewhere it is Keras that computes: on TensorFlow with cuDNN
    where there is a GPU, on JAX with one compiled loop.

    References: Hochreiter and Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735;
    Cho et al., 2014, https://arxiv.org/abs/1406.1078.

    Args:
        kind: "lstm" or "gru".
        units: the size of the state of each direction.

    Call arguments:
        x: `(batch, length, dim)`.
        mask: `(batch, length)`, true at real tokens; None where all are.

    Returns:
        `(batch, length, 2 * units)`, zeros at padding.

    Example:

    >>> import numpy as np
    >>> from hub_tasks.layers import Bidirectional
    >>> x, mask = np.zeros((3, 5, 8), "float32"), np.ones((3, 5), "bool")
    >>> Bidirectional("lstm", 16)(x, mask=mask).shape[-1]
    32
    """

    def __init__(self, kind: str, units: int, **kwargs: Any):
        super().__init__(**{"name": f"bidirectional_{kind}", **kwargs})
        self.kind, self.units, self.supports_masking = kind, units, True
        self.forward_layer, self.backward_layer = (
            _KINDS[kind](
                units,
                kernel_initializer=random_weights("glorot_uniform"),
                recurrent_initializer=random_weights("orthogonal"),
                return_sequences=True,
                zero_output_for_mask=True,
                go_backwards=direction == "backward",
                dtype=self.dtype_policy,
                name=f"{direction}_{kind}",
            )
            for direction in ("forward", "backward")
        )

    def build(self, input_shape):
        self.forward_layer.build(input_shape)
        self.backward_layer.build(input_shape)

    def call(self, x, mask=None):
        if mask is None:  # else Keras's cuDNN on JAX turns round what it has read backwards
            mask = ops.ones(ops.shape(x)[:2], "bool")
        if not _fits_torch(x, mask):
            ahead, back = (
                layer(x, mask=mask) for layer in (self.forward_layer, self.backward_layer)
            )
            return ops.concatenate([ahead, ops.flip(back, axis=1)], axis=-1)
        import torch

        place = torch.arange(mask.shape[1], device=mask.device)
        last_first = mask.sum(1, keepdim=True) - 1 - place
        order = torch.where(last_first < 0, place, last_first)[:, :, None]
        ahead = _states(self.forward_layer, x)
        back = _states(self.backward_layer, x.gather(1, order.expand_as(x)))
        back = back.gather(1, order.expand_as(back))  # the order undoes itself
        return torch.cat([ahead, back], dim=-1) * mask[:, :, None]

    def compute_output_shape(self, input_shape, **shapes):
        return (*input_shape[:-1], 2 * self.units)

    def get_config(self):
        return {**super().get_config(), "kind": self.kind, "units": self.units}


def _fits_torch(x: Any, mask: Any) -> bool:
    """Whether PyTorch can read the texts at once: all padding is at their ends."""
    if keras.backend.backend() != "torch":
        return False
    fits = x.device.type == "cuda" or (x.device.type == "cpu" and str(x.dtype) != "torch.float16")
    return fits and bool((mask[:, 1:] <= mask[:, :-1]).all())


def _states(layer: keras.layers.Layer, x: Any) -> Any:
    """The state at each token, read from the first to the last."""
    import torch

    options = {"has_biases": True, "num_layers": 1, "dropout": 0.0, "bidirectional": False}
    options |= {"train": torch.is_grad_enabled(), "batch_first": True}
    start = x.new_zeros((1, len(x), layer.units))
    cell = layer.cell
    kernels, bias = [cell.kernel.value, cell.recurrent_kernel.value], cell.bias.value
    if isinstance(layer, keras.layers.LSTM):
        weights = [*(w.mT for w in kernels), bias, torch.zeros_like(bias)]
        return torch.lstm(x, (start, start), _in_one_piece(weights), **options)[0]
    # Of the gates, PyTorch has the one that resets first, Keras the one that updates.
    update_first = [w.chunk(3, dim=-1) for w in (*kernels, *bias)]
    weights = [torch.cat([r, z, new], dim=-1) for z, r, new in update_first]
    weights = [w.mT if w.ndim == 2 else w for w in weights]
    return torch.gru(x, start, _in_one_piece(weights), **options)[0]


def _in_one_piece(weights: list[Any]) -> list[Any]:
    """Weights that follow each other in a GPU's memory, as cuDNN wants them."""
    import torch

    if weights[0].device.type == "cpu":
        return weights
    parts = torch.cat([w.reshape(-1) for w in weights]).split([w.numel() for w in weights])
    return [part.view(w.shape) for part, w in zip(parts, weights, strict=True)]
