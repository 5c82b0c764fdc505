"""Encoders of pairs: how the two texts relate stands beside what is said of both together."""

import itertools
import linecache
import warnings

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.errors import DataError
from hub_tasks.layers import Overlap
from tests.checks.tiny import ENCODERS_OF_OURS, from_scratch, tiny_encoder

SEPARATOR = 2
FIRST, SECOND = [5, 6, 7], [6, 9]
UNKNOWN = 40 + 8  # a word that begins as that of id 8 does
ROWS = [
    [*FIRST, SEPARATOR, *SECOND],
    [*SECOND, SEPARATOR, *FIRST],
    [UNKNOWN, SEPARATOR, 5],
    [5, 6, SEPARATOR],  # an empty one
    [5],  # a single one
]


def inputs(rows=ROWS, width: int = 8):
    token_ids, mask = (np.zeros((len(rows), width), "int32") for _ in range(2))
    for i, row in enumerate(rows):
        token_ids[i, : len(row)], mask[i, : len(row)] = row, 1
    return {"token_ids": token_ids, "padding_mask": mask}


def pooled(backbone, x) -> np.ndarray:
    return keras.ops.convert_to_numpy(backbone(x, training=False)["pooled_output"])


def in_order(backbone) -> list:
    """What is trained, in the order of names that do not count models made before."""
    return [weight for _, weight in sorted(backbone.named_weights().items()) if weight.trainable]


def compared(u, v) -> np.ndarray:
    """What is said of two texts, from the vectors of their tokens."""
    u, v = (x if len(x) else np.zeros((1, x.shape[1])) for x in (u, v))
    apart = [u.mean(0) - v.mean(0), abs(u.mean(0) - v.mean(0)), abs(u.max(0) - v.max(0))]
    u, v = (x.mean(0) / np.sqrt((x.mean(0) ** 2).sum() + 1e-6) for x in (u, v))
    return np.concatenate([*apart, np.sqrt(len(u)) * np.append(u * v, u @ v)])


@pytest.mark.backend
@pytest.mark.parametrize("name", ENCODERS_OF_OURS)
def test_the_bags_of_two_texts_are_compared(name):
    sizes = {"part_buckets": 16, "bigram_buckets": 8}
    backbone = tiny_encoder(name, pair_separator=SEPARATOR, **sizes)
    plain = tiny_encoder(name, **sizes)
    for ours, theirs in zip(in_order(backbone), in_order(plain), strict=True):
        ours.assign(np.random.default_rng(1).normal(size=ours.shape))
        theirs.assign(ours)
    found, without = pooled(backbone, inputs()), pooled(plain, inputs())
    width = without.shape[1]
    np.testing.assert_allclose(found[:, :width], without, atol=1e-5)
    parts = backbone.get_layer("word_parts")
    for row, said in zip(ROWS, found[:, width:], strict=True):
        ids = np.array(row, "int32")
        words = np.where(ids < 40, ids, 1)  # the unknown token's
        pairs = backbone.get_layer("bigrams")(words[None], padding_mask=np.ones_like(ids)[None])
        tokens = np.array(backbone.embedding.embeddings)[words]
        bags = [tokens + keras.ops.convert_to_numpy(pairs)[0]]
        bags.append(keras.ops.convert_to_numpy(parts(ids[None]))[0])
        end = row.index(SEPARATOR) if SEPARATOR in row else len(row)
        expected = [compared(bag[:end], bag[end + 1 :]) for bag in bags]
        np.testing.assert_allclose(said, np.concatenate(expected), atol=1e-5)


def test_ngrams_are_compared_apart_from_words():
    backbone = tiny_encoder("fast_ngram", pair_separator=SEPARATOR, ngram_rows=20)
    table = np.array(keras.ops.convert_to_numpy(backbone.embedding.embeddings))
    row = [5, 6, 25, 30, SEPARATOR, 7, 25]
    found = pooled(backbone, inputs([row]))[0]
    bags = [(table[[5, 6]], table[[7]]), (table[[25, 30]], table[[25]])]
    expected = np.concatenate([compared(*bag) for bag in bags])
    np.testing.assert_allclose(found[-len(expected) :], expected, atol=1e-6)


def test_what_texts_have_in_common_stands_beside_the_comparison():
    sizes = {"pair_separator": SEPARATOR, "part_buckets": 16, "bigram_buckets": 8}
    backbone = tiny_encoder("average_embedding", overlap_entries=3, **sizes)
    plain = tiny_encoder("average_embedding", **sizes)
    for ours, theirs in zip(in_order(backbone), in_order(plain), strict=True):
        theirs.assign(ours)
    rows = [*ROWS, [UNKNOWN, SEPARATOR, 6]]  # words that begin alike
    found, without = pooled(backbone, inputs(rows)), pooled(plain, inputs(rows))
    np.testing.assert_allclose(found[:, :-6], without, atol=1e-6)
    ids, mask = inputs(rows).values()
    ends = np.array([row.index(SEPARATOR) if SEPARATOR in row else len(row) for row in rows])
    places = np.arange(ids.shape[1])
    texts = (places < ends[:, None]) & (mask > 0), (places > ends[:, None]) & (mask > 0)
    ids = keras.ops.convert_to_tensor(ids)
    counted = ids, backbone.get_layer("word_parts").rows_of(ids)
    expected = [keras.ops.convert_to_numpy(Overlap(3)(each, *texts)) for each in counted]
    np.testing.assert_allclose(found[:, -6:], np.concatenate(expected, axis=1), atol=1e-6)
    words, parts = (each[:, 0] for each in expected)
    assert 0 < words[0] < 1
    assert words[0] == pytest.approx(words[1])  # the other way round
    assert not np.any([words[2:], [*parts[2:5], 0]])  # nothing in common
    assert parts[5] > 0.1


def test_what_ngrams_have_in_common_stands_apart():
    sizes = {"pair_separator": SEPARATOR, "ngram_rows": 20, "overlap_entries": 1}
    rows = [[5, 25, SEPARATOR, 5, 26], [5, 25, SEPARATOR, 6, 25]]
    found = pooled(tiny_encoder("fast_ngram", **sizes), inputs(rows))[:, -2:]
    np.testing.assert_allclose(found, [[1, 0], [0, 1]], atol=1e-5)


def test_it_computes_in_half_precision():
    full, half = (
        tiny_encoder("average_embedding", dtype=dtype, pair_separator=SEPARATOR)
        for dtype in ("float32", "mixed_float16")
    )
    half.set_weights(full.get_weights())
    x = inputs([row for row in ROWS if UNKNOWN not in row])
    found = pooled(half, x)
    assert found.dtype == "float16"
    np.testing.assert_allclose(found, pooled(full, x), atol=0.01)


def test_an_encoder_of_ones_own_has_it_too():
    class FirstWord(hub_tasks.EncoderBackbone):
        def encode(self, x, mask):
            return x[:, 0]

    backbone = tiny_encoder("first_word", pair_separator=SEPARATOR)
    assert pooled(backbone, inputs(ROWS[:2])).shape == (2, 6 + 4 * 6 + 1)


def test_a_separator_is_a_token():
    with pytest.raises(DataError, match=r"`pair_separator`.*less than `vocab.*_separator=40"):
        tiny_encoder("cnn", pair_separator=40)


PLACES = ("market", "school", "river", "castle", "garden", "museum", "harbour", "bakery")
TEXTS = [f"the way to the {place}" for place in PLACES] + [f"where is that {p}" for p in PLACES]
PAIRS = [(i, j) for i in range(16) for j in range(16)]
SAME = ["same" if i % 8 == j % 8 else "other" for i, j in PAIRS]


def columns(pairs):
    return tuple([TEXTS[pair[k]] for pair in pairs] for k in (0, 1))


def test_words_in_common_count_before_anything_is_learnt_of_them():
    """The pairs to be told apart have other words than the few to learn from."""
    random = np.random.default_rng(0)
    letters = itertools.product("bdfgk", "aeiou", "lmnrst", "aio")
    words = np.array(["".join(each) for each in letters])
    halves = random.permutation(words).reshape(2, -1)
    found = [[" ".join(random.choice(half, 6)) for _ in range(120)] for half in halves]
    pairs = [(texts[:60] + texts[:60], texts[:60] + texts[60:]) for texts in found]
    labels = ["same"] * 60 + ["other"] * 60
    keras.utils.set_random_seed(0)
    clf = from_scratch("average_embedding", pairs[0], labels, embedding_dim=16)
    clf.fit(pairs[0], labels, epochs=10, validation_split=0, verbose=0)
    said = [p.label for p in clf.classify(pairs[1])]
    assert np.mean([a == b for a, b in zip(said, labels, strict=True)]) > 0.75


@pytest.mark.backend
def test_it_learns_which_texts_mean_the_same():
    """By what two texts share: each is in as many pairs of either kind as any other."""
    order = np.random.default_rng(0).permutation(len(PAIRS))
    held, trained = order[:80], order[80:]
    keras.utils.set_random_seed(0)
    clf = from_scratch("average_embedding", columns(PAIRS), SAME, embedding_dim=16)
    clf.compile(keras.optimizers.Adam(0.01))
    known = columns([PAIRS[n] for n in trained]), [SAME[n] for n in trained]
    clf.fit(*known, epochs=30, validation_split=0, class_weight="balanced", verbose=0)
    found = [p.label for p in clf.classify(columns([PAIRS[n] for n in held]))]
    for kind in ("same", "other"):
        right = [said == kind for said, n in zip(found, held, strict=True) if SAME[n] == kind]
        assert np.mean(right) > 0.8, kind


def test_it_learns_which_text_is_the_first():
    """What a bag of both together cannot tell: the texts of the two kinds are the same ones."""
    pairs = [pair for pair in PAIRS if pair[0] < 8 <= pair[1]]
    pairs += [pair[::-1] for pair in pairs]
    labels = ["way first"] * 64 + ["where first"] * 64
    keras.utils.set_random_seed(0)
    # Without pairs of tokens, of which [SEP] and the word after it are one.
    sizes = {"embedding_dim": 16, "bigram_buckets": 0}
    clf = from_scratch("average_embedding", columns(pairs), labels, **sizes)
    clf.compile(keras.optimizers.Adam(0.01))
    clf.fit(columns(pairs), labels, epochs=10, validation_split=0, verbose=0)
    assert [p.label for p in clf.classify(columns(pairs))] == labels


COLUMNS = (["a fine film", "the plot"] * 4, ["a fine movie", "no plot"] * 4)
LABELS = ["same", "other"] * 4


def said_of_pairs(clf, texts) -> bool:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.fit(texts, LABELS, epochs=1, verbose=0)
    said = [one for one in caught if "`pair_separator=`" in str(one.message)]
    assert len(said) < 2  # nor once more where training begins anew
    for one in said:
        assert "clf.fit(" in linecache.getline(one.filename, one.lineno)
    return bool(said)


@pytest.mark.parametrize("name", ENCODERS_OF_OURS)
def test_pairs_are_not_lost_on_an_encoder_of_single_texts_without_a_word(name):
    assert said_of_pairs(from_scratch(name, COLUMNS[0], LABELS), COLUMNS)
    assert not said_of_pairs(from_scratch(name, COLUMNS[0], LABELS), COLUMNS[0])
    assert not said_of_pairs(from_scratch(name, COLUMNS, LABELS), COLUMNS)


def test_a_transformer_compares_by_its_attention():
    under = "bert_tiny_en_sentiment"
    clf = hub_tasks.TextClassifier.from_scratch("cnn", COLUMNS[0], LABELS, embedding=under)
    assert not said_of_pairs(clf, COLUMNS)
    assert not said_of_pairs(
        hub_tasks.TextClassifier.from_preset(under, labels=LABELS[:2]), COLUMNS
    )


def test_the_preset_of_an_encoder_can_be_loaded_to_compare(tmp_path):
    single = tiny_encoder("average_embedding", part_buckets=16)
    single.save_to_preset(tmp_path / "single")
    again = hub_tasks.AverageEmbeddingBackbone.from_preset(
        tmp_path / "single", pair_separator=SEPARATOR, overlap_entries=4
    )
    before = pooled(single, inputs())
    np.testing.assert_array_equal(pooled(again, inputs())[:, : before.shape[1]], before)
    assert again.compares_pairs
