"""Batches of rows in memory and of streams, and what Keras's trainer gets of them."""

import threading
import time

import keras
import numpy as np
import pytest
from keras import ops

from hub_tasks.data import (
    FILL,
    MemoryBatches,
    Packer,
    RunReport,
    StreamBatches,
    TokenColumn,
    feed,
    open_data,
    original_errors,
    plan_widths,
    read_ahead,
)
from hub_tasks.errors import DataError

ROWS = 8
FIRST = 10  # the token of row i, once in it, is FIRST + i; filler tokens make the lengths vary
FILLER = [30, 2, 45, 0, 17, 5, 70, 1]
TEXTS = [" ".join([str(FIRST + i), *["5"] * n]) for i, n in enumerate(FILLER)]
TARGETS = np.arange(1, ROWS + 1, dtype="float32")
WEIGHTS = np.array([1, 2, 1, 2, 1, 2, 1, 2], "float32")
PACKER = Packer(start=1, end=2, pad=0, sequence_length=64, truncate="round_robin")


def tokenize(texts):
    return [[int(token) for token in text.split()] for text in texts]


def plan(lengths):
    return plan_widths(lengths, PACKER.sequence_length)


def in_memory(
    texts=(TEXTS,), targets=TARGETS, weights=WEIGHTS, batch_size=2, order="given", report=None
):
    report = report or RunReport()
    columns = [TokenColumn(column, tokenize, report) for column in texts]
    return MemoryBatches(columns, targets, weights, PACKER, batch_size, order, plan, report)


def encode(rows, start):
    return np.array(rows.labels, "float32"), np.array(rows.weights, "float32")


def items(stop=ROWS):
    return [
        (TEXTS[i : i + 2], TARGETS[i : i + 2].tolist(), WEIGHTS[i : i + 2].tolist())
        for i in range(0, stop, 2)
    ]


class Again:
    """An iterable of unknown length that can be read over and over."""

    def __iter__(self):
        return iter(items())


class Batched(keras.utils.PyDataset):
    num_batches = ROWS // 2

    def __getitem__(self, index):
        return items()[index]


class Endless(keras.utils.PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return items()[index % 4]


def stream(x):
    return StreamBatches(open_data(x, None, None, 2), encode, tokenize, PACKER, RunReport())


def row_numbers(batch):
    """The numbers of a batch's rows, less those that only fill it up."""
    tokens = batch[0]["token_ids"][:, 1]
    return (tokens[tokens >= FIRST] - FIRST).tolist()


def one_pass(batches):
    return [number for batch in batches for number in row_numbers(batch)]


def test_rows_in_memory_come_in_order_with_targets_and_weights():
    batches = in_memory(batch_size=3)
    parts = list(batches)
    assert batches.num_batches == len(parts) == 3
    assert [row_numbers(batch) for batch in parts] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    np.testing.assert_array_equal(np.concatenate([y for _, y, _ in parts])[:ROWS], TARGETS)
    weights = np.concatenate([w for _, _, w in parts])
    np.testing.assert_array_equal(weights, [*WEIGHTS, FILL])
    assert one_pass(batches) == one_pass(batches)


def test_batches_have_the_parts_that_there_are():
    assert [len(batch) for batch in in_memory(targets=None, weights=None)] == [1] * 4
    assert [len(batch) for batch in in_memory(weights=None)] == [2] * 4


def test_pairs_in_memory():
    (inputs,) = next(iter(in_memory((["10", "11"], ["20 21", ""]), None, None)))
    np.testing.assert_array_equal(
        inputs["token_ids"][:, :6], [[1, 10, 2, 20, 21, 2], [1, 11, 2, 2, 0, 0]]
    )


def test_texts_are_tokenised_once_and_all_of_them():
    seen = []

    def counting(texts):
        seen.extend(texts)
        return tokenize(texts)

    texts = [str(i) for i in range(20_001)]
    report = RunReport()
    column = TokenColumn(texts, counting, report)
    batches = MemoryBatches([column], None, None, PACKER, 1000, "given", plan, report)
    ids = [i for (inputs,) in batches for i in inputs["token_ids"][:, 1].tolist()]
    assert ids[:20_001] == list(range(20_001))
    assert len(ids) == 21_000
    list(batches)
    assert seen == texts


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 8])
def test_by_length_orders_by_length_and_restores_the_order(rows):
    batches = in_memory((TEXTS[:rows],), None, None, 4, "by_length")
    assert one_pass(batches) == sorted(range(rows), key=lambda i: FILLER[i])
    parts = [inputs["token_ids"][:, 1] for (inputs,) in batches]
    assert {len(part) for part in parts} == {min(4, 1 << (rows - 1).bit_length())}
    restored = batches.restore(np.concatenate(parts))
    assert (restored - FIRST).tolist() == list(range(rows))


@pytest.mark.parametrize("order", ["given", "shuffled", "by_length"])
@pytest.mark.parametrize("rows", [1, 2, 7, 97])
def test_a_pass_is_complete_in_few_shapes_of_one_height(order, rows):
    texts = [" ".join([str(FIRST + i), *["5"] * (i * 7 % 60)]) for i in range(rows)]
    targets = np.arange(rows, dtype="float32")
    report = RunReport()
    batches = in_memory((texts,), targets, None, 8, order, report)
    shapes, seen = set(), []
    for parts in batches:
        inputs, values = parts[0], parts[1]
        weights = parts[2] if len(parts) == 3 else np.ones(len(values))
        shapes.add(inputs["token_ids"].shape)
        real = weights != FILL
        assert set(weights[real].tolist()) <= {1.0}
        seen += values[real].tolist()
        assert (inputs["token_ids"][real, 1] - FIRST).tolist() == values[real].tolist()
        longest = inputs["padding_mask"][real].sum(axis=1).max()
        assert inputs["token_ids"].shape[1] == min(w for w in batches.widths if w >= longest)
    assert sorted(seen) == list(range(rows))
    report.count_steps([1.0] * batches.num_batches, compiled=True)
    assert shapes == report.shapes
    assert report.compiling_seconds <= len(shapes)
    assert len(shapes) <= 4
    assert len({height for height, _ in shapes}) == 1
    assert report.texts == rows


def test_shuffled_passes_are_complete_and_differ():
    batches = in_memory(order="shuffled")
    passes = [one_pass(batches) for _ in range(4)]
    assert all(sorted(order) == list(range(ROWS)) for order in passes)
    assert len(set(map(tuple, passes))) > 1


def test_shuffled_rows_keep_their_targets_and_weights():
    for batch in in_memory(order="shuffled"):
        np.testing.assert_array_equal(batch[1], TARGETS[row_numbers(batch)])
        np.testing.assert_array_equal(batch[2], WEIGHTS[row_numbers(batch)])


def test_the_order_follows_from_the_global_seed():
    def orders(seed):
        np.random.seed(seed)
        batches = in_memory(order="shuffled")
        return [one_pass(batches) for _ in range(3)]

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)


def test_passes_beside_one_another_are_each_complete():
    batches = in_memory(order="shuffled")
    one, other = iter(batches), iter(batches)
    taken = [(row_numbers(a), row_numbers(b)) for a, b in zip(one, other, strict=True)]
    for numbers in zip(*taken, strict=True):
        assert sorted(i for batch in numbers for i in batch) == list(range(ROWS))


@pytest.mark.parametrize("make", [Again, Batched], ids=["iterable", "PyDataset"])
def test_a_restartable_stream_begins_again(make):
    batches = stream(make())
    next(iter(batches))
    assert one_pass(batches) == list(range(ROWS))
    assert one_pass(batches) == list(range(ROWS))


def test_a_generator_keeps_its_first_batch_for_who_looked_at_it():
    batches = stream(iter(items()))
    assert row_numbers(next(iter(batches))) == [0, 1]
    assert row_numbers(next(iter(batches))) == [0, 1]
    assert one_pass(batches) == list(range(ROWS))
    assert one_pass(batches) == []


def test_a_generator_goes_on_where_it_stood():
    batches = stream(iter(items()))
    first = iter(batches)
    assert [row_numbers(next(first)) for _ in range(2)] == [[0, 1], [2, 3]]
    assert one_pass(batches) == [4, 5, 6, 7]


def test_labels_in_a_stream_are_counted_throughout():
    starts = []

    def counting(rows, start):
        starts.append(start)
        return encode(rows, start)

    source = open_data(iter(items()), None, None, 2)
    list(StreamBatches(source, counting, tokenize, PACKER, RunReport()))
    assert starts == [0, 2, 4, 6]


@pytest.mark.parametrize("x", [iter([]), iter([[]])], ids=["no items", "an empty batch"])
def test_an_empty_stream_is_refused(x):
    with pytest.raises(DataError, match="The data set is empty"):
        list(stream(x))


def test_an_endless_source_needs_steps():
    with pytest.raises(DataError, match=r"never ends.*steps_per_epoch"):
        feed(stream(Endless()))


def test_a_generator_cannot_be_fed_twice():
    with pytest.raises(DataError, match=r"A generator can be read once: .*epochs=2"):
        feed(stream(iter(items())), passes=2)


class Total(keras.losses.Loss):
    """Its gradient in the embedding of a row's token is target times weight, once per visit."""

    def call(self, y_true, y_pred):
        return ops.reshape(y_true, (-1,)) * ops.reshape(y_pred, (-1,))


def counting_model():
    keys = ("token_ids", "segment_ids", "padding_mask")
    inputs = {key: keras.Input((None,), dtype="int32", name=key) for key in keys}
    embedding = keras.layers.Embedding(FIRST + ROWS, 1, embeddings_initializer="zeros")
    outputs = ops.sum(embedding(inputs["token_ids"]), axis=1)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(1.0), Total(reduction="sum"))
    return model


def visits(model):
    """How often training has seen each row, with its own target and weight."""
    table = ops.convert_to_numpy(model.weights[0])[FIRST:, 0]
    return np.round(-table / (TARGETS * WEIGHTS), 4).tolist()


FED = {
    "memory": (lambda: in_memory(), 2, None, [2] * 8),
    "memory shuffled": (lambda: in_memory(order="shuffled"), 2, None, [2] * 8),
    "memory last batch smaller": (lambda: in_memory(batch_size=3), 2, None, [2] * 8),
    "memory shuffled in half passes": (lambda: in_memory(order="shuffled"), 2, 2, [1] * 8),
    "PyDataset": (lambda: stream(Batched()), 2, None, [2] * 8),
    "iterable": (lambda: stream(Again()), 2, None, [2] * 8),
    "iterable once": (lambda: stream(Again()), 1, None, [1] * 8),
    "iterable in steps": (lambda: stream(Again()), 2, 3, [2, 2, 2, 2, 1, 1, 1, 1]),
    "generator": (lambda: stream(iter(items())), 1, None, [1] * 8),
    "generator in steps": (lambda: stream(iter(items())), 2, 2, [1] * 8),
    "endless in steps": (lambda: stream(Endless()), 2, 3, [2, 2, 2, 2, 1, 1, 1, 1]),
}


@pytest.mark.backend
@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # how Keras ends a generator
@pytest.mark.parametrize(("make", "passes", "steps", "expected"), FED.values(), ids=FED.keys())
def test_training_sees_every_row_once_in_a_pass(make, passes, steps, expected):
    model = counting_model()
    fed = feed(make(), passes, steps)
    model.fit(fed, epochs=passes, steps_per_epoch=steps, shuffle=False, verbose=0)
    assert visits(model) == expected


@pytest.mark.backend
def test_training_reads_a_generator_no_further_than_its_steps():
    generator = iter(items())
    counting_model().fit(feed(stream(generator), 1, 2), steps_per_epoch=2, shuffle=False, verbose=0)
    assert list(generator) == items()[2:]


@pytest.mark.backend
def test_prediction_comes_in_the_order_of_the_batches():
    model = counting_model()
    model.weights[0].assign(np.concatenate([np.zeros(FIRST), np.arange(ROWS)])[:, None])
    batches = in_memory(targets=None, weights=None, batch_size=3, order="by_length")
    outputs = batches.restore(model.predict(feed(batches), verbose=0))
    assert outputs[:, 0].tolist() == list(range(ROWS))


@pytest.mark.backend
def test_an_error_in_a_stream_reaches_the_user_as_it_was():
    batches = stream(iter([*items(), (["1", None], [0, 1], [1, 1])]))
    model = counting_model()
    with (
        pytest.raises(DataError, match=r"^texts\[9\] is not a text"),
        original_errors(batches),
    ):
        model.fit(feed(batches), shuffle=False, verbose=0)


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), original_errors(stream(Again()), None):
        1 / 0  # noqa: B018


def test_who_stops_reading_does_not_wait_for_what_is_read_ahead():
    """Garbage is collected in any thread: one that waited there for another could wait for ever."""
    goes_on = threading.Event()

    def items():
        yield 1
        goes_on.wait(60)
        yield 2

    reader = read_ahead(items())
    assert next(reader) == 1
    closing = threading.Thread(target=reader.close, daemon=True)
    closing.start()
    closing.join(10)
    waited = closing.is_alive()
    goes_on.set()
    assert not waited


def test_reading_ahead_is_one_item_ahead_and_keeps_order_and_errors():
    made = []

    def items():
        for i in range(4):
            made.append(i)
            yield i
        raise OSError("the line is dead")

    reader = read_ahead(items())
    assert next(reader) == 0
    assert next(reader) == 1
    deadline = time.monotonic() + 10
    while len(made) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert made == [0, 1, 2]
    assert [next(reader), next(reader)] == [2, 3]
    with pytest.raises(OSError, match="the line is dead"):
        next(reader)


def test_a_report_counts_what_came_before():
    earlier = RunReport(5, 20, 40, shapes={(4, 8), (1, 8)}, seconds=2.0, compiling_seconds=1.0)
    report = RunReport(3, 9, 16, truncated=2, longest=9, shapes={(4, 8)}, seconds=0.5)
    report.add(earlier)
    assert (report.texts, report.tokens, report.padded_tokens) == (8, 29, 56)
    assert (report.truncated, report.longest) == (2, 9)  # texts are not cut anew
    assert report.shapes == {(4, 8), (1, 8)}
    assert (report.seconds, report.compiling_seconds) == (2.5, 1.0)
