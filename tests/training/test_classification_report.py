"""ClassificationReport: scores from their definitions, on whatever `fit` validates on."""

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.callbacks import ClassificationReport
from hub_tasks.errors import DataError
from tests.checks.tiny import LABELS, TEXTS, tiny_classifier

EMOTIONS = ["joy", "anger", "fear"]
SEVERAL = [["joy"], ["anger", "fear"], [], ["joy"], ["joy", "fear"], ["anger"]]
EVEN = ["good", "bad", "fine", "what", "day", "film"]  # one width


def ratio(part, whole):
    return part / whole if whole else 0.0


def expected(pairs, names):
    """From sets of labels, one row after another: the definitions, spelt out."""
    report, totals = {}, np.zeros(3)
    for name in names:
        both = sum(name in true and name in said for true, said in pairs)
        said = sum(name in said for _, said in pairs)
        true = sum(name in true for true, _ in pairs)
        totals += both, said, true
        precision, recall = ratio(both, said), ratio(both, true)
        f1 = ratio(2 * precision * recall, precision + recall)
        report[name] = {"precision": precision, "recall": recall, "f1": f1, "support": true}
    precision, recall = ratio(totals[0], totals[1]), ratio(totals[0], totals[2])
    f1 = ratio(2 * precision * recall, precision + recall)
    averages = {"micro avg": {"precision": precision, "recall": recall, "f1": f1}}
    for average, weights in {
        "macro avg": [1] * len(names),
        "weighted avg": [report[name]["support"] for name in names],
    }.items():
        averages[average] = {
            key: ratio(
                sum(w * report[n][key] for w, n in zip(weights, names, strict=True)), sum(weights)
            )
            for key in ("precision", "recall", "f1")
        }
    return report | {name: {**scores, "support": totals[2]} for name, scores in averages.items()}


def same(report, wanted):
    assert list(report) == list(wanted)
    for name, scores in wanted.items():
        assert report[name] == pytest.approx(scores), name


def reported(clf, data=TEXTS, labels=LABELS, callback=None, **options):
    callback = callback or ClassificationReport(verbose=0)
    history = clf.fit(data, labels, callbacks=[callback], verbose=0, **options)
    return callback, history.history


class Sequence(keras.utils.PyDataset):
    num_batches = 3

    def __getitem__(self, i):
        return TEXTS[2 * i : 2 * i + 2], LABELS[2 * i : 2 * i + 2]


class Endless(Sequence):
    num_batches = None


class Iterated:
    def __iter__(self):
        return zip(TEXTS, LABELS, strict=True)


def every_form():
    yield "lists", (TEXTS, LABELS), {}
    yield "weights", (TEXTS, LABELS, [2, 1, 0, 1, 1, 1]), {}
    yield "arrays", (np.array(TEXTS), np.array([1, 0, 0, 1, 1, 0])), {}
    yield "data set", Sequence(), {}
    yield "iterable", Iterated(), {}
    yield "endless", Endless(), {"validation_steps": 3}


@pytest.mark.parametrize(
    ("data", "options"), [pytest.param(*rest, id=name) for name, *rest in every_form()]
)
def test_reports_are_those_of_the_outputs_whatever_form_the_data_has(data, options):
    if isinstance(data, Endless):  # three batches, over and over
        data.__class__.__getitem__ = lambda self, i: Sequence.__getitem__(self, i % 3)
    clf = tiny_classifier()
    options = {**options, "validation_batch_size": 4}
    callback, history = reported(clf, validation_data=data, **options)
    said = [{p.label} for p in clf.classify(TEXTS)]
    wanted = expected(list(zip([{label} for label in LABELS], said, strict=True)), clf.labels)
    same(callback.reports[0], wanted)
    for name in ("precision", "recall", "f1"):
        assert history[f"val_{name}"] == [pytest.approx(wanted["macro avg"][name])]


def test_several_labels_per_row_and_data_of_its_own():
    clf = tiny_classifier(labels=EMOTIONS)
    own = ClassificationReport(
        TEXTS, SEVERAL, average="micro", threshold=0.4, prefix="own_", verbose=0
    )
    _, history = reported(clf, EVEN, SEVERAL, own, epochs=2)
    assert clf.problem_type == "multi_label_classification"
    said = [set(p.labels) for p in clf.classify(TEXTS, threshold=0.4)]
    wanted = expected(list(zip(map(set, SEVERAL), said, strict=True)), clf.labels)
    same(own.reports[1], wanted)
    assert len(history["own_f1"]) == 2
    assert history["own_f1"][1] == pytest.approx(wanted["micro avg"]["f1"])


@pytest.mark.backend
@pytest.mark.parametrize("form", ["split", "tuple", "data set"])
def test_data_that_is_tokenised(form):
    texts = tiny_classifier()
    clf = type(texts)(texts.backbone, labels=texts.labels)
    inputs, ids = texts.preprocessor(TEXTS), np.array([1, 0, 0, 1, 1, 0])

    class Tokenised(keras.utils.PyDataset):
        num_batches = 2

        def __getitem__(self, i):
            rows = slice(2 * i, 2 * i + 2)
            return {key: array[rows] for key, array in last.items()}, last_ids[rows]

    last, last_ids = {key: array[2:] for key, array in inputs.items()}, ids[2:]
    option = {
        "split": {"validation_split": 0.6},
        "tuple": {"validation_data": (last, last_ids)},
        "data set": {"validation_data": Tokenised()},
    }[form]
    callback, _ = reported(clf, inputs, ids, **option)
    said = [{clf.labels[i]} for i in clf.predict(last, verbose=0).argmax(axis=1)]
    true = [{clf.labels[i]} for i in last_ids]
    same(callback.reports[0], expected(list(zip(true, said, strict=True)), clf.labels))


def test_training_is_the_same_with_and_without():
    weights = []
    for callbacks in ([], [ClassificationReport(verbose=0)]):
        keras.utils.set_random_seed(5)
        clf = tiny_classifier()
        clf.fit(TEXTS, LABELS, 2, 2, 0, callbacks, validation_split=0.3)
        weights.append(clf.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_callbacks_see_the_scores_wherever_they_stand(tmp_path):
    class Never(ClassificationReport):
        """Scores that fall from epoch to epoch."""

        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            logs["val_f1"] = 0.5 - epoch / 10

    seen = []
    best = keras.callbacks.EarlyStopping("val_f1", mode="max", patience=2)
    log = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append({**logs}))
    history = tiny_classifier().fit(
        TEXTS,
        LABELS,
        epochs=9,
        verbose=0,
        callbacks=[watch, best, [log, Never(verbose=0)]],
        validation_split=0.3,
    )
    assert history.history["val_f1"] == [0.5, 0.4, 0.3]
    assert [logs["val_f1"] for logs in seen] == [0.5, 0.4, 0.3]
    assert "val_f1" in (tmp_path / "log.csv").read_text().splitlines()[0]


def test_epochs_without_validation_have_no_report():
    callback, history = reported(
        tiny_classifier(), validation_split=0.3, validation_freq=2, epochs=4
    )
    assert list(callback.reports) == [1, 3]
    assert len(history["val_f1"]) == 2


def test_validation_steps_bound_what_is_measured():
    callback, _ = reported(
        tiny_classifier(),
        validation_data=(TEXTS, LABELS),
        validation_batch_size=2,
        validation_steps=2,
    )
    assert callback.reports[0]["micro avg"]["support"] == 4


def test_the_table_names_labels_and_zeros(capsys):
    labels = [f"topic-{i}" for i in range(50)]
    clf = tiny_classifier(labels=[*labels, "[red]odd[/red]\x1b"])
    callback = ClassificationReport(TEXTS, [50] * 6)
    clf.fit(TEXTS, [0] * 6, epochs=2, callbacks=callback, verbose=0)
    printed = capsys.readouterr().out
    assert printed.count("Epoch 1") == printed.count("Epoch 2") == 1
    for text in ("support", "macro avg", "not in the data", "never predicted", "labels of higher"):
        assert text in printed
    clf.fit(TEXTS, [0] * 6, callbacks=ClassificationReport(TEXTS, [50] * 6, verbose=2), verbose=0)
    printed = capsys.readouterr().out
    assert all(name in printed for name in labels)
    assert r"[red]odd[/red]\x1b" in printed
    clf.fit(TEXTS, [0] * 6, callbacks=ClassificationReport(TEXTS, [50] * 6, verbose=0), verbose=0)
    assert capsys.readouterr().out == ""


def test_thousands_of_labels_are_counted_at_once():
    from time import process_time

    from hub_tasks.tasks.scores import count_labels

    random = np.random.default_rng(0)
    true, said = random.integers(5000, size=(2, 100_000))
    names = tuple(map(str, range(5000)))
    began = process_time()
    report = count_labels(true, said, 5000).report(names)
    assert process_time() - began < 1
    assert report["micro avg"]["f1"] == pytest.approx(np.mean(true == said))


def test_labels_that_do_not_occur_count_only_where_several_may_apply():
    from hub_tasks.tasks.scores import count_labels

    names = ("a", "b", "c")
    one = count_labels(np.array([0, 1]), np.array([0, 0]), 3).report(names)
    assert one["macro avg"]["recall"] == pytest.approx(1 / 2)
    matrix = np.array([[1, 0, 0], [0, 1, 0]])
    several = count_labels(matrix, matrix, 3).report(names)
    assert several["macro avg"]["recall"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("make", "options", "match"),
    [
        (lambda: tiny_classifier(num_classes=1), {"validation_split": 0.5}, "regression"),
        (tiny_classifier, {}, "validation_split"),
        (tiny_classifier, {"validation_data": (i for i in [(TEXTS, LABELS)])}, "read once"),
        (lambda: tiny_classifier(labels=["a", "macro avg"]), {"validation_split": 0.5}, "average"),
    ],
    ids=["regression", "no data", "generator", "name"],
)
def test_what_cannot_be_reported_is_said_before_training(make, options, match):
    clf = make()
    before = clf.get_weights()
    with pytest.raises(DataError, match=match):
        reported(clf, TEXTS, [1.0, 0, 0, 1, 1, 0], **options)
    assert all(np.array_equal(a, b) for a, b in zip(before, clf.get_weights(), strict=True))


def test_arguments():
    assert hub_tasks.callbacks.ClassificationReport is ClassificationReport
    with pytest.raises(DataError, match="macro"):
        ClassificationReport(average="samples")
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss="mse")
    with pytest.raises(DataError, match="hub_tasks classifier"):
        model.fit(np.ones((2, 1)), np.ones(2), callbacks=[ClassificationReport()], verbose=0)
