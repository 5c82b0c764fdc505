"""Vectors distilled from a transformer: what they are, and what is begun with them."""

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.errors import DataError, PresetFormatError, PresetNotFoundError
from hub_tasks.families import FAMILIES
from hub_tasks.training.distillation import components
from tests.checks.tiny import LETTERS, WORDS, special_tokens, tiny_classifier, tiny_tokenizer

OFFSET = 20.0
# Words and pieces in the order of their frequency, and single characters, which have ranks of
# their own, among tokens that no text holds.
VOCABULARY = ["[unused0]", *WORDS, "!", ",", "4", *LETTERS[:6], "\u00e9", "##a", "##b"]
NARROW = ["albert", "electra", "mobilebert"]  # whose table is narrower than their hidden states


def classifier(family: str = "bert") -> hub_tasks.TextClassifier:
    clf = tiny_classifier(family)
    if family == "bert":
        vocabulary = [*special_tokens(FAMILIES["bert"]), *VOCABULARY]
        tokenizer = tiny_tokenizer("bert", vocabulary=vocabulary)
        clf.preprocessor = hub_tasks.BertTextClassifierPreprocessor(tokenizer, 16)
    return clf


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """Family -> a preset of a small transformer, and the classifier in it; each made once."""
    made = {}

    def of(family: str = "bert"):
        if family not in made:
            keras.utils.set_random_seed(11)
            directory = tmp_path_factory.mktemp("presets") / family
            clf = classifier(family)
            clf.save_to_preset(directory)
            made[family] = directory, clf
        return made[family]

    return of


def distilled(directory, *arguments, **options) -> hub_tasks.AverageEmbeddingBackbone:
    return hub_tasks.distill_vectors(directory, *arguments, verbose=False, **options)


def vectors_of(encoder) -> np.ndarray:
    return keras.ops.convert_to_numpy(encoder.embedding.embeddings)


def table_of(clf) -> np.ndarray:
    table = clf.backbone.get_layer("token_embedding").embeddings
    return keras.ops.convert_to_numpy(table)[: len(clf.preprocessor.tokenizer.vocabulary)]


def frequencies(tokenizer, offset: float) -> np.ndarray:
    """1 / (rank + offset): words by their place, characters as if they stood further down."""
    found, place = [], 0
    for token in tokenizer.vocabulary:
        if token in tokenizer.special_tokens or token.startswith("[unused"):
            rank = 1e9
        elif len(token) == 1 and ord(token) > 127:
            rank = 20_000
        elif len(token) == 1:
            rank = 300 if token.isalnum() else 10
        else:
            place += 1
            rank = place
        found.append(1 / (rank + offset))
    return np.array(found)


def principal_components(rows, weights, dimensions) -> np.ndarray:
    values, axes = np.linalg.eigh(np.cov(rows.T, aweights=weights, ddof=0))
    axes = axes[:, np.argsort(-values)[:dimensions]]
    projected = (rows - np.average(rows, axis=0, weights=weights)) @ axes
    return projected / np.sqrt((projected**2).mean())


def assert_equal_up_to_signs(found, expected):
    assert found.shape == expected.shape
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, rtol=1e-5, atol=1e-5)


def assert_is_distilled(encoder, rows, tokenizer, dimensions):
    """The encoder's vectors are the principal components of the rows, but for special tokens."""
    expected = principal_components(rows, frequencies(tokenizer, OFFSET), dimensions)
    special = [tokenizer.token_to_id(token) for token in tokenizer.special_tokens]
    expected[special] = 0
    found = vectors_of(encoder)
    assert_equal_up_to_signs(found, expected)
    assert (found[special] == 0).all()
    assert encoder.config["vocabulary_size"] == len(tokenizer.vocabulary)
    assert encoder.config["embedding_dim"] == dimensions


def test_components_of_weighted_rows():
    random = np.random.default_rng(3)
    rows = (random.normal(size=(50, 5)) * [5, 4, 3, 2, 1] + 7).astype("float32")
    weights = random.uniform(0.1, 3, 50)
    for dimensions in (1, 3, 5):
        found = components(rows, weights, dimensions)
        assert found.dtype == "float32"
        assert np.sqrt((found.astype("float64") ** 2).mean()) == pytest.approx(1, rel=1e-5)
        assert_equal_up_to_signs(found, principal_components(rows, weights, dimensions))
    several = np.repeat(rows, np.arange(50) % 3, axis=0)  # so often, or with such a weight
    expected = components(several, np.ones(len(several)), 2)
    found = np.repeat(components(rows, np.arange(50.0) % 3, 2), np.arange(50) % 3, axis=0)
    found *= expected.std() / found.std()  # which rows without a weight have a part in
    assert_equal_up_to_signs(found, expected)


@pytest.mark.parametrize("family", ["bert", "roberta", *NARROW])
def test_input_states_are_the_table_of_embeddings(family, preset):
    directory, clf = preset(family)
    encoder = distilled(directory, 3, zipf_offset=OFFSET)
    assert_is_distilled(encoder, table_of(clf), clf.preprocessor.tokenizer, 3)
    assert encoder.config["max_sequence_length"] == clf.backbone.config["max_sequence_length"]
    assert encoder.config["largest"] is True


@pytest.mark.parametrize("family", ["bert", "roberta", "electra"])
def test_output_states_are_those_of_each_token_on_its_own(family, preset):
    directory, clf = preset(family)
    tokenizer, backbone, rows = clf.preprocessor.tokenizer, clf.backbone, []
    start, end = (tokenizer.special_ids[role] for role in ("start", "end"))
    for i in range(len(tokenizer.vocabulary)):
        known = {"token_ids": [[start, i, end]], "padding_mask": [[1, 1, 1]]}
        inputs = {name: np.array(known.get(name, [[0, 0, 0]]), "int32") for name in backbone.input}
        states = backbone(inputs, training=False)["sequence_output"]
        rows.append(keras.ops.convert_to_numpy(states)[0].mean(axis=0))
    encoder = distilled(directory, 8, "output", zipf_offset=OFFSET)
    assert_is_distilled(encoder, np.array(rows), tokenizer, 8)


@pytest.mark.parametrize("family", NARROW)
def test_there_are_as_many_dimensions_as_the_states_have(family, preset):
    directory, _ = preset(family)
    assert distilled(directory, 6).config["embedding_dim"] == 6
    with pytest.raises(DataError, match=r"from 1 to 6, .*input.*Received: dimensions=7"):
        distilled(directory, 7)
    with pytest.raises(DataError, match=r"from 1 to 8, .*output.*Received: dimensions=9"):
        distilled(directory, 9, "output")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), r"from 1 to 8.*dimensions=0"),
        ((2.0,), r"from 1 to 8.*dimensions=2\.0"),
        ((True,), r"from 1 to 8.*dimensions=True"),
        ((4, "hidden"), r"one of input, output.*states='hidden'"),
    ],
)
def test_arguments_that_are_refused(arguments, message, preset):
    with pytest.raises(DataError, match=message):
        distilled(preset()[0], *arguments)


def test_a_preset_without_transformer_or_tokenizer_is_refused(preset, tmp_path):
    _, clf = preset()
    clf.backbone.save_to_preset(tmp_path / "backbone")
    distilled(preset()[0], 3).save_to_preset(tmp_path / "vectors")
    for name in ("backbone", "vectors"):
        with pytest.raises(PresetNotFoundError, match=f"transformer with its tokenizer.*{name}"):
            distilled(tmp_path / name, 3)


@pytest.mark.parametrize("states", ["input", "output"])
def test_a_vocabulary_that_outgrows_the_table_is_refused(states, tmp_path):
    hub_tasks.save_to_transformers(tiny_classifier(), tmp_path / "preset")
    for file in tmp_path.glob("preset/tokenizer*"):
        file.unlink()
    words = [*special_tokens(FAMILIES["bert"]), *WORDS, *LETTERS, *(f"w{i}" for i in range(9))]
    (tmp_path / "preset" / "vocab.txt").write_text("\n".join(words) + "\n")
    with pytest.raises(PresetFormatError, match="has 46 tokens, its embedding only 40 rows"):
        distilled(tmp_path / "preset", 3, states)


@pytest.fixture(scope="module")
def saved(preset, tmp_path_factory):
    """Distilled vectors, and the preset that they were saved as."""
    encoder = distilled(preset()[0], 3)
    directory = tmp_path_factory.mktemp("distilled") / "vectors"
    encoder.save_to_preset(directory)
    return encoder, directory


def test_a_preset_holds_vectors_and_tokenizer(saved, preset):
    encoder, directory = saved
    again = hub_tasks.AverageEmbeddingBackbone.from_preset(directory)
    assert again.config == encoder.config
    np.testing.assert_array_equal(vectors_of(again), vectors_of(encoder))
    clf = hub_tasks.TextClassifier.from_preset(directory, labels=["no", "yes"])
    np.testing.assert_array_equal(vectors_of(clf.backbone), vectors_of(encoder))
    teacher = preset()[1].preprocessor.tokenizer
    assert clf.preprocessor.tokenizer.vocabulary == teacher.vocabulary
    texts = ["Good film!", "bb caf\u00e9", "what a day, xx"]
    assert [clf.preprocessor.tokenizer(t) for t in texts] == [teacher(t) for t in texts]


@pytest.mark.parametrize(
    ("word", "pieces"),
    [
        ("good", ["good"]),
        ("bb", ["b", "##b"]),
        ("abba", ["a", "##b", "##b", "##a"]),
        ("zz", None),  # which the teacher does not know
    ],
)
def test_words_begin_with_the_mean_of_their_pieces(word, pieces, saved):
    encoder, directory = saved
    texts = ["good bb abba", "good zz"] * 5
    clf = hub_tasks.TextClassifier.from_scratch(
        "average_embedding",
        texts,
        ["a", "b"] * 5,
        word_vectors=directory,
        trainable_vectors=False,
    )
    tokenizer = hub_tasks.TextClassifierPreprocessor.from_preset(directory).tokenizer
    table = vectors_of(encoder)
    row = vectors_of(clf.backbone)[clf.preprocessor.tokenizer.token_to_id(word)]
    if pieces is None:
        assert np.abs(row).min() > 0
        assert not np.isclose(table, row).all(axis=1).any()
    else:
        ids = [tokenizer.token_to_id(piece) for piece in pieces]
        np.testing.assert_allclose(row, table[ids].mean(axis=0), rtol=1e-6)
    assert clf.backbone.config["embedding_dim"] == 3


def test_vectors_of_another_size_than_asked_for_are_refused(saved):
    with pytest.raises(DataError, match=r"have 3 dimensions.*embedding_dim=5"):
        hub_tasks.TextClassifier.from_scratch(
            "average_embedding", ["a", "b"], ["a", "b"], word_vectors=saved[1], embedding_dim=5
        )
