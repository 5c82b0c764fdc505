"""The bridge to backbones of KerasHub (keras-nlp) whose family is none of ours.

The objects come from the user, so KerasHub itself is not imported.
"""

from typing import Any

import keras

from hub_tasks.backbones.backbone import Backbone
from hub_tasks.layers import MaskedPooling

_FIRST = ("start_token_index", "cls_token_index")  # where KerasHub's encoders have their summary
_LIMITS = ("max_sequence_length", "vocabulary_size")


def is_keras_hub(x: Any) -> bool:
    """Whether `x` is KerasHub's, by the modules of its classes, nothing imported."""
    modules = (cls.__module__.partition(".")[0] for cls in type(x).__mro__)
    return any(module in ("keras_hub", "keras_nlp") for module in modules)


class KerasHubBackbone(Backbone):
    """A text backbone of KerasHub with the outputs that ours have.

    `pooled_output` is KerasHub's where it has one, else the hidden state of the token in
    which its encoders keep a summary, else, as for decoders, the mean over all tokens.

    Args:
        backbone: a `keras_hub.models.Backbone` over token ids.
        name, trainable: as in Keras.

    Example:

    >>> import keras_hub, hub_tasks  # doctest: +SKIP
    >>> gemma = keras_hub.models.Backbone.from_preset("gemma_2b_en")  # doctest: +SKIP
    >>> clf = hub_tasks.TextClassifier(gemma, labels=["no", "yes"])  # doctest: +SKIP
    """

    def __init__(self, backbone: keras.Model, name: str | None = None, trainable: bool = True):
        inputs, outputs = backbone.input, backbone.output
        outputs = outputs if isinstance(outputs, dict) else {"sequence_output": outputs}
        sequence = outputs["sequence_output"]
        index = next((getattr(backbone, key) for key in _FIRST if hasattr(backbone, key)), None)
        if "pooled_output" in outputs:
            pooled = outputs["pooled_output"]
        elif index is not None:
            pooled = sequence[:, index]
        else:
            pooling = MaskedPooling("mean", dtype=backbone.dtype_policy)
            pooled = pooling(sequence, padding_mask=inputs["padding_mask"])
        outputs = {"sequence_output": sequence, "pooled_output": pooled}
        super().__init__(inputs, outputs, name=name, trainable=trainable)
        self.dtype_policy = backbone.dtype_policy
        limits = {key: getattr(backbone, key, None) for key in _LIMITS}
        self.config = limits if all(limits.values()) else {}
