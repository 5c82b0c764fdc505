"""`tf.data.Dataset`s and string tensors as inputs."""

import os
import subprocess
import sys

import numpy as np
import pytest

from hub_tasks.data import LabelSpace, Rows, open_data
from hub_tasks.data.tf_data import feed_few, feed_tensorflow
from hub_tasks.errors import DataError

tf = pytest.importorskip("tensorflow")

TEXTS = ["good", "bad", "caf\u00e9"]
SPACE = LabelSpace(["no", "yes"], "single_label_classification")
SEVERAL = LabelSpace(["no", "yes"], "multi_label_classification")


def slices(*columns):
    return tf.data.Dataset.from_tensor_slices(columns if len(columns) > 1 else columns[0])


def read(dataset, batch_size=2):
    source = open_data(dataset, None, None, batch_size)
    return [(rows.texts, rows.labels, rows.weights) for rows in source.batches()]


def columns(dataset, batch_size=2):
    return [texts for texts, _, _ in read(dataset, batch_size)]


@pytest.mark.parametrize("batched", [True, False])
def test_texts(batched):
    dataset = slices(TEXTS)
    expected = [(["good", "bad"],), (["caf\u00e9"],)]
    assert columns(dataset.batch(2) if batched else dataset) == expected


def test_a_batched_dataset_keeps_its_batches():
    assert columns(slices(TEXTS).batch(3), batch_size=2) == [(TEXTS,)]


@pytest.mark.parametrize("batched", [True, False])
def test_pairs(batched):
    dataset = slices((TEXTS, ["x", "y", "z"]), [0, 1, 0])
    (first, labels, _), (second, _, _) = read(dataset.batch(2) if batched else dataset)
    assert first == (["good", "bad"], ["x", "y"])
    assert second == (["caf\u00e9"], ["z"])
    assert SPACE.encode(labels).tolist() == [0, 1]


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize(
    "labels",
    [[0, 1, 1], ["no", "yes", "yes"], [0.0, 1.0, 1.0], [False, True, True]],
    ids=["ids", "names", "floats", "bools"],
)
def test_labels_and_weights(batched, labels):
    dataset = slices(TEXTS, labels, [0.5, 1.0, 2.0])
    parts = read(dataset.batch(2) if batched else dataset)
    assert np.concatenate([SPACE.encode(y) for _, y, _ in parts]).tolist() == [0, 1, 1]
    assert np.concatenate([w for _, _, w in parts]).tolist() == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize(
    "labels",
    [
        lambda: tf.ragged.constant([["yes", "no"], [], ["yes"]]),
        lambda: tf.ragged.constant([[1, 0], [], [1]]),
        lambda: [[1, 1], [0, 0], [0, 1]],
        lambda: [[True, True], [False, False], [False, True]],
    ],
    ids=["ragged names", "ragged ids", "indicators", "bools"],
)
def test_several_labels(batched, labels):
    dataset = slices(TEXTS, labels())
    parts = read(dataset.batch(3) if batched else dataset, batch_size=3)
    np.testing.assert_array_equal(SEVERAL.encode(parts[0][1]), [[1, 1], [0, 0], [0, 1]])


def test_a_matrix_of_names():
    (part,) = read(slices(["a", "b"], [["yes", "no"], ["no", "yes"]]).batch(2))
    np.testing.assert_array_equal(SEVERAL.encode(part[1]), [[1, 1], [1, 1]])


@pytest.mark.parametrize(
    ("make", "num_batches", "endless"),
    [
        (lambda: slices(TEXTS).batch(2), 2, False),
        (lambda: slices(TEXTS), 2, False),
        (lambda: slices(TEXTS).batch(2, drop_remainder=True), 1, False),
        (lambda: slices(TEXTS).filter(lambda text: text != "bad"), None, False),
        (lambda: slices(TEXTS).repeat(), None, True),
        (lambda: slices(TEXTS).batch(2).repeat(), None, True),
    ],
    ids=["batched", "unbatched", "remainder dropped", "unknown", "endless", "endless batches"],
)
def test_cardinality(make, num_batches, endless):
    source = open_data(make(), None, None, 2)
    assert (source.num_batches, source.endless) == (num_batches, endless)
    assert source.restartable
    if not endless:
        passes = [[rows.texts for rows in source.batches()] for _ in range(2)]
        assert passes[0] == passes[1]
        assert num_batches in (None, len(passes[0]))


def test_a_dataset_of_unknown_length_yields_all():
    assert columns(slices(TEXTS).filter(lambda text: text != "bad")) == [(["good", "caf\u00e9"],)]


REFUSED = {
    "numbers": lambda: slices([1, 2]),
    "dict": lambda: slices({"text": ["a", "b"]}),
    "matrix of texts": lambda: slices([["a"], ["b"]]).batch(2),
    "three columns": lambda: slices((["a"], ["b"], ["c"]), [0]),
    "text beside number": lambda: slices((["a"], [1]), [0]),
    "four parts": lambda: slices(["a"], [0], [1.0], [2.0]),
    "ragged texts": lambda: slices(tf.ragged.constant([["a"], ["b", "c"]])).batch(2),
    "unequal ranks": lambda: slices((["a"], [["b"]]), [0]),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_refused_before_anything_is_read(make):
    with pytest.raises(DataError, match=r"yields? texts"):
        open_data(make(), None, None, 2)


def test_errors_count_rows_throughout():
    dataset = slices([b"a", b"b", b"c", b"\xff"])
    for form in (dataset, dataset.batch(2)):
        with pytest.raises(DataError, match=r"^texts\[3\] is not valid UTF-8"):
            read(form)


def test_labels_beside_a_dataset_are_refused():
    with pytest.raises(DataError, match="come with the texts"):
        open_data(slices(TEXTS), [0, 1, 0], None, 2)


def test_string_tensors_are_columns():
    rows = open_data(tf.constant(TEXTS), tf.constant([0, 1, 1]), None, 2)
    assert isinstance(rows, Rows)
    assert rows.texts == (TEXTS,)
    assert SPACE.encode(rows.labels).tolist() == [0, 1, 1]
    pair = open_data((tf.constant(TEXTS), tf.constant(TEXTS)), tf.constant(["no"] * 3), None, 2)
    assert pair.texts == (TEXTS, TEXTS)
    assert SPACE.encode(pair.labels).tolist() == [0, 0, 0]


def batches(count, start=0):
    """Of one form and several shapes."""
    return [
        ({"ids": np.full((2, 1 + i % 3), i, "int32")}, np.array([i, -i], "float32"))
        for i in range(start, start + count)
    ]


def assert_same(fed, expected):
    elements = list(fed)
    assert len(elements) == len(expected)
    for (x, y), (want_x, want_y) in zip(elements, expected, strict=True):
        np.testing.assert_array_equal(x["ids"], want_x["ids"])
        np.testing.assert_array_equal(y, want_y)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_keras_is_fed_the_batches_in_their_order(count):
    for fed in (
        feed_few(batches(count)),
        feed_tensorflow(lambda: iter(batches(count)), count, True, False),
        feed_tensorflow(lambda: iter(batches(count)), None, False, False),
    ):
        assert fed.element_spec[0]["ids"].shape.as_list() == [None, None]  # one trace for all
        for _ in range(2):
            assert_same(fed, batches(count))


def test_a_pass_is_of_its_own_beside_one_that_has_not_ended():
    starts = iter([0, 0, 10, 20, 30])  # the first is looked at for the form of a batch
    fed = feed_tensorflow(lambda: iter(batches(3, next(starts))), 3, False, False)
    left = iter(fed)
    begun = [next(left)]
    assert_same(fed, batches(3, 10))
    assert_same([*begun, *left], batches(3))
    assert_same(fed.repeat(2), batches(3, 20) + batches(3, 30))


def test_a_pass_of_another_length_than_was_said_is_an_error():
    fed = feed_tensorflow(lambda: iter(batches(2)), 3, False, False)
    with pytest.raises(tf.errors.FailedPreconditionError, match="expected to contain 3"):
        list(fed)


FED = """
import hub_tasks
texts, labels = ["a fine film", "a dull film"] * 100, ["good", "bad"] * 100
clf = hub_tasks.TextClassifier.from_scratch("cnn", texts, labels, filters=8)
clf.fit(texts, labels, epochs=1, verbose=0)
clf.predict(texts, batch_size=8, verbose=0)
"""


def test_the_memory_of_the_process_is_left_as_it_is():
    told = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "0"}
    command = [sys.executable, "-c", FED]
    ended = subprocess.run(command, env={**os.environ, **told}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "mallopt" not in ended.stderr
    assert "M_TRIM_THRESHOLD" not in ended.stderr
