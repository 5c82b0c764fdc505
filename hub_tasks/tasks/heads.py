"""What stands between a backbone's output and a task's."""

from typing import Any

import keras

from hub_tasks.errors import DataError, received
from hub_tasks.families import Head
from hub_tasks.layers import ACTIVATIONS, normalization, pool, random_weights

_ACTIVATIONS = {**ACTIVATIONS, "tanh": keras.ops.tanh}


def classification_head(
    backbone: keras.Model,
    head: Head,
    num_classes: int,
    activation: str,
    dropout: float,
    pooling: str,
) -> tuple[Any, list[keras.layers.Layer]]:
    """Pooling, the family's dense layer if it has one, dropout, and the logits.

    It computes in float32 even under a backbone of lower precision.

    Args:
        backbone: has `sequence_output`, `(batch, length, dim)`, and `pooled_output`,
            `(batch, dim)`, among its outputs.
        head: what the family's head is made of.
        num_classes: the number of outputs.
        activation: of the outputs.
        dropout: share dropped in training.
        pooling: see `TextClassifier`.

    Returns:
        The output tensor, `(batch, num_classes)`, and the head's layers.

    Raises:
        DataError: a pooling over tokens, of which the backbone gives no vectors.
    """
    policy = backbone.dtype_policy
    if policy.compute_dtype not in ("float32", "float64"):
        policy = "float32"
    x, pooled_by = _pool(backbone, pooling, policy)
    layers: list[keras.layers.Layer] = []
    if head.activation:
        if head.input_dropout:
            layers.append(_dropout(dropout, policy, "pooled_dropout"))
        function = _ACTIVATIONS[head.activation]
        layers.append(_dense(x.shape[-1], function, policy, "pooled_dense", head.bias))
        if head.norm:
            epsilon = backbone.config["layer_norm_epsilon"]
            layers.append(normalization("scaled_norm", epsilon, dtype=policy, name="pooled_norm"))
    layers.append(_dropout(dropout, policy, "classifier_dropout"))
    layers.append(_dense(num_classes, activation, policy, "logits"))
    for layer in layers:
        x = layer(x)
    return x, [*pooled_by, *layers]


def _pool(backbone: keras.Model, kind: str, policy: Any) -> tuple[Any, list[keras.layers.Layer]]:
    """One vector for each text, and the layer that makes it where there is one."""
    outputs = backbone(backbone.input)
    if kind == "family":
        return outputs["pooled_output"], []
    if "sequence_output" not in outputs:
        raise DataError(
            f"`pooling` must be 'family': {type(backbone).__name__} gives one vector for a text "
            f"and none for its tokens. {received(pooling=kind)}"
        )
    if kind == "cls":
        return outputs["sequence_output"][:, 0], []
    layer = pool(kind, dtype=policy, name="pooling")
    return layer(outputs["sequence_output"], padding_mask=backbone.input["padding_mask"]), [layer]


def _dropout(rate: float, policy: Any, name: str) -> keras.layers.Dropout:
    return keras.layers.Dropout(rate, dtype=policy, name=name)


def _dense(
    units: int, activation: Any, policy: Any, name: str, use_bias: bool = True
) -> keras.layers.Dense:
    return keras.layers.Dense(
        units,
        activation=activation,
        use_bias=use_bias,
        kernel_initializer=random_weights(),
        dtype=policy,
        name=name,
    )
