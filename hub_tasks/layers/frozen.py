"""A model inside of another one in which nothing is dropped."""

import keras


class Frozen(keras.layers.Layer):
    """Computes in training what it computes in prediction: a model without its dropout.

    A functional model hands its own `training` to every layer, whatever the layer was called
    with when the model was built; hence a layer.

    Args:
        model: a model of Keras's.

    Call arguments:
        inputs: those of the model.

    Returns:
        What the model returns.

    Example:

    >>> import keras, numpy as np
    >>> from hub_tasks.layers import Frozen
    >>> model = keras.Sequential([keras.layers.Dropout(0.5)])
    >>> float(keras.ops.max(Frozen(model)(np.ones((2, 3)), training=True)))
    1.0
    """

    def __init__(self, model: keras.Model, **kwargs):
        super().__init__(**kwargs)
        self.model = model

    def call(self, inputs):
        return self.model(inputs, training=False)

    def compute_output_spec(self, inputs):
        return self.model.compute_output_spec(inputs, training=False)
