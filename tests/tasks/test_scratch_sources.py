"""What an encoder from scratch begins with: word vectors of a file, or a transformer."""

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.backbones import values
from hub_tasks.errors import DataError, PresetFormatError, VectorsError
from tests.checks.tiny import small, tiny_classifier, tiny_tokenizer

TEXTS = ["good film", "a bad bad film", "fine", "what a good day it is", "bad", "fine day"] * 3
LABELS = ["positive", "negative", "positive", "positive", "negative", "positive"] * 3
WORDS = ["good", "bad", "film", "fine"]  # of those in the texts; a file has no other
QUIET = {"verbose": 0}


def scratch(encoder="average_embedding", texts=TEXTS, labels=LABELS, **options):
    settings = small(encoder)
    return hub_tasks.TextClassifier.from_scratch(
        encoder, texts, labels, hyper_parameters=settings, **options
    )


def as_array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def fit(clf, **options) -> None:
    """So few steps that go so far that every weight with a gradient moves."""
    clf.compile(keras.optimizers.Adam(0.03))
    clf.fit(TEXTS, LABELS, epochs=3, validation_split=0, **options, **QUIET)


def assert_equal_weights(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


# --- word vectors of a file


def write(path, vectors):
    lines = [" ".join([word, *map(repr, map(float, row))]) for word, row in vectors.items()]
    path.write_text("\n".join([f"{len(lines)} {len(row_of(vectors))}", *lines]) + "\n")
    return path


def row_of(vectors):
    return next(iter(vectors.values()))


@pytest.fixture(scope="module")
def vectors():
    random = np.random.default_rng(9)
    return {word: random.normal(0, 2, 3).astype("float32") for word in [*WORDS, "unheard-of"]}


@pytest.fixture(scope="module")
def file(vectors, tmp_path_factory):
    return write(tmp_path_factory.mktemp("vectors") / "vectors.txt", vectors)


def vectors_of(clf) -> dict[str, np.ndarray]:
    table = as_array(clf.backbone.embedding.embeddings)
    return dict(zip(clf.preprocessor.tokenizer.vocabulary, table, strict=False))


@pytest.mark.parametrize("encoder", ["average_embedding", "cnn", "fast_ngram"])
def test_words_of_the_file_begin_with_its_vectors(encoder, file, vectors, capsys):
    # Those that are trained have a root mean square of 0.1; others are left as they are.
    scale = 0.1 / np.sqrt(np.mean([vectors[word] ** 2 for word in WORDS]))
    for handle, trainable in [(file, True), (str(file), False)]:
        found = vectors_of(scratch(encoder, word_vectors=handle, trainable_vectors=trainable))
        for word in WORDS:
            expected = vectors[word] * scale if trainable else vectors[word]
            np.testing.assert_allclose(found[word], expected, rtol=1e-6 * trainable)
        others = [row for word, row in found.items() if word not in WORDS]
        assert len(others) > 3
        assert all(np.abs(row).min() > 0 for row in others)
        assert "unheard-of" not in found
    assert f"{len(WORDS)} of 9 words found (55.6 % out of vocabulary)" in capsys.readouterr().out


def test_marks_of_how_words_were_written_are_no_words(tmp_path, capsys):
    texts = [f"a {text.title()}, a {text.upper()}" for text in TEXTS]
    given = dict.fromkeys([*WORDS, "[CAP]", "[CAPS]"], np.full(3, 9.0))
    for source in (write(tmp_path / "vectors.txt", given), "static_minilm_en"):  # has "cap"
        clf = scratch("cnn", texts, word_vectors=source)
        assert clf.preprocessor.tokenizer.marks == ("[CAP]", "[CAPS]")
        found = vectors_of(clf)
        assert f"of {len(found) - 3 - 2} words found" in capsys.readouterr().out
        assert np.ptp(found["[CAP]"]) > 0


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("spread", [0.02, 3.0])
def test_words_that_the_file_lacks_have_the_spread_of_the_others(spread, trainable, tmp_path):
    random = np.random.default_rng(4)
    words = [f"w{i}" for i in range(400)]
    known = {word: random.normal(0, spread, 6).astype("float32") for word in words[:250]}
    path = write(tmp_path / "vectors.txt", known)
    spread = 0.1 if trainable else spread
    data = {"texts": [" ".join(words)] * 2, "labels": ["a", "b"]}
    data |= {"word_vectors": path, "trainable_vectors": trainable}
    first, second = (scratch(**data) for _ in range(2))
    others = np.array([row for word, row in vectors_of(first).items() if word not in known])
    assert others.std() == pytest.approx(spread, rel=0.1)
    assert abs(others.mean()) < spread / 5
    assert not np.array_equal(vectors_of(first)["w399"], vectors_of(second)["w399"])
    keras.utils.set_random_seed(7)  # as at the beginning of this test
    again = scratch(**data)
    np.testing.assert_array_equal(vectors_of(first)["w399"], vectors_of(again)["w399"])


def test_a_file_without_most_words_is_told_of(tmp_path):
    path = write(tmp_path / "vectors.txt", {"good": np.ones(3)})
    with pytest.warns(UserWarning, match=r"1 of 9 words found.*most words begin at random"):
        scratch(word_vectors=path)


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("encoder", ["average_embedding", "kim_cnn"])
def test_vectors_are_trained_or_left_as_they_are(encoder, trainable, file, tmp_path):
    clf = scratch(encoder, word_vectors=file, trainable_vectors=trainable)
    before, rest = vectors_of(clf), values(clf.head_variables())
    fit(clf)
    after = vectors_of(clf)
    assert [w for w in WORDS if not np.array_equal(before[w], after[w])] == WORDS * trainable
    if not trainable:
        assert_equal_weights(before, after)
    assert any(not np.array_equal(v, values(clf.head_variables())[n]) for n, v in rest.items())
    table = clf.backbone.embedding.embeddings
    assert any(table is variable for variable in clf.trainable_variables) == trainable
    clf.save_to_preset(tmp_path / "preset")
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "preset")
    assert again.backbone.config["trainable_embedding"] is trainable
    assert_equal_weights(vectors_of(again), after)
    np.testing.assert_allclose(
        again.predict(TEXTS, **QUIET), clf.predict(TEXTS, **QUIET), atol=1e-6
    )
    fit(again)
    assert np.array_equal(vectors_of(again)["good"], after["good"]) == (not trainable)


def test_files_of_vectors_that_are_refused(file):
    missing = file.with_name("vector.txt")
    with pytest.raises(VectorsError, match=r"no such file.*Did you mean 'vectors\.txt'"):
        scratch(word_vectors=missing)
    with pytest.raises(VectorsError, match="no folder"):
        scratch(word_vectors=file.parent / "none" / "vectors.txt")
    with pytest.raises(VectorsError, match=r"have 3 dimensions.*=5"):
        scratch(word_vectors=file, embedding_dim=5)
    assert scratch(word_vectors=file, embedding_dim=3).backbone.config["embedding_dim"] == 3


def test_only_a_preset_of_averaged_embeddings_holds_vectors(tmp_path):
    scratch("cnn").save_to_preset(tmp_path / "cnn")
    with pytest.raises(PresetFormatError, match=r"preset of averaged embeddings.*word_vectors="):
        scratch(word_vectors=tmp_path / "cnn")


# --- a transformer


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """Family -> a small random transformer, and a preset of it; each made once."""
    made = {}

    def of(family: str = "bert"):
        if family not in made:
            directory = tmp_path_factory.mktemp("presets") / family
            clf = tiny_classifier(family, 24)
            clf.save_to_preset(directory)
            made[family] = clf, directory
        return made[family]

    return of


def as_preset(clf, directory):
    return {"embedding": directory}


def as_object(clf, directory):
    backbone = type(clf.backbone)(**clf.backbone.config)
    backbone.set_weights(clf.backbone.get_weights())
    return {"embedding": backbone, "tokenizer": clf.preprocessor.tokenizer}


EITHER = pytest.mark.parametrize("given", [as_preset, as_object])


def mean_of_states(clf, texts) -> np.ndarray:
    """The mean of a transformer's hidden states over the real tokens of each text alone."""
    found = []
    for text in texts:
        arrays = clf.preprocessor([text])
        real = arrays["padding_mask"][0].astype("bool")
        arrays = {name: array[:, real] for name, array in arrays.items()}
        states = clf.backbone(arrays, training=False)["sequence_output"]
        found.append(as_array(states)[0].mean(axis=0))
    return np.array(found)


@EITHER
@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_an_encoder_reads_the_hidden_states_of_a_transformer(family, given, preset):
    reference, directory = preset(family)
    sources = given(reference, directory)
    clf = scratch(**sources, largest=False)
    assert clf.preprocessor.tokenizer.vocabulary == reference.preprocessor.tokenizer.vocabulary
    arrays = clf.preprocessor(TEXTS[:4])
    assert set(arrays) == {"token_ids", "padding_mask"}
    found = as_array(clf.backbone(arrays, training=False)["pooled_output"])
    np.testing.assert_allclose(found, mean_of_states(reference, TEXTS[:4]), atol=1e-5)
    assert_equal_weights(
        values(dict(enumerate(clf.backbone.embedding.weights))),
        values(dict(enumerate(reference.backbone.weights))),
    )
    assert clf.backbone.config["max_sequence_length"] == 24
    assert clf.backbone.config["vocabulary_size"] == 40


@EITHER
@pytest.mark.parametrize("trainable", [None, False, True])
def test_a_transformer_is_frozen_unless_it_is_to_be_trained(trainable, given, preset, tmp_path):
    options = {} if trainable is None else {"trainable_embedding": trainable}
    clf = scratch("cnn", **given(*preset()), **options)
    embedding = clf.backbone.embedding
    before = values(dict(enumerate(embedding.weights)))
    fit(clf)
    after = values(dict(enumerate(embedding.weights)))
    trained = {id(variable) for variable in clf.trainable_variables}
    inside = [id(variable) in trained for variable in embedding.weights]
    if trainable:
        assert sum(inside) > 10
        moved = [not np.array_equal(before[i], after[i]) for i in before]
        assert sum(moved) > len(moved) / 2
    else:
        assert not any(inside)
        assert_equal_weights(before, after)
    assert len(trained) > 2
    clf.save_to_preset(tmp_path / "preset")
    clf.save(tmp_path / "clf.keras")
    loaded = keras.models.load_model(tmp_path / "clf.keras")
    outputs = clf.predict(TEXTS, **QUIET)
    for again in (hub_tasks.TextClassifier.from_preset(tmp_path / "preset"), loaded):
        assert again.backbone.config == clf.backbone.config
        assert again.backbone.config["trainable_embedding"] is bool(trainable)
        assert len(again.trainable_variables) == len(clf.trainable_variables)
        np.testing.assert_allclose(again.predict(TEXTS, **QUIET), outputs, atol=1e-6)


@pytest.mark.parametrize("trainable", [True, False])
def test_what_is_frozen_drops_nothing(trainable, preset):
    """A frozen transformer computes in training what it computes in prediction."""
    reference, directory = preset()
    assert reference.backbone.config["dropout"] > 0
    none = {"word_dropout": 0.0, "embedding_dropout": 0.0}
    clf = scratch(embedding=directory, trainable_embedding=trainable, **none)
    arrays = clf.preprocessor(TEXTS[:3])
    training, predicting = (
        as_array(clf.backbone(arrays, training=mode)["pooled_output"]) for mode in (True, False)
    )
    assert np.allclose(training, predicting, atol=1e-6) == (not trainable)


@EITHER
def test_batches_are_those_of_a_transformer(given, preset, tmp_path):
    clf = scratch(**given(*preset()))
    assert clf.recipe.predict_batch_size == preset()[0].recipe.predict_batch_size
    assert clf.recipe.predict_batch_size < scratch().recipe.predict_batch_size
    clf.predict([text for text in TEXTS for _ in range(10)], **QUIET)
    assert max(rows for rows, _ in clf.last_run.shapes) == clf.recipe.predict_batch_size
    clf.save_to_preset(tmp_path / "preset")
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "preset")
    assert again.recipe == clf.recipe


def test_the_shorter_of_both_lengths_counts(preset):
    assert scratch(embedding=preset()[1], max_sequence_length=9).preprocessor.sequence_length == 9
    clf = scratch(embedding=preset()[1], max_sequence_length=99)
    assert clf.preprocessor.sequence_length == 24


def test_what_is_no_transformer_is_refused(preset, file, tmp_path):
    reference, directory = preset()
    scratch("cnn").save_to_preset(tmp_path / "cnn")
    reference.backbone.save_to_preset(tmp_path / "without")
    backbone, tokenizer = reference.backbone, reference.preprocessor.tokenizer
    few = type(backbone)(**{**backbone.config, "vocabulary_size": 20})
    cases = [
        ({"embedding": tmp_path / "cnn"}, PresetFormatError, "preset of a transformer"),
        ({"embedding": tmp_path / "without"}, PresetFormatError, "with its tokenizer"),
        ({"embedding": backbone}, DataError, r"no tokenizer.*tokenizer=None"),
        ({"embedding": scratch().backbone, "tokenizer": tokenizer}, DataError, "transformer back"),
        ({"embedding": reference, "tokenizer": tokenizer}, DataError, "`embedding` must be"),
        ({"embedding": 3}, DataError, r"`embedding` must be.*embedding="),
        ({"embedding": directory, "word_vectors": file}, DataError, "Pass either"),
        ({"embedding": few, "tokenizer": tokenizer}, DataError, "only 20 rows"),
        ({"tokenizer": tokenizer}, DataError, r"`tokenizer`.*embedding"),
        ({"trainable_vectors": False}, DataError, r"`word_vectors` has them.*False"),
    ]
    for options, error, message in cases:
        with pytest.raises(error, match=message):
            scratch(**options)


def test_another_tokenizer_takes_the_place_of_the_presets(preset):
    tokenizer = tiny_tokenizer("bert", lowercase=False)
    clf = scratch(embedding=preset()[1], tokenizer=tokenizer)
    assert clf.preprocessor.tokenizer is tokenizer


def test_a_transformer_may_read_pairs(preset):
    clf = scratch(texts=(TEXTS, TEXTS[::-1]), embedding=preset()[1])
    reference = preset()[0]
    pair = ["good film"], ["bad day"]
    ids = clf.preprocessor(pair)["token_ids"]
    expected = reference.preprocessor(pair)["token_ids"]
    np.testing.assert_array_equal(ids, expected)
    assert clf.predict(pair, **QUIET).shape == (1, 2)
    between = clf.backbone.config["pair_separator"]
    assert clf.preprocessor.tokenizer.id_to_token(between) == "[SEP]"
