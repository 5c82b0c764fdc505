"""Training on what a teacher says: which targets there are, and that nothing else changes."""

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.errors import DataError
from hub_tasks.tasks.adamw import AdamW
from tests.checks.tiny import from_scratch, tiny_classifier

NOUNS = ("film", "day", "what")
TEXTS = [f"{word} {noun}" for word in ("good", "fine", "bad", "dull") for noun in NOUNS]
LABELS = ["positive"] * 6 + ["negative"] * 6
SINGLE, MULTI = "single_label_classification", "multi_label_classification"
QUIET = {"verbose": 0}


def student(labels=LABELS, **settings) -> hub_tasks.TextClassifier:
    return from_scratch("average_embedding", TEXTS, labels, **settings)


def teacher(labels=("negative", "positive"), problem_type=None, largest=None, **head):
    """A random transformer, and how large its largest logit of the texts is."""
    clf = tiny_classifier(labels=list(labels), problem_type=problem_type, **head)
    if largest is not None:
        kernel, logits = clf.get_layer("logits").kernel, clf.predict(TEXTS, **QUIET)
        kernel.assign(kernel * (largest / logits.flat[np.abs(logits).argmax()]))
    return clf


def targets(clf, *arguments, **options) -> np.ndarray:
    """What `fit` is told to learn."""
    seen = []
    clf.fit = lambda texts, labels, **_: seen.append(labels)
    clf.distill_from(*arguments, **options)
    return np.asarray(seen[0])


def softmax(logits) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def sigmoid(logits) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.astype("float64")))


THREE = {SINGLE: ["a", "b", "c"] * 4, MULTI: [["a"], ["b", "c"], []] * 4}
ACTIVATIONS = {SINGLE: softmax, MULTI: sigmoid}


@pytest.mark.parametrize("temperature", [1.0, 4.0, 0.5])
@pytest.mark.parametrize("largest", [1.0, 40.0], ids=["unsure", "sure"])
@pytest.mark.parametrize("problem_type", [SINGLE, MULTI])
def test_targets_are_softened_probabilities_in_the_order_of_labels(
    problem_type, largest, temperature
):
    clf = student(THREE[problem_type])
    taught_by = teacher("cab", problem_type, largest)
    logits = taught_by.predict(TEXTS, **QUIET)[:, [1, 2, 0]]
    assert logits.max() == pytest.approx(largest, rel=1e-3)
    expected = ACTIVATIONS[problem_type](logits / temperature)
    found = targets(clf, taught_by, TEXTS, temperature)
    assert clf.labels == ("a", "b", "c")
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("problem_type", "activation"), [(SINGLE, "softmax"), (MULTI, "sigmoid")])
def test_a_teacher_whose_outputs_are_probabilities(problem_type, activation):
    taught_by = teacher("abc", problem_type, activation=activation)
    plain = teacher("abc", problem_type)
    plain.set_weights(taught_by.get_weights())
    clf = student(THREE[problem_type])
    expected = ACTIVATIONS[problem_type](plain.predict(TEXTS, **QUIET) / 3)
    np.testing.assert_allclose(targets(clf, taught_by, TEXTS, 3.0), expected, atol=1e-4)


def test_a_regression_learns_the_numbers_themselves():
    taught_by = teacher(["LABEL_0"], "regression")
    found = targets(student([0.5, 1.5] * 6), taught_by, TEXTS, 4.0)
    np.testing.assert_array_equal(found, taught_by.predict(TEXTS, **QUIET))


def test_a_preset_and_an_array_are_teachers_too(tmp_path):
    taught_by = teacher()
    taught_by.save_to_preset(tmp_path / "teacher")
    expected = taught_by.predict_proba(TEXTS, **QUIET)
    for given in (tmp_path / "teacher", str(tmp_path / "teacher"), expected, expected.tolist()):
        np.testing.assert_allclose(targets(student(), given, TEXTS), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((12, 3)), r"12 rows of 2.*shape=\(12, 3\)"),
        (np.zeros((11, 2)), r"12 rows of 2.*shape=\(11, 2\)"),
        (np.zeros(12), r"12 rows of 2.*shape=\(12,\)"),
        ([[0.5, 0.5], [1.0]], "12 rows of 2.*Received"),
        (keras.Sequential([]), "12 rows of 2.*Received"),
        (lambda: teacher(["bad", "good"]), r"same labels, negative, positive.*'bad', 'good'"),
        (lambda: teacher(["negative", "neutral", "positive"]), "same labels, negative, positive"),
        (lambda: teacher(problem_type=MULTI), "same problem"),
    ],
    ids=str,
)
def test_what_is_no_teacher(given, message):
    clf = student()
    with pytest.raises(DataError, match=message):
        clf.distill_from(given() if callable(given) and not hasattr(given, "fit") else given, TEXTS)
    assert clf.problem_type == SINGLE


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf"), "2"])
def test_temperatures_that_are_refused(temperature):
    with pytest.raises(DataError, match=r"`temperature`.*Received: temperature="):
        student().distill_from(teacher(), TEXTS, temperature)


def test_texts_are_read_twice():
    with pytest.raises(DataError, match="in memory"):
        student().distill_from(teacher(), iter([TEXTS]))


# --- training


@pytest.mark.backend
@pytest.mark.parametrize("problem_type", [SINGLE, MULTI, "regression"])
def test_the_loss_is_measured_against_the_targets(problem_type):
    labels = {**THREE, "regression": [0.5, 1.5] * 6}[problem_type]
    clf = student(labels, **dict.fromkeys(("dropout", "word_dropout", "embedding_dropout"), 0.0))
    clf.compile(keras.optimizers.SGD(0.0))
    outputs = clf.predict(TEXTS, **QUIET)
    logits = np.random.default_rng(5).normal(0, 2, outputs.shape)
    said = ACTIVATIONS.get(problem_type, np.copy)(logits)
    if problem_type == SINGLE:
        expected = -(said * np.log(softmax(outputs))).sum(axis=1).mean()
    elif problem_type == MULTI:
        p, q = said, sigmoid(outputs)
        expected = -(p * np.log(q) + (1 - p) * np.log(1 - q)).mean()
    else:
        expected = ((said - outputs) ** 2).mean()
    history = clf.distill_from(said, TEXTS, epochs=1, validation_split=0, **QUIET)
    assert history.history["loss"][0] == pytest.approx(expected, rel=1e-3)
    assert ("agreement" in history.history) == (problem_type == SINGLE)


def test_the_student_comes_to_agree_with_its_teacher():
    sure = np.array([[0.1, 0.9]] * 6 + [[0.8, 0.2]] * 6, "float32")
    clf = student()
    clf.compile(keras.optimizers.Adam(0.03))
    before = clf.predict_proba(TEXTS, **QUIET)
    history = clf.distill_from(sure, TEXTS, epochs=25, batch_size=6, validation_split=0, **QUIET)
    after = clf.predict_proba(TEXTS, **QUIET)
    assert (after.argmax(axis=1) == sure.argmax(axis=1)).all()
    assert np.abs(after - sure).mean() < np.abs(before - sure).mean() / 2
    agreement = history.history["agreement"]
    assert agreement[-1] > agreement[0]
    assert clf.evaluate(TEXTS, LABELS, return_dict=True, **QUIET)["accuracy"] == 1


class Broken(keras.callbacks.Callback):
    """Raises after the first step."""

    def on_train_batch_end(self, batch, logs=None):
        raise RuntimeError("broken")


def teach(clf, fails: bool, **options) -> None:
    if not fails:
        clf.distill_from(teacher(), TEXTS, epochs=1, **options, **QUIET)
        return
    with pytest.raises(RuntimeError, match="broken"):
        clf.distill_from(teacher(), TEXTS, epochs=1, callbacks=[Broken()], **QUIET)


@pytest.mark.backend
@pytest.mark.parametrize("fails", [False, True], ids=["trained", "failed"])
def test_all_is_set_up_as_it_was(fails):
    made = student()
    labels = ["negative", "positive"]
    clf = hub_tasks.TextClassifier(made.backbone, preprocessor=made.preprocessor, labels=labels)
    loss = clf.loss.get_config()
    teach(clf, fails)
    assert isinstance(clf.optimizer, AdamW)
    assert type(clf.loss) is keras.losses.SparseCategoricalCrossentropy
    assert clf.loss.get_config() == loss
    assert (clf.labels, clf.problem_type) == (("negative", "positive"), SINGLE)
    history = clf.fit(TEXTS, LABELS, epochs=1, **QUIET)
    assert history.history.keys() >= {"loss", "accuracy", "val_loss"}
    assert "agreement" not in history.history
    assert clf.classify("good").label in clf.labels
    # The labels say what the problem is, as of a classifier that nobody taught.
    clf.fit(TEXTS, [["positive"], ["negative", "positive"]] * 6, epochs=1, **QUIET)
    assert clf.problem_type == MULTI


@pytest.mark.parametrize("fails", [False, True], ids=["trained", "failed"])
def test_what_was_compiled_is_so_again(fails):
    clf = student()
    optimizer, loss = keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(True)
    metric = keras.metrics.SparseTopKCategoricalAccuracy(1, name="first")
    weighted = keras.metrics.SparseCategoricalAccuracy(name="weighted")
    clf.compile(optimizer, loss, [metric], weighted_metrics=[weighted])
    weights = clf.get_weights()
    teach(clf, fails)
    for before, after in zip(weights, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)  # the rate was that of one's own optimizer
    assert clf.optimizer is optimizer
    assert clf.loss is loss
    found = clf.evaluate(TEXTS, LABELS, return_dict=True, **QUIET)
    right = (clf.predict(TEXTS, **QUIET).argmax(axis=1) == [1] * 6 + [0] * 6).mean()
    assert found.keys() == {"loss", "first", "weighted"}
    assert found["first"] == found["weighted"] == pytest.approx(right)
    clf.fit(TEXTS, LABELS, epochs=1, **QUIET)


def test_a_learning_rate_that_was_set_stays():
    clf = student(wide_dim=0)
    clf.optimizer.learning_rate = 0.0
    before = clf.get_weights()
    teach(clf, fails=False)
    assert float(clf.optimizer.learning_rate) == 0
    clf.fit(TEXTS, LABELS, epochs=1, **QUIET)
    for a, b in zip(before, clf.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_report_of_labels_is_refused():
    clf, report = student(), hub_tasks.callbacks.ClassificationReport(TEXTS, LABELS)
    with pytest.raises(DataError, match="ClassificationReport counts labels"):
        clf.distill_from(teacher(), TEXTS, callbacks=[report], **QUIET)


def test_a_preset_saved_meanwhile_has_the_problem_of_the_classifier(tmp_path):
    class Saved(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.save_to_preset(tmp_path / "preset")

    clf = student()
    clf.distill_from(teacher(), TEXTS, epochs=1, callbacks=[Saved()], **QUIET)
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "preset")
    assert again.problem_type == SINGLE
    np.testing.assert_allclose(
        again.predict_proba(TEXTS, **QUIET), clf.predict_proba(TEXTS, **QUIET), atol=1e-6
    )
