"""The tables in which encoders find the layers that their families name.

`BLOCKS` holds the kinds of layers of which an encoder is a stack; `RELATIONS` what all of
them share about the distance of tokens. Both are made by their `of`: the configuration of
a backbone (and the number of the layer) -> an instance.
"""

import keras

from hub_tasks.errors import PresetFormatError
from hub_tasks.registry import Registry

BLOCKS: Registry[type[keras.layers.Layer]] = Registry("kind of encoder layer", PresetFormatError)
RELATIONS: Registry[type[keras.layers.Layer]] = Registry("kind of relation", PresetFormatError)
