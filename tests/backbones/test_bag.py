"""Bags of vectors computed at once: what the layers of the encoder say, without training."""

import keras
import numpy as np
import pytest

from hub_tasks import AverageEmbeddingBackbone, FastNgramBackbone
from hub_tasks.layers import MaskedPooling, bag
from hub_tasks.presets import PresetData
from hub_tasks.tokenizers import TrainedTokenizer

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX compiles the layers"),
]
# The last one is all padding but for what stands for nothing. TensorFlow takes a few texts at
# once, so these are more.
LENGTHS = [5, 1, 3, 2, 5, 4, 0] * 3
ENCODERS = {
    "mean": (AverageEmbeddingBackbone, {"largest": False}),
    "mean and largest": (AverageEmbeddingBackbone, {}),
    "pairs": (AverageEmbeddingBackbone, {"bigram_buckets": 11}),
    "parts of words": (AverageEmbeddingBackbone, {"part_buckets": 7, "largest": False}),
    "all of them": (AverageEmbeddingBackbone, {"part_buckets": 7, "bigram_buckets": 11}),
    "a dense layer": (AverageEmbeddingBackbone, {"bigram_buckets": 11, "hidden": 3}),
    "n-grams": (FastNgramBackbone, {}),
    "n-grams apart": (FastNgramBackbone, {"ngram_rows": 9}),
}


def made(cls, options):
    backbone = cls(vocabulary_size=20, embedding_dim=4, max_sequence_length=8, **options)
    random = np.random.default_rng(0)
    for weight in backbone.weights:
        weight.assign(random.normal(-1, 1, weight.shape))  # most largest values below zero
    words = [f"{'abcd'[i % 4] * 5}{i}" for i in range(17)]
    vocabulary = [*backbone.family.special_tokens.values(), *words]
    tokenizer = TrainedTokenizer(vocabulary, backbone.family, unknown_beginnings=True)
    backbone.read_vocabulary(PresetData(backbone.family, tokenizer=tokenizer.to_data()))
    mask = (np.arange(5) < np.maximum(LENGTHS, 1)[:, None]).astype("int32")
    known = 60 if options.get("part_buckets") else 20  # beyond 20 are unknown words
    ids = random.integers(0, known, mask.shape).astype("int32")
    if options.get("ngram_rows"):  # words come first
        ids = np.sort(ids, axis=1)
        ids[0] = 12  # n-grams alone
    return backbone, {"token_ids": ids, "padding_mask": mask}


@pytest.mark.parametrize("texts_at_once", [1, 4, 100])
@pytest.mark.parametrize(("cls", "options"), ENCODERS.values(), ids=ENCODERS)
def test_a_bag_is_that_of_the_layers(cls, options, texts_at_once, monkeypatch):
    monkeypatch.setattr(bag, "_AT_ONCE", texts_at_once * 5 * 4)
    backbone, inputs = made(cls, options)
    layers = keras.Model(backbone.input, backbone.output)
    expected = layers.predict(inputs, verbose=0)["pooled_output"]
    found = backbone.predict(inputs, verbose=0)["pooled_output"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_an_encode_of_ones_own_is_what_counts():
    class Doubled(AverageEmbeddingBackbone):
        def encode(self, x, mask, *, largest: bool = False):
            return 2 * super().encode(x, mask, largest=largest)

    backbone, inputs = made(Doubled, {"largest": False})
    plain, _ = made(AverageEmbeddingBackbone, {"largest": False})
    expected = 2 * plain.predict(inputs, verbose=0)["pooled_output"]
    found = backbone.predict(inputs, verbose=0)["pooled_output"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_layers_are_not_called_without_training(monkeypatch):
    backbone, inputs = made(*ENCODERS["pairs"])
    monkeypatch.setattr(MaskedPooling, "call", lambda *_, **__: 1 / 0)
    assert np.isfinite(backbone.predict(inputs, verbose=0)["pooled_output"]).all()
    with pytest.raises(ZeroDivisionError):
        backbone(inputs, training=True)


@pytest.mark.parametrize("options", [{"dtype": "bfloat16"}, {"dtype": "mixed_bfloat16"}], ids=str)
def test_other_types_take_the_layers(options, monkeypatch):
    backbone, inputs = made(AverageEmbeddingBackbone, options)
    monkeypatch.setattr(MaskedPooling, "call", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        backbone.predict(inputs, verbose=0)


def test_what_lora_adds_is_not_left_out():
    backbone, inputs = made(*ENCODERS["mean"])
    before = backbone.predict(inputs, verbose=0)["pooled_output"]
    backbone, _ = made(*ENCODERS["mean"])
    backbone.embedding.enable_lora(2)
    for weight in (backbone.embedding.lora_embeddings_a, backbone.embedding.lora_embeddings_b):
        weight.assign(np.ones(weight.shape))
    after = backbone.predict(inputs, verbose=0)["pooled_output"]
    np.testing.assert_allclose(after, before + 2, atol=1e-5)
