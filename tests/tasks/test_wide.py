"""The linear model beside an encoder: what it learns, how it predicts, where it stands."""

import keras
import numpy as np
import pytest
from keras import ops

import hub_tasks
from hub_tasks.errors import DataError
from hub_tasks.layers import WideScores
from tests.checks.parameters import elsewhere_the_first
from tests.checks.tiny import from_scratch

TEXTS = [
    "a good film",
    "a bad bad film",
    "good day to you",
    "what a bad day",
    "fine good fine",
    "such a waste of a day",
]
LABELS = ["yes", "no", "yes", "no", "yes", "no"]
LETTERS = ["好电影", "坏电影呢", "好 日子", "坏日子", "好好好", "浪费日子"]
UNSEEN = ["a gooey film", "such fine days", "bad", "to to good bad", "日"]


def grams(word: str, end: str = ">") -> list[str]:
    word = f"<{word}{end}"
    return [word[i : i + n] for n in range(1, 6) for i in range(len(word) - n + 1)]


def runs(document: list[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(document[k:] for k in range(n)), strict=False))


def ridge(documents, labels, asked, longest: int, beginnings: bool) -> np.ndarray:
    """Scores by ridge regression on TF-IDF, with whole matrices.

    Args:
        documents, asked: lists of tokens.
        longest: of the runs of tokens.
        beginnings: whether an unknown word has the n-grams of one that begins alike.
    """
    vocabulary = sorted({word for document in documents for word in document})

    def rarity(count: int) -> float:
        return np.log((1 + len(documents)) / (1 + count)) + 1

    def texts_with(word: str) -> int:
        return sum(word in document for document in documents)

    # About as many texts have an n-gram as have its words.
    shared: dict[str, float] = {}
    for word in vocabulary:
        for gram in grams(word) if len(word) > 1 else []:
            shared[gram] = shared.get(gram, 0) + texts_with(word)

    def vector(word: str) -> dict:
        """The word itself and its n-grams, or those of a beginning that a known word has."""
        found = {word: 1.0} if word in vocabulary else {}
        parts = grams(word) if len(word) > 1 else []
        if word not in vocabulary:
            known = [n for n in (5, 4, 3, 2) if len(word) >= n]
            known = [n for n in known if any(w[:n] == word[:n] for w in vocabulary)]
            parts = grams(word[: known[0]], "") if known and beginnings else []
        weights = {
            gram: parts.count(gram) * rarity(min(shared[gram], len(documents)))
            for gram in parts
            if gram in shared
        }
        length = np.sqrt(sum(w**2 for w in weights.values()))
        return found | {("gram", gram): 1.4 * w / length for gram, w in weights.items()}

    def features(document: list[str]) -> dict:
        found: dict = {}
        length = np.sqrt(sum(rarity(texts_with(word)) ** 2 for word in document)) or 1
        for word in document:
            for key, value in vector(word).items():
                found[key] = found.get(key, 0) + value * rarity(texts_with(word)) / length
        for n in range(2, longest + 1):
            often = {run: sum(run in runs(d, n) for d in documents) for run in runs(document, n)}
            seen = [run for run in runs(document, n) if often[run]]
            length = np.sqrt(sum(rarity(often[run]) ** 2 for run in seen))
            for run in seen:
                found[run] = found.get(run, 0) + rarity(often[run]) / length
        return found

    columns = sorted({key for d in documents for key in features(d)}, key=str)
    x, z = (
        np.array([[features(d).get(column, 0.0) for column in columns] for d in some])
        for some in (documents, asked)
    )
    names = sorted(set(labels))
    y = np.array([[label == name for name in names] for label in labels], float)
    y -= y.mean(axis=0)
    return z @ x.T @ np.linalg.solve(x @ x.T + np.eye(len(x)), y)


def wide(encoder="average_embedding", texts=TEXTS, labels=LABELS, **settings):
    """A classifier with a linear model beside an encoder."""
    return from_scratch(encoder, texts, labels, **settings)


def alone(clf, texts=TEXTS, **fit):
    """The classifier once it is trained, its network without a say."""
    clf.fit(texts, LABELS, epochs=1, verbose=0, **fit)
    kernel, bias = clf.head_variables()
    scores = np.arange(kernel.shape[0]) >= kernel.shape[0] - kernel.shape[1]
    kernel.assign(ops.convert_to_numpy(kernel) * scores[:, None])
    bias.assign(np.zeros(bias.shape))
    return clf


@pytest.mark.parametrize("texts", [TEXTS, LETTERS])
@pytest.mark.parametrize("encoder", elsewhere_the_first(["average_embedding", "fast_ngram", "cnn"]))
def test_scores_are_those_of_ridge_regression(encoder, texts):
    clf = alone(wide(encoder, texts, wide_buckets=4_001, label_names=["no", "yes"]), texts)
    longest = 3 if texts is LETTERS else 2
    asked = [*texts, *UNSEEN]
    tokens = [
        [[*t.replace(" ", "\u2581")] if texts is LETTERS else t.split() for t in some]
        for some in (texts, asked)
    ]
    beginnings = bool(clf.backbone.config["part_buckets"])
    expected = ridge(tokens[0], LABELS, tokens[1], longest, beginnings)
    np.testing.assert_allclose(clf.predict(asked, verbose=0) / 5, expected, atol=2e-3)
    assert np.ptp(expected) > 0.2


def solved(clf) -> bool:
    return any(
        np.any(ops.convert_to_numpy(table)) for table in clf.backbone.get_layer("wide").scores
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, True),
        ({"validation_split": 0.2}, False),
        ({"callbacks": [keras.callbacks.Callback()]}, False),
    ],
)
def test_it_is_solved_where_training_begins_anew(settings, expected):
    clf = wide(texts=TEXTS * 2, labels=LABELS * 2)
    clf.fit(TEXTS * 2, LABELS * 2, epochs=2, verbose=0, **settings)
    assert solved(clf) is expected


def test_what_it_knows_stays_when_training_goes_on():
    clf = wide(texts=TEXTS * 2, labels=LABELS * 2)
    clf.fit(TEXTS * 2, LABELS * 2, epochs=1, verbose=0)
    before = [ops.convert_to_numpy(table) for table in clf.backbone.get_layer("wide").weights]
    clf.fit(TEXTS, LABELS[::-1], epochs=1, verbose=0)
    after = [ops.convert_to_numpy(table) for table in clf.backbone.get_layer("wide").weights]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_is_left_alone_under_a_head_of_other_classes(tmp_path):
    wide().save_to_preset(tmp_path / "preset")
    clf = hub_tasks.TextClassifier.from_preset(tmp_path / "preset", labels=["a", "b", "c"])
    clf.fit(TEXTS, ["a", "b", "c"] * 2, epochs=1, verbose=0)
    assert not solved(clf)


def test_weights_of_rows_count():
    scores = []
    for weights in (None, [1.0] * 6, [1.0, 9.0, 1.0, 1.0, 1.0, 1.0]):
        clf = alone(wide(), sample_weight=weights)
        scores.append(clf.predict(TEXTS, verbose=0))
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-5)
    assert np.abs(scores[0] - scores[2]).max() > 0.01


@pytest.mark.parametrize(
    ("weights", "tolerance"), [("h5", 0), ("safetensors", 0), ("float16", 0.02), ("int8", 0.1)]
)
def test_a_preset_has_it(weights, tolerance, tmp_path):
    clf = alone(wide("kim_cnn"))
    clf.save_to_preset(tmp_path / "preset", weights_format=weights)
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "preset")
    asked = [*TEXTS, *UNSEEN]
    np.testing.assert_allclose(
        again.predict(asked, verbose=0), clf.predict(asked, verbose=0), atol=tolerance
    )


@pytest.mark.backend
def test_it_computes_in_half_precision():
    found, expected = (
        alone(wide(dtype=dtype)).predict(TEXTS, verbose=0) for dtype in ("mixed_float16", None)
    )
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_texts_of_one_word_have_no_runs():
    clf = wide(texts=["good", "bad"] * 8, labels=["yes", "no"] * 8)
    clf.fit(["good", "bad"] * 8, ["yes", "no"] * 8, verbose=0)
    assert [p.label for p in clf.classify(["good", "bad", ""])][:2] == ["yes", "no"]


@pytest.mark.parametrize(
    ("texts", "labels", "settings"),
    [
        (TEXTS, [0.5, 1.5] * 3, {}),
        (TEXTS, [["a"], ["b"]] * 3, {}),
        ((TEXTS, TEXTS), LABELS, {}),
        (TEXTS * 6, [str(i) for i in range(36)], {}),
        (TEXTS * 200, LABELS * 200, {}),
        (TEXTS, LABELS, {"wide_dim": 0}),
    ],
    ids=["numbers", "several labels", "pairs", "many classes", "many rows", "not wanted"],
)
def test_who_has_none(texts, labels, settings):
    assert wide(texts=texts, labels=labels, **settings).backbone.config["wide_dim"] == 0


@pytest.mark.parametrize("labels", [LABELS, [0.5, 1.5] * 3])
def test_a_number_of_scores_that_means_nothing_is_refused(labels):
    with pytest.raises(DataError, match=r"wide_dim.*number of classes.*wide_dim=3"):
        wide(labels=labels, wide_dim=3)


def test_runs_that_share_a_row_are_told_apart():
    layer = WideScores(1, buckets=1, longest=2, words=9)
    layer.build(None)
    for table in (layer.scores[1], layer.squares[1]):
        table.assign(ops.ones_like(table))
    ids = np.array([[3, 4], [4, 3]], "int32")
    [(_, checks, _)] = layer.run_rows(ids, np.ones_like(ids))
    layer.checks[0].assign(ops.cast(checks[0, :1], "float32"))
    np.testing.assert_allclose(layer(ids, padding_mask=np.ones_like(ids)), [[1], [0]], atol=1e-4)
