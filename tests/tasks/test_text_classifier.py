"""The main job, on every family and every backend, with small random models."""

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.errors import DataError
from hub_tasks.families import FAMILIES
from tests.checks.tiny import LABELS, TEXTS, tiny_classifier

pytestmark = pytest.mark.backend

IDS = [1, 0, 0, 1, 1, 0]
EMOTIONS = ["joy", "anger", "fear"]
SEVERAL = [["joy"], ["anger", "fear"], [], ["joy"], ["joy", "fear"], ["anger"]]
MATRIX = [[1, 0, 0], [0, 1, 1], [0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 1, 0]]


@pytest.fixture
def clf():
    return tiny_classifier()


def first_weight(clf):
    return keras.ops.convert_to_numpy(clf.backbone.weights[0]).copy()


@pytest.mark.parametrize("family", FAMILIES)
def test_fit_predict_evaluate_and_classify(family):
    layers = FAMILIES[family].tiny["num_layers"]
    clf = tiny_classifier(family, sizes={"num_layers": layers // 2})
    before = first_weight(clf)
    history = clf.fit(TEXTS, LABELS, epochs=2, batch_size=4, verbose=0)
    assert len(history.history["loss"]) == 2
    assert {"loss", "accuracy"} <= set(history.history)
    assert not np.array_equal(before, first_weight(clf))
    outputs = clf.predict(TEXTS, verbose=0)
    assert outputs.shape == (6, 2)
    assert outputs.dtype == np.float32
    probabilities = clf.predict_proba(TEXTS, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    predictions = clf.classify(TEXTS)
    assert [p.label for p in predictions] == [clf.labels[i] for i in outputs.argmax(axis=1)]
    assert predictions[0].scores[predictions[0].label] == predictions[0].score
    right = np.mean([p.label == label for p, label in zip(predictions, LABELS, strict=True)])
    measured = clf.evaluate(TEXTS, LABELS, return_dict=True, verbose=0)
    assert measured["accuracy"] == pytest.approx(right)


def test_a_bare_string_gives_one_prediction(clf):
    assert clf.classify("good film").label in clf.labels
    with pytest.raises(DataError, match="wrap it"):
        clf.predict("good film")


def test_no_texts_give_no_rows(clf):
    assert clf.predict([]).shape == (0, 2)
    assert clf.classify([]) == []


def test_outputs_depend_on_neither_batch_nor_padding(clf):
    alone = np.concatenate([clf.predict([text], verbose=0) for text in TEXTS])
    together = clf.predict(TEXTS, verbose=0)
    padded = clf.predict([*TEXTS, "what " * 30], verbose=0)[:6]
    by_three = clf.predict(TEXTS, batch_size=4, verbose=0)
    for other in (together, padded, by_three):
        np.testing.assert_allclose(alone, other, atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-3  # the texts do differ


def test_names_and_ids_train_alike():
    losses = []
    for labels in (LABELS, IDS, np.array(IDS), np.array(LABELS), [float(i) for i in IDS]):
        keras.utils.set_random_seed(3)
        clf = tiny_classifier()
        losses.append(clf.fit(TEXTS, labels, verbose=0).history["loss"][0])
    assert losses == pytest.approx([losses[0]] * len(losses))


@pytest.mark.parametrize(
    "labels", [SEVERAL, MATRIX, np.array(MATRIX)], ids=["names", "rows", "array"]
)
def test_several_labels_per_text_are_recognised(labels):
    clf = tiny_classifier(labels=EMOTIONS)
    clf.fit(TEXTS, labels, verbose=0)
    assert clf.problem_type == "multi_label_classification"
    probabilities = clf.predict_proba(TEXTS, verbose=0)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    for prediction in clf.classify(TEXTS, threshold=0.4):
        assert set(prediction.labels) == {n for n, p in prediction.scores.items() if p >= 0.4}
    assert "binary_accuracy" in clf.evaluate(TEXTS, labels, return_dict=True, verbose=0)


def test_several_labels_are_recognised_in_data_that_is_tokenised():
    texts = tiny_classifier(labels=EMOTIONS)
    clf = type(texts)(texts.backbone, labels=EMOTIONS)
    inputs = texts.preprocessor(TEXTS)
    held_out = {key: array[:2] for key, array in inputs.items()}, MATRIX[:2]
    clf.fit(inputs, MATRIX, validation_data=held_out, verbose=0)
    assert clf.problem_type == "multi_label_classification"


def test_multi_label_loss_is_binary_cross_entropy():
    clf = tiny_classifier(labels=EMOTIONS, problem_type="multi_label_classification")
    logits = clf.predict(TEXTS, verbose=0).astype("float64")
    expected = np.mean(np.logaddexp(0, logits) - np.array(MATRIX) * logits)
    assert clf.evaluate(TEXTS, SEVERAL, return_dict=True, verbose=0)["loss"] == pytest.approx(
        expected, rel=1e-4
    )


def test_regression():
    clf = tiny_classifier(num_classes=1)
    assert clf.problem_type == "regression"
    scores = [4.5, 0.5, 1.0, 4.0, 5.0, 0.0]
    clf.fit(TEXTS, scores, verbose=0)
    outputs = clf.predict(TEXTS, verbose=0)
    measured = clf.evaluate(TEXTS, scores, return_dict=True, verbose=0)
    assert measured["loss"] == pytest.approx(np.mean((outputs[:, 0] - scores) ** 2), rel=1e-4)
    assert measured["mean_absolute_error"] == pytest.approx(
        np.mean(np.abs(outputs[:, 0] - scores)), rel=1e-4
    )
    prediction = clf.classify("good film")
    assert prediction.label is None
    assert prediction.score == pytest.approx(outputs[0, 0], abs=1e-5)
    with pytest.raises(DataError, match="regression"):
        clf.predict_proba(TEXTS)


@pytest.mark.parametrize("truncate", ["round_robin", "waterfall", "longest_first"])
def test_pairs(truncate):
    clf = tiny_classifier(truncate=truncate)
    first, second = TEXTS, TEXTS[::-1]
    clf.fit((first, second), LABELS, verbose=0)
    outputs = clf.predict((first, second), verbose=0)
    assert np.abs(outputs - clf.predict((second, first), verbose=0)).max() > 1e-4
    assert len(clf.classify((first, second))) == 6


def test_class_weights_are_sample_weights_by_class():
    results = []
    weights = [3.0 if label == "positive" else 0.5 for label in LABELS]
    for options in (
        {"class_weight": {"positive": 3.0, "negative": 0.5}},
        {"class_weight": {1: 3.0, 0: 0.5}},
        {"sample_weight": weights},
        {"class_weight": {1: 3.0}, "sample_weight": [1 if i else 0.5 for i in IDS]},
    ):
        keras.utils.set_random_seed(3)
        clf = tiny_classifier()
        clf.fit(TEXTS, LABELS, verbose=0, **options)
        results.append(clf.predict(TEXTS, verbose=0))
    for other in results[1:]:
        np.testing.assert_allclose(results[0], other, atol=1e-5)


def test_balanced_weights_count_the_labels():
    losses = []
    labels = [0, 0, 0, 0, 1, 1]
    for weight in ("balanced", {0: 6 / 8, 1: 6 / 4}):
        keras.utils.set_random_seed(3)
        clf = tiny_classifier()
        losses.append(clf.fit(TEXTS, labels, class_weight=weight, verbose=0).history["loss"][0])
    assert losses[0] == pytest.approx(losses[1])


def test_validation_split_holds_out_the_last_rows(clf):
    history = clf.fit(TEXTS, LABELS, validation_split=1 / 3, epochs=2, verbose=0)
    expected = clf.evaluate(TEXTS[4:], LABELS[4:], return_dict=True, verbose=0)
    assert history.history["val_loss"][-1] == pytest.approx(expected["loss"], rel=1e-4)


def test_validation_data_and_callbacks(clf, tmp_path):
    class Count(keras.callbacks.Callback):
        epochs = batches = 0

        def on_epoch_end(self, epoch, logs=None):
            self.epochs += 1

        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1

    count = Count()
    keep = keras.callbacks.ModelCheckpoint(tmp_path / "best.weights.h5", save_weights_only=True)
    stop = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    history = clf.fit(
        TEXTS,
        LABELS,
        batch_size=2,
        epochs=3,
        validation_data=(TEXTS, LABELS),
        callbacks=[count, keep, stop],
        verbose=0,
    )
    assert "val_accuracy" in history.history
    assert count.batches == 3 * count.epochs
    assert (tmp_path / "best.weights.h5").exists()


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_low_precision_computes_with_a_float32_head(dtype):
    clf = tiny_classifier(dtype=dtype)
    assert clf.predict(TEXTS, verbose=0).dtype == np.float32
    history = clf.fit(TEXTS, LABELS, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    if dtype == "mixed_float16":
        assert isinstance(clf.optimizer, keras.optimizers.LossScaleOptimizer)


class Stream(keras.utils.PyDataset):
    """Batches of two rows."""

    num_batches = 3

    def __getitem__(self, index):
        rows = slice(2 * index, 2 * index + 2)
        return TEXTS[rows], LABELS[rows]


class Restartable:
    """An iterable with no length, one row at a time."""

    def __iter__(self):
        return iter(zip(TEXTS, LABELS, strict=True))


def batches():
    for i in range(3):
        yield Stream()[i]


STREAMS = {
    "generator": lambda: batches(),
    "generator of single texts": lambda: iter(Restartable()),
    "iterable": Restartable,
    "PyDataset": Stream,
}


@pytest.mark.parametrize("kind", STREAMS)
def test_streams_of_texts(kind):
    clf = tiny_classifier()
    measured = clf.evaluate(STREAMS[kind](), return_dict=True, verbose=0)
    expected = clf.evaluate(TEXTS, LABELS, return_dict=True, verbose=0)
    assert measured["loss"] == pytest.approx(expected["loss"], rel=1e-4)
    before = first_weight(clf)
    clf.fit(STREAMS[kind](), verbose=0)
    assert not np.array_equal(before, first_weight(clf))
    outputs = clf.predict((text for text in TEXTS), verbose=0)
    np.testing.assert_allclose(outputs, clf.predict(TEXTS, verbose=0), atol=1e-5)


def test_a_stream_of_unknown_length_lasts_for_several_epochs():
    clf = tiny_classifier()
    history = clf.fit(Restartable(), batch_size=4, epochs=3, validation_data=Stream(), verbose=0)
    assert len(history.history["loss"]) == 3
    assert len(history.history["val_loss"]) == 3


@pytest.mark.libraries
@pytest.mark.parametrize("batched", [True, False], ids=["batched", "single"])
def test_tf_data(batched):
    tf = pytest.importorskip("tensorflow")
    clf = tiny_classifier()
    dataset = tf.data.Dataset.from_tensor_slices((TEXTS, IDS))
    named = tf.data.Dataset.from_tensor_slices((TEXTS, LABELS))
    texts = tf.data.Dataset.from_tensor_slices(TEXTS)
    if batched:
        dataset, named, texts = dataset.batch(4), named.batch(4), texts.batch(4)
    expected = clf.evaluate(TEXTS, LABELS, return_dict=True, verbose=0)["loss"]
    for data in (dataset, named):
        measured = clf.evaluate(data, return_dict=True, verbose=0)["loss"]
        assert measured == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(
        clf.predict(texts, verbose=0), clf.predict(TEXTS, verbose=0), atol=1e-5
    )
    history = clf.fit(dataset, epochs=2, validation_data=named, verbose=0)
    assert len(history.history["val_loss"]) == 2
    endless = clf.fit(dataset.repeat(), epochs=2, steps_per_epoch=3, verbose=0)
    assert len(endless.history["loss"]) == 2


@pytest.mark.libraries
def test_the_preprocessor_maps_tf_data():
    tf = pytest.importorskip("tensorflow")
    clf = tiny_classifier()
    expected = clf.preprocessor(TEXTS)
    dataset = tf.data.Dataset.from_tensor_slices((TEXTS, IDS))
    for prepared in (
        dataset.map(clf.preprocessor, num_parallel_calls=2).batch(6),
        dataset.batch(6).map(clf.preprocessor),
    ):
        assert prepared.element_spec[0]["token_ids"].shape[1] == 16
        arrays, labels = next(prepared.as_numpy_iterator())
        assert labels.tolist() == IDS
        for key, value in expected.items():
            np.testing.assert_array_equal(arrays[key], value)
    bare = hub_tasks.TextClassifier(clf.backbone, labels=clf.labels)
    bare.fit(dataset.batch(3).map(clf.preprocessor), verbose=0)


def test_tokenised_data_without_a_preprocessor(clf):
    bare = hub_tasks.TextClassifier(clf.backbone, labels=clf.labels)
    arrays = clf.preprocessor(TEXTS)
    bare.set_weights(clf.get_weights())
    np.testing.assert_allclose(
        bare.predict(arrays, verbose=0), clf.predict(TEXTS, verbose=0), atol=1e-5
    )
    history = bare.fit(arrays, LABELS, validation_split=0.5, epochs=2, verbose=0)
    assert len(history.history["val_accuracy"]) == 2
    assert bare.classify(arrays)[0].label in bare.labels
    bare.evaluate(arrays, IDS, verbose=0)


def test_class_weights_reach_a_stream_of_tokenised_data(clf):
    class Tokenised(keras.utils.PyDataset):
        num_batches = 1

        def __getitem__(self, index):
            return clf.preprocessor(TEXTS), np.array(IDS)

    arrays = clf.preprocessor(TEXTS)
    losses = []
    for data in ((Tokenised(), None), (arrays, IDS)):
        keras.utils.set_random_seed(3)
        bare = hub_tasks.TextClassifier(tiny_classifier().backbone, labels=clf.labels)
        history = bare.fit(*data, class_weight={"positive": 5.0}, shuffle=False, verbose=0)
        losses.append(history.history["loss"][0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    unweighted = bare.evaluate(arrays, IDS, return_dict=True, verbose=0)["loss"]
    assert losses[0] > 1.5 * unweighted
    with pytest.raises(DataError, match="in memory"):
        bare.fit(Tokenised(), class_weight="balanced", verbose=0)


def test_a_step_is_traced_once(clf):
    calls = []

    def loss(targets, outputs):
        calls.append(outputs.shape)
        return keras.losses.sparse_categorical_crossentropy(targets, outputs, from_logits=True)

    clf.compile(loss=loss)
    for _ in range(2):
        clf.fit(TEXTS, LABELS, epochs=3, verbose=0)
    # On JAX and PyTorch Keras looks at the shapes once; PyTorch then calls it in every step.
    assert len(calls) == {"tensorflow": 1, "jax": 2, "torch": 1 + 6}[keras.backend.backend()]


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_a_frozen_classifier_keeps_its_weights(clf):
    clf.trainable = False
    before = first_weight(clf)
    clf.fit(TEXTS, LABELS, verbose=0)
    np.testing.assert_array_equal(first_weight(clf), before)


def test_compile_with_ones_own_choice(clf):
    clf.compile(
        optimizer=keras.optimizers.SGD(0.1),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    clf.fit(TEXTS, LABELS, verbose=0)
    assert float(clf.optimizer.learning_rate) == pytest.approx(0.1)


def test_what_was_compiled_before_is_measured_no_longer(clf):
    clf.compile(metrics=[keras.metrics.SparseTopKCategoricalAccuracy(1, name="first")])
    clf.compile(weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="second")])
    found = clf.evaluate(TEXTS, LABELS, return_dict=True, verbose=0)
    assert found.keys() == {"loss", "accuracy", "second"}


def test_the_auto_schedule_warms_up_and_decays_in_every_fit(clf):
    class Rates(keras.callbacks.Callback):
        def __init__(self):
            self.seen = []

        def on_train_batch_begin(self, batch, logs=None):
            self.seen.append(float(self.model.optimizer.learning_rate))

    for _ in range(2):
        rates = Rates()
        clf.fit(TEXTS * 4, LABELS * 4, batch_size=1, verbose=0, callbacks=[rates])
        assert rates.seen[0] < max(rates.seen)
        assert rates.seen[-1] < 0.1 * max(rates.seen)


def test_keras_files_keep_the_whole_classifier(clf, tmp_path):
    clf.save(tmp_path / "clf.keras")
    loaded = keras.models.load_model(tmp_path / "clf.keras")
    assert loaded.labels == clf.labels
    np.testing.assert_allclose(
        loaded.predict(TEXTS, verbose=0), clf.predict(TEXTS, verbose=0), atol=1e-6
    )


def test_a_preset_round_trip_keeps_everything(clf, tmp_path):
    clf.fit(TEXTS, LABELS, verbose=0)
    for weights_format in ("h5", "safetensors"):
        clf.save_to_preset(tmp_path / "preset", weights_format=weights_format)
        loaded = hub_tasks.TextClassifier.from_preset(tmp_path / "preset")
        assert type(loaded) is type(clf)
        assert (loaded.labels, loaded.problem_type) == (clf.labels, clf.problem_type)
        for a, b in zip(clf.weights, loaded.weights, strict=True):
            np.testing.assert_array_equal(
                keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b)
            )
        np.testing.assert_allclose(
            loaded.predict(TEXTS, verbose=0), clf.predict(TEXTS, verbose=0), atol=1e-6
        )
        again = loaded.fit(TEXTS, LABELS, verbose=0)
        assert np.isfinite(again.history["loss"][0])
