"""The encoders from scratch as one writes them with Keras's own layers, without a library.

Of the same shape and as many numbers as ours, so that training speeds can be compared.
Padding is left out of means and of recurrent layers, as Keras offers; its largest values
know no mask. An encoder gets the tokens' vectors, the same with those of pairs added, the mask
and the configuration.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from hub_tasks.layers import PARTS


def bag(x: Any, mask: Any) -> Any:
    mean = layers.GlobalAveragePooling1D()(x, mask=mask)
    return layers.Concatenate()([mean, layers.GlobalMaxPooling1D()(x)])


def beside_bag(states: Any, together: Any, mask: Any) -> Any:
    return layers.Concatenate()([bag(states, mask), bag(together, mask)])


def convolution(x: Any, filters: int, width: int) -> Any:
    return layers.Conv1D(filters, width, padding="same", activation="relu")(x)


def both_ways(kind: type[keras.layers.Layer], x: Any, mask: Any, units: int) -> Any:
    return layers.Bidirectional(kind(units, return_sequences=True))(x, mask=mask)


def average_embedding(x: Any, together: Any, mask: Any, c: Mapping[str, Any]) -> Any:
    found = bag(together, mask)
    return layers.Dense(c["hidden"], "relu")(found) if c["hidden"] else found


def fast_ngram(x: Any, together: Any, mask: Any, c: Mapping[str, Any]) -> Any:
    return bag(together, mask)


def bilstm(x: Any, together: Any, mask: Any, c: Mapping[str, Any]) -> Any:
    return beside_bag(both_ways(layers.LSTM, x, mask, c["units"]), together, mask)


def bigru(x: Any, together: Any, mask: Any, c: Mapping[str, Any]) -> Any:
    return beside_bag(both_ways(layers.GRU, x, mask, c["units"]), together, mask)


def cnn(x: Any, together: Any, mask: Any, c: Mapping[str, Any]) -> Any:
    return beside_bag(convolution(x, c["filters"], c["width"]), together, mask)


def cnn_lstm(x: Any, together: Any, mask: Any, c: Mapping[str, Any]) -> Any:
    phrases = convolution(x, c["filters"], c["width"])
    return beside_bag(both_ways(layers.LSTM, phrases, mask, c["units"]), together, mask)


def cnn_gru(x: Any, together: Any, mask: Any, c: Mapping[str, Any]) -> Any:
    phrases = convolution(x, c["filters"], c["width"])
    return beside_bag(both_ways(layers.GRU, phrases, mask, c["units"]), together, mask)


def kim_cnn(x: Any, together: Any, mask: Any, c: Mapping[str, Any]) -> Any:
    found = [convolution(x, c["filters"], width) for width in c["widths"]]
    largest = [layers.GlobalMaxPooling1D()(each) for each in found]
    return layers.Concatenate()([*largest, bag(together, mask)])


def cnn_attention(x: Any, together: Any, mask: Any, c: Mapping[str, Any]) -> Any:
    found = layers.Concatenate()([convolution(x, c["filters"], width) for width in c["widths"]])
    shares = layers.Softmax(axis=1)(layers.Dense(1, use_bias=False)(found), mask=mask[:, :, None])
    weighed = layers.Flatten()(layers.Dot(axes=1)([shares, found]))
    return layers.Concatenate()([weighed, layers.GlobalMaxPooling1D()(found), bag(together, mask)])


PLAIN: dict[str, Callable[[Any, Any, Any, Mapping[str, Any]], Any]] = {
    function.__name__: function
    for function in (
        average_embedding,
        bigru,
        bilstm,
        cnn,
        cnn_attention,
        cnn_gru,
        cnn_lstm,
        fast_ngram,
        kim_cnn,
    )
}


def plain_model(encoder: str, config: Mapping[str, Any], classes: int) -> keras.Model:
    """A compiled model of the shape that a configuration of ours has.

    Rows of the tables of pairs, `(batch, length)`, and of parts of words, `(batch, length,
    parts)`, are inputs beside those of ours: see `pairs`.
    """
    keys = ("token_ids", "padding_mask", "pairs")
    inputs = {key: keras.Input((None,), dtype="int32", name=key) for key in keys}
    inputs["parts"] = keras.Input((None, PARTS), dtype="int32", name="parts")
    mask = ops.cast(inputs["padding_mask"], "bool")
    x = layers.Embedding(config["vocabulary_size"], config["embedding_dim"])(inputs["token_ids"])
    x = layers.Dropout(config["word_dropout"], noise_shape=(None, None, 1))(x)
    x = together = layers.SpatialDropout1D(config["embedding_dropout"])(x)
    if config["bigram_buckets"]:
        table = layers.Embedding(config["bigram_buckets"], config["embedding_dim"])
        following = layers.SpatialDropout1D(config["embedding_dropout"])(table(inputs["pairs"]))
        together = layers.Add()([x, following])
    words = mask
    if config["ngram_rows"]:
        first = config["vocabulary_size"] - config["ngram_rows"]
        words = ops.logical_and(mask, inputs["token_ids"] < first)
    vector = PLAIN[encoder](x, together, words, config)
    if config["ngram_rows"]:
        ngrams = bag(x, ops.logical_and(mask, ops.logical_not(words)))
        vector = layers.Concatenate()([vector, ngrams])
    if config["part_buckets"]:
        table = layers.Embedding(config["part_buckets"] + 1, config["embedding_dim"])
        real = ops.cast(inputs["parts"][..., None] > 0, "float32")
        found = ops.sum(table(inputs["parts"]) * real, axis=2)
        found = layers.Dropout(config["word_dropout"], noise_shape=(None, None, 1))(found)
        found = layers.SpatialDropout1D(config["embedding_dropout"])(found)
        vector = layers.Concatenate()([vector, bag(found, mask)])
    vector = layers.Dropout(0.5)(vector)
    model = keras.Model(inputs, layers.Dense(classes)(vector))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    return model


def pairs(token_ids: np.ndarray, buckets: int) -> np.ndarray:
    """A row of the table for each token and the next one, in place of a hash."""
    following = np.roll(token_ids, -1, axis=1)
    return (token_ids * 31 + following) % max(buckets, 1)
