"""What stands between a backbone's output and a task's."""

from typing import Any

import keras

from hub_tasks.layers import random_weights


def classification_head(
    backbone: keras.Model, num_classes: int, activation: str, dropout: float
) -> tuple[Any, list[keras.layers.Layer]]:
    """BERT's head: dropout and one dense layer over the pooled output.

    It computes in float32 even under a backbone of lower precision.

    Args:
        backbone: has `pooled_output`, `(batch, dim)`, among its outputs.
        num_classes: the number of outputs.
        activation: of the outputs.
        dropout: share dropped in training.

    Returns:
        The output tensor, `(batch, num_classes)`, and the head's layers.
    """
    policy = backbone.dtype_policy
    if policy.compute_dtype not in ("float32", "float64"):
        policy = "float32"
    pooled = backbone(backbone.input)["pooled_output"]
    layers = [
        keras.layers.Dropout(dropout, dtype=policy, name="classifier_dropout"),
        keras.layers.Dense(
            num_classes,
            activation=activation,
            kernel_initializer=random_weights(),
            dtype=policy,
            name="logits",
        ),
    ]
    for layer in layers:
        pooled = layer(pooled)
    return pooled, layers
