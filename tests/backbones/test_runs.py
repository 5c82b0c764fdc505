"""Runs of characters, in scripts that put no spaces between words."""

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.layers import HashedRuns
from tests.checks.parameters import elsewhere_the_first
from tests.checks.tiny import ENCODERS_OF_OURS, from_scratch

SPECIAL = ("[PAD]", "[UNK]", "[SEP]")
VOCABULARY = [*SPECIAL, *"กขคงจฉชซ", "好", "人"]
TEXTS = [text * 2 for text in ("กขคงจ", "ขคงจฉ", "จงคขก", "ฉจงคข")] * 6
LABELS = ["up", "up", "down", "down"] * 6


def layer(buckets: int = 5_000) -> HashedRuns:
    made = HashedRuns(buckets, 4, words=len(VOCABULARY))
    made.build((None, None))
    made.read(VOCABULARY, without=SPECIAL)
    values = np.random.default_rng(0).normal(size=made.table.embeddings.shape)
    made.table.embeddings.assign(values)
    return made


def ids_of(*texts: str, width: int = 12) -> np.ndarray:
    rows = [[VOCABULARY.index(character) for character in text] for text in texts]
    return np.array([row + [0] * (width - len(row)) for row in rows], "int32")


def rows_of(made: HashedRuns, ids: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(made.rows_of(keras.ops.convert_to_tensor(ids)))


@pytest.mark.backend
def test_each_run_of_three_to_five_has_a_row():
    made = layer()
    [rows] = rows_of(made, ids_of("กขคงจฉ"))
    lengths = [(row > 0).tolist() for row in rows]
    assert lengths[:4] == [[True] * 3, [True] * 3, [True, True, False], [True, False, False]]
    assert not rows[4:].any()
    assert len(set(rows[rows > 0])) == 4 + 3 + 2
    [again] = rows_of(made, ids_of("ชกขคง"))
    assert again[1, :2].tolist() == rows[0, :2].tolist()  # wherever they stand
    table = keras.ops.convert_to_numpy(made.table.embeddings)
    sums = keras.ops.convert_to_numpy(made(ids_of("กขคงจฉ")))[0]
    np.testing.assert_allclose(sums[0], table[rows[0]].sum(0) / np.sqrt(3), atol=1e-5)
    np.testing.assert_allclose(sums[4:], 0, atol=1e-6)


@pytest.mark.parametrize("width", [6, 7, 8, 12])
def test_no_run_goes_on_at_the_beginning_of_a_text(width):
    [rows] = rows_of(layer(), ids_of("กขคงจฉ", width=width))
    assert (rows[:6] > 0).sum(axis=0).tolist() == [4, 3, 2]


@pytest.mark.parametrize("between", ["好", "unknown"])
def test_what_stands_in_no_run_ends_it(between):
    ids = ids_of("กขคxงจฉ".replace("x", "好"))
    if between == "unknown":
        ids[ids == VOCABULARY.index("好")] = SPECIAL.index("[UNK]")
    [rows] = rows_of(layer(), ids)
    assert np.argwhere(rows).tolist() == [[0, 0], [4, 0]]


def test_which_rows_runs_have():
    """Presets depend on it."""
    ids = ids_of("กขคงจ")[0, :5].tolist()
    factors = (40_503, 30_011, 50_021, 27_457, 61_001)
    hashes = [sum(i * f for i, f in zip(ids, factors, strict=False)) % 97 for ids in
              (ids[:3], ids[:4], ids)]  # fmt: skip
    assert rows_of(layer(97), ids_of("กขคงจ"))[0, 0].tolist() == [1 + h for h in hashes]


def test_the_order_of_characters_counts():
    rows = rows_of(layer(), ids_of("กขค", "กคข", "ขกค", "คขก"))[:, 0, 0]
    assert len(set(rows)) == 4


@pytest.mark.parametrize("name", elsewhere_the_first(ENCODERS_OF_OURS))
def test_encoders_have_a_bag_of_them(name, tmp_path):
    """And learn what single characters do not say: the texts have the same ones."""
    keras.utils.set_random_seed(0)
    sizes = {"bigram_buckets": 0, "embedding_dim": 16}
    clf = from_scratch(name, TEXTS, LABELS, **sizes)
    plain = from_scratch(name, TEXTS, LABELS, run_buckets=0, **sizes)
    assert clf.backbone.config["run_buckets"] > 20
    widths = [c.backbone.output["pooled_output"].shape[-1] for c in (clf, plain)]
    assert widths[0] == widths[1] + 2 * 16
    clf.compile(keras.optimizers.Adam(0.02))
    clf.fit(TEXTS, LABELS, epochs=12, validation_split=0, verbose=0)
    assert [p.label for p in clf.classify(TEXTS[:4])] == LABELS[:4]
    clf.save_to_preset(tmp_path / "preset", verify=True)
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "preset")
    found, expected = (c.predict(TEXTS[:4], verbose=0) for c in (again, clf))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["สวัสดีครับ", "ขอบคุณมาก"], True),
        (["これはいいです", "ありがとう"], True),
        (["今天天气很好", "我喜欢iOS手机"], False),
        (["good morning", "thank you"], False),
    ],
    ids=["Thai", "kana", "Chinese", "words"],
)
def test_texts_say_whether_there_are_runs(texts, expected):
    clf = from_scratch("cnn", texts * 6, ["a", "b"] * 6)
    assert bool(clf.backbone.config["run_buckets"]) is expected


def test_two_texts_have_runs_in_common():
    pairs = (["กขคง", "กขคง"] * 6, ["ขคงจ", "จฉชซ"] * 6)
    clf = from_scratch("cnn", pairs, ["yes", "no"] * 6, overlap_entries=1)
    arrays = clf.preprocessor(pairs)
    found = keras.ops.convert_to_numpy(clf.backbone(arrays)["pooled_output"])[:2, -1]
    assert found[0] == pytest.approx(1 / 3, abs=0.15)  # one of three runs each
    assert found[1] == pytest.approx(0, abs=1e-5)


def test_the_vocabulary_says_it_when_an_encoder_is_loaded_alone(tmp_path):
    clf = from_scratch("average_embedding", TEXTS, LABELS)
    clf.backbone.save_to_preset(tmp_path / "preset")
    alone = hub_tasks.Backbone.from_preset(tmp_path / "preset")
    arrays = clf.preprocessor(TEXTS[:4])
    found, expected = (b.predict_on_batch(arrays)["pooled_output"] for b in (alone, clf.backbone))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    codes = keras.ops.convert_to_numpy(alone.get_layer("character_runs").codes)
    assert (codes > 0).sum() == 6
