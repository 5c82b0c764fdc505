"""`tf.data.Dataset`s and string tensors as inputs."""

import numpy as np
import pytest

from hub_tasks.data import LabelSpace, Rows, open_data
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
