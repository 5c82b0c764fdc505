"""Beginnings and endings of words: whose they are, and that presets and unknown words keep them."""

import keras
import numpy as np
import pytest
from keras import ops

import hub_tasks
from hub_tasks.errors import DataError
from hub_tasks.families import ENCODERS
from hub_tasks.layers import WordParts
from hub_tasks.tokenizers import TrainedTokenizer
from tests.checks.parameters import elsewhere_the_first
from tests.checks.tiny import ENCODERS_OF_OURS, from_scratch, tiny_encoder

VOCABULARY = ["[PAD]", "[UNK]", "[SEP]", "card", "cards", "lards", "a", "cabins"]
CARD, CARDS, LARDS, A, CABINS = range(3, 8)
TEXTS = ["refund the money", "refunds please", "money back", "deliver it", "delivery of it", "late"]
LABELS = ["refund", "refund", "refund", "delivery", "delivery", "delivery"]
UNSEEN = ["refunding", "delivering", "the refunder", "zq", ""]


@pytest.fixture
def layer():
    made = WordParts(1000, 4, words=len(VOCABULARY))
    made.build((None, None))
    made.read(VOCABULARY, without=VOCABULARY[:3])
    return made


def vectors(layer, *ids) -> np.ndarray:
    return ops.convert_to_numpy(layer(np.array([ids], "int32")))[0]


def expected(layer, *places: tuple[int, int]) -> np.ndarray:
    """What the parts at these places of `layer.rows` add up to."""
    rows, table = (np.array(ops.convert_to_numpy(x)) for x in (layer.rows, layer.table.embeddings))
    return sum((table[rows[place]] for place in places), np.zeros(4)) / np.sqrt(6)


def test_words_share_the_rows_of_their_beginnings_and_endings(layer):
    rows = np.array(ops.convert_to_numpy(layer.rows))
    same = rows[CARD] == rows[CARDS]
    assert same.tolist() == [True, True, True, False, False, False]  # ca, car, card
    assert (rows[CARDS] == rows[LARDS]).tolist() == [False] * 4 + [True, True]  # ds, rds
    assert (rows[CARD] == rows[CABINS]).tolist() == [True] + [False] * 5
    assert (rows[CARD] > 0).tolist() == [True] * 3 + [False] + [True] * 2  # of no 5 characters
    assert len(set(rows[CARDS])) == 6
    assert not rows[[0, 1, 2, A]].any()


def test_more_parts_than_rows_share_those_of_late_parts():
    few = WordParts(4, 4, words=len(VOCABULARY))
    few.build((None, None))
    few.read(VOCABULARY, without=VOCABULARY[:3])
    rows = np.array(ops.convert_to_numpy(few.rows))
    # ca, car, card, rd>, and a fifth one: ard>
    assert rows[CARD].tolist() == [1, 2, 3, 0, 4, 4]
    assert rows.max() == 4


@pytest.mark.backend
def test_a_vector_is_the_sum_of_those_of_the_parts(layer):
    found = vectors(layer, CARD, A, CARDS)
    want = [expected(layer, *((CARD, k) for k in (0, 1, 2, 4, 5))), np.zeros(4)]
    np.testing.assert_allclose(found[:2], want, atol=1e-6)
    np.testing.assert_allclose(
        found[2], expected(layer, *((CARDS, k) for k in range(6))), atol=1e-6
    )


@pytest.mark.backend
@pytest.mark.parametrize("shared", [1, 2, 3, 4])
def test_an_unknown_word_has_the_beginnings_that_it_shares(layer, shared):
    id = shared * len(VOCABULARY) + CARDS
    want = expected(layer, *((CARDS, k) for k in range(shared)))
    np.testing.assert_allclose(vectors(layer, id)[0], want, atol=1e-6)
    known = layer.known(np.array([CARDS, id, 1], "int32"))
    assert ops.convert_to_numpy(known).tolist() == [CARDS, 1, 1]


@pytest.mark.parametrize(
    ("word", "shared", "like"),
    [
        ("cardless", 3, CARD),  # of two that share as much the first
        ("cardsharp", 4, CARDS),
        ("carrot", 2, CARD),
        ("cab", 2, CABINS),
        ("ca", 1, CARD),
        ("CABINET", 4, CABINS),
    ],
)
def test_the_id_of_an_unknown_word_says_which_begins_alike(word, shared, like):
    tokenizer = TrainedTokenizer(VOCABULARY, ENCODERS["cnn"]).with_beginnings()
    id = shared * len(VOCABULARY) + like
    assert tokenizer(f"a {word}") == [A, id]
    assert tokenizer.id_to_token(id) == "[UNK]"
    assert tokenizer.detokenize([A, id]) == "a [UNK]"


def test_other_words_stay_as_they_were():
    tokenizer = TrainedTokenizer(VOCABULARY, ENCODERS["cnn"]).with_beginnings()
    assert tokenizer("cards a xx b") == [CARDS, A, 1, 1]
    assert TrainedTokenizer(VOCABULARY, ENCODERS["cnn"])("cardless") == [1]
    with pytest.raises(ValueError, match="Ids go from 0 to 7"):
        tokenizer.id_to_token(5 * len(VOCABULARY))


@pytest.mark.parametrize(
    ("encoder", "texts", "rows"),
    [
        # ca, ar>, rd>, car, card, ard> and nothing of "a"
        ("average_embedding", ["card a", "a"], 5),
        ("kim_cnn", ["a", "b"], 0),
        ("cnn", ["很好吃", "很好看"], 0),
        ("fast_ngram", ["card", "cards"], 0),  # has n-grams of characters
    ],
)
def test_each_part_of_a_word_has_a_row(encoder, texts, rows):
    clf = from_scratch(encoder, texts, ["x", "y"])
    assert clf.backbone.config["part_buckets"] == rows
    assert clf.preprocessor.tokenizer.options["unknown_beginnings"] == bool(rows)
    given = from_scratch(encoder, texts, ["x", "y"], part_buckets=3)
    assert given.backbone.config["part_buckets"] == 3


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    clf = from_scratch("kim_cnn", TEXTS * 5, LABELS * 5, embedding_dim=16)
    clf.fit(TEXTS * 5, LABELS * 5, epochs=20, validation_split=0, verbose=0)
    return clf


@pytest.mark.backend
def test_words_never_seen_are_told_by_their_beginnings(trained):
    said = trained.classify(["refunding", "delivering"], verbose=0)
    assert [prediction.label for prediction in said] == ["refund", "delivery"]


@pytest.mark.parametrize(
    "weights_format", elsewhere_the_first(["h5", "safetensors", "float16", "int8"])
)
def test_presets_keep_the_parts(trained, weights_format, tmp_path):
    trained.save_to_preset(tmp_path / "clf", weights_format=weights_format, verify=True)
    loaded = hub_tasks.TextClassifier.from_preset(tmp_path / "clf")
    outputs, again = (clf.predict(UNSEEN, verbose=0) for clf in (trained, loaded))
    tolerance = {"float16": 0.01, "int8": 0.1}.get(weights_format, 1e-6)
    np.testing.assert_allclose(again, outputs, atol=tolerance * np.abs(outputs).max())


@pytest.mark.backend
def test_a_backbone_by_itself_and_a_keras_file_keep_the_parts(trained, tmp_path):
    inputs = trained.preprocessor(UNSEEN)
    want = trained.backbone.predict(inputs, verbose=0)["pooled_output"]
    trained.backbone.save_to_preset(tmp_path / "backbone", verify=True)
    backbone = hub_tasks.KimCNNBackbone.from_preset(tmp_path / "backbone")
    backbone.save_to_preset(tmp_path / "again")
    trained.save(tmp_path / "clf.keras")
    for again in (
        backbone,
        hub_tasks.KimCNNBackbone.from_preset(tmp_path / "again"),
        keras.models.load_model(tmp_path / "clf.keras").backbone,
    ):
        found = again.predict(inputs, verbose=0)["pooled_output"]
        np.testing.assert_allclose(found, want, atol=1e-6)


def test_a_vocabulary_of_another_size_is_refused():
    backbone = tiny_encoder("cnn", part_buckets=8)
    tokenizer = TrainedTokenizer(VOCABULARY, backbone.family)
    preprocessor = hub_tasks.TextClassifierPreprocessor(tokenizer, 9, family=backbone.family)
    with pytest.raises(DataError, match=r"needs a tokenizer of 40 ids.*ids=8"):
        hub_tasks.TextClassifier(backbone, num_classes=2, preprocessor=preprocessor)


@pytest.mark.parametrize("name", ENCODERS_OF_OURS)
def test_ids_of_unknown_words_need_an_encoder_that_knows_them(name):
    backbone = tiny_encoder(name, vocabulary_size=8)
    tokenizer = TrainedTokenizer(VOCABULARY, backbone.family, unknown_beginnings=True)
    preprocessor = hub_tasks.TextClassifierPreprocessor(tokenizer, 9, family=backbone.family)
    with pytest.raises(DataError, match=r"only an encoder with `part_buckets`.*part_buckets=0"):
        hub_tasks.TextClassifier(backbone, num_classes=2, preprocessor=preprocessor)


@pytest.mark.backend
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow alone")
def test_xla_computes_the_same():
    clf = from_scratch("average_embedding", TEXTS, LABELS)
    plain = clf.predict(UNSEEN, verbose=0)
    clf.compile(jit_compile=True)
    np.testing.assert_allclose(clf.predict(UNSEEN, verbose=0), plain, atol=1e-5)
    clf.fit(TEXTS, LABELS, epochs=1, verbose=0)
