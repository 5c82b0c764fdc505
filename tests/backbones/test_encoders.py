"""The small encoders: what each computes, what it accepts, and encoders of one's own."""

import json
import sys
import types

import keras
import numpy as np
import pytest

import hub_tasks
from hub_tasks.backbones import BACKBONES
from hub_tasks.backbones.hyper_parameters import hyper_parameters
from hub_tasks.errors import DataError, PresetFormatError
from hub_tasks.families import ENCODERS, FAMILIES
from tests.checks.tiny import ENCODERS_OF_OURS, LABELS, TEXTS, small, tiny_encoder

LENGTHS = (5, 1, 9)
BUCKETS = {"bigram_buckets": 16, "part_buckets": 16}
HALF = {"bilstm": "bfloat16", "cnn_gru": "mixed_float16", "cnn_attention": "mixed_float16"}


class StackedBiLSTMBackbone(hub_tasks.EncoderBackbone):
    """As a user would write it: no part of the library but the base class."""

    def encode(self, x, mask, *, units: int = 3, layers: int = 2):
        for _ in range(layers):
            lstm = keras.layers.LSTM(units, return_sequences=True)
            x = keras.layers.Bidirectional(lstm)(x, mask=mask)
        return x[:, 0]


def inputs(width: int, rows=slice(None), padding: int = 0):
    """Rows of `LENGTHS` tokens, the same ones whatever the width."""
    ids = np.random.default_rng(3).integers(3, 40, (len(LENGTHS), max(LENGTHS)))
    lengths = np.array(LENGTHS)[rows]
    token_ids = np.full((len(lengths), width), padding, "int32")
    for row, (tokens, length) in enumerate(zip(ids[rows], lengths, strict=True)):
        token_ids[row, :length] = tokens[:length]
    mask = (np.arange(width) < lengths[:, None]).astype("int32")
    return {"token_ids": token_ids, "padding_mask": mask}


def pooled(backbone, x) -> np.ndarray:
    """The vectors of texts; what is compiled for it serves for the next call as well."""
    return backbone.predict_on_batch(x)["pooled_output"]


@pytest.fixture(scope="module")
def built():
    """Encoder -> a random one of it that is made once."""
    made = {}

    def of(name: str):
        if name not in made:
            made[name] = tiny_encoder(name, **BUCKETS)
        return made[name]

    return of


@pytest.mark.backend
@pytest.mark.parametrize("name", [*ENCODERS_OF_OURS, "stacked_bi_lstm"])
def test_a_text_is_what_it_is_whatever_stands_beside_it(name, built):
    backbone = built(name)
    together = pooled(backbone, inputs(14))
    assert together.shape == (3, backbone.output["pooled_output"].shape[-1])
    assert np.isfinite(together).all()
    alone = inputs(LENGTHS[0], slice(1))
    np.testing.assert_allclose(together[:1], pooled(backbone, alone), atol=1e-6)
    np.testing.assert_allclose(together, pooled(backbone, inputs(14, padding=7)), atol=1e-6)
    assert np.ptp(together, axis=0).max() > 1e-6


@pytest.mark.backend
@pytest.mark.parametrize("name", [*ENCODERS_OF_OURS, "stacked_bi_lstm"])
def test_a_text_is_what_it_is_in_a_batch_that_no_processor_holds(name, built):
    few, times = inputs(14), 2**14
    many = {key: np.tile(array, (times, 1)) for key, array in few.items()}
    found = pooled(built(name), many)
    np.testing.assert_allclose(found, np.tile(pooled(built(name), few), (times, 1)), atol=1e-6)


@pytest.mark.parametrize("name", ENCODERS_OF_OURS)
def test_every_weight_counts_and_has_a_name_of_its_own(name, built):
    first, second = built(name), tiny_encoder(name, **BUCKETS)
    weights = first.named_weights()
    assert {id(v) for v in weights.values()} == {id(v) for v in first.trainable_weights}
    shapes = {n: tuple(v.shape) for n, v in weights.items()}
    assert shapes == {n: tuple(v.shape) for n, v in second.named_weights().items()}
    assert shapes["embedding/embeddings"] == (40, 6)
    assert shapes["bigrams/table/embeddings"] == (16, 6)
    assert shapes["word_parts/table/embeddings"] == (17, 6)  # one for no part
    x, kept = inputs(14), first.get_weights()
    for variable in weights.values():  # large enough to be seen through any activation
        variable.assign(np.random.default_rng(1).normal(size=variable.shape))
    before = pooled(first, x)
    for path, variable in weights.items():
        value = np.array(variable)
        variable.assign(value + np.random.default_rng(2).normal(size=variable.shape))
        assert np.abs(pooled(first, x) - before).max() > 1e-5, path
        variable.assign(value)
    first.set_weights(kept)


@pytest.mark.parametrize("name", ENCODERS_OF_OURS)
def test_its_configuration_makes_an_equal_one(name, built):
    backbone = built(name)
    config = json.loads(json.dumps(backbone.get_config()))
    again = type(backbone).from_config(config)
    assert again.config == backbone.config
    assert again.name == backbone.name
    shapes = [{n: v.shape for n, v in b.named_weights().items()} for b in (backbone, again)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", ENCODERS_OF_OURS)
def test_it_computes_in_half_precision(name, built):
    policy = HALF.get(name, "mixed_bfloat16")
    before = keras.config.dtype_policy().name
    full, half = built(name), tiny_encoder(name, dtype=policy, **BUCKETS)
    assert keras.config.dtype_policy().name == before
    assert half.dtype_policy.name == policy
    stored, computed = half.dtype_policy.variable_dtype, half.dtype_policy.compute_dtype
    assert {keras.backend.standardize_dtype(v.dtype) for v in half.trainable_weights} == {stored}
    for variable, value in zip(half.weights, full.get_weights(), strict=True):
        variable.assign(value.astype(variable.dtype))
    x = inputs(14)
    vectors = half(x)["pooled_output"]
    assert keras.backend.standardize_dtype(vectors.dtype) == computed
    vectors = keras.ops.convert_to_numpy(keras.ops.cast(vectors, "float32"))
    np.testing.assert_allclose(vectors, pooled(full, x), atol=0.05)


def test_a_failure_leaves_the_policy_as_it_was():
    before = keras.config.dtype_policy().name
    with pytest.raises(DataError):
        tiny_encoder("cnn", dtype="mixed_bfloat16", embedding_dropout=2.0)
    assert keras.config.dtype_policy().name == before


def test_pairs_of_neighbours_tell_the_order_of_tokens():
    forth = {"token_ids": np.array([[5, 6, 7]]), "padding_mask": np.ones((1, 3), "int32")}
    back = {**forth, "token_ids": np.array([[7, 6, 5]])}
    plain, pairs = (tiny_encoder("average_embedding", bigram_buckets=n) for n in (0, 500))
    table = pairs.get_layer("bigrams").table.embeddings
    table.assign(np.random.default_rng(0).normal(size=table.shape))  # they begin as zeros
    np.testing.assert_allclose(pooled(plain, forth), pooled(plain, back), atol=1e-6)
    assert np.abs(pooled(pairs, forth) - pooled(pairs, back)).max() > 1e-4


@pytest.mark.parametrize("name", [*ENCODERS_OF_OURS, "stacked_bi_lstm"])
def test_pairs_are_seen_by_the_bag_and_not_by_what_stands_beside_it(name):
    backbone = tiny_encoder(name, bigram_buckets=16)
    table, x = backbone.get_layer("bigrams").table.embeddings, inputs(14)
    before = pooled(backbone, x)
    table.assign(10 * np.random.default_rng(0).normal(size=table.shape))
    changed = np.ptp(pooled(backbone, x) - before, axis=0) > 1e-5
    bag = 2 * table.shape[-1] if backbone.beside_bag else len(changed)
    assert not changed[:-bag].any()
    assert changed[-bag:].any()


@pytest.mark.parametrize("name", [n for n in ENCODERS_OF_OURS if BACKBONES[n].beside_bag])
def test_some_texts_train_the_bag_alone(name):
    backbone = tiny_encoder(name, word_dropout=0.0, embedding_dropout=0.0)
    x = {key: np.repeat(rows, 500, axis=0) for key, rows in inputs(5, slice(1)).items()}
    trained = keras.ops.convert_to_numpy(backbone(x, training=True)["pooled_output"])
    bag = 2 * backbone.config["embedding_dim"]
    alone = ~trained[:, :-bag].any(axis=1)
    assert abs(alone.mean() - backbone.branch_dropout) < 0.1  # over four deviations
    expected = pooled(backbone, x)
    np.testing.assert_allclose(trained[:, -bag:], expected[:, -bag:], atol=1e-6)
    scaled = expected[~alone, :-bag] / (1 - backbone.branch_dropout)
    np.testing.assert_allclose(trained[~alone, :-bag], scaled, atol=1e-6)


def test_a_dense_layer_over_the_bag():
    backbone, x = tiny_encoder("average_embedding", hidden=4, largest=False), inputs(14)
    weights = {name: np.array(v) for name, v in backbone.named_weights().items()}
    vectors, mask = weights["embedding/embeddings"][x["token_ids"]], x["padding_mask"][..., None]
    mean = (vectors * mask).sum(1) / mask.sum(1)
    expected = np.maximum(mean @ weights["hidden/kernel"] + weights["hidden/bias"], 0)
    np.testing.assert_allclose(pooled(backbone, x), expected, atol=1e-6)
    assert expected.shape == (3, 4)
    assert expected.any()


@pytest.mark.backend
def test_ngrams_stand_apart_from_words():
    backbone = tiny_encoder("fast_ngram", ngram_rows=10, bigram_buckets=16)
    table = np.array(keras.ops.convert_to_numpy(backbone.embedding.embeddings))
    token_ids = np.array([[5, 6, 31, 35], [7, 38, 0, 0], [8, 0, 0, 0]], "int32")
    mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], "int32")
    found = pooled(backbone, {"token_ids": token_ids, "padding_mask": mask})
    bags = [
        [[5, 6], [31, 35]],  # pairs begin at zero
        [[7], [38]],
        [[8], None],
    ]
    for vector, (words, ngrams) in zip(found, bags, strict=True):
        none = np.zeros((1, 6))
        both = table[words], none if ngrams is None else table[ngrams]
        expected = np.concatenate([f(x, axis=0) for x in both for f in (np.mean, np.max)])
        np.testing.assert_allclose(vector, expected, atol=1e-6)


def test_ngrams_are_not_all_that_a_table_holds():
    with pytest.raises(DataError, match=r"rows are of n-grams.*ngram_rows=40"):
        tiny_encoder("fast_ngram", ngram_rows=40)


def wrong_values(field) -> list:
    """Values of another type than a hyper-parameter's, or out of its range."""
    if field.choices:
        return ["yes", None, 3]
    if field.many:
        return ["3", None, [], (), 3, (field.minimum - 1,), ("3",), (1,) * 65]
    wrong = ["3", None, [], {}, field.minimum - 1, field.maximum + 1, float("nan"), True]
    return wrong + [2.5] * isinstance(field.minimum, int)


@pytest.mark.parametrize("name", ENCODERS_OF_OURS)
def test_every_hyper_parameter_changes_the_shape(name):
    def shape(**changed):
        backbone = tiny_encoder(name, **changed)
        return backbone.count_params(), backbone.output["pooled_output"].shape[-1]

    for parameter in hyper_parameters(BACKBONES[name]):
        value = tiny_encoder(name).config[parameter.name]
        other = (*value, 5) if isinstance(value, tuple) else type(value)(not value)
        other = value + 1 if type(value) is int else other
        assert shape(**{parameter.name: other}) != shape(), parameter.name


@pytest.mark.parametrize("name", ["kim_cnn", "cnn_attention"])
def test_a_width_may_stand_twice(name, tmp_path):
    """As in Zhang and Wallace, 2015, https://arxiv.org/abs/1510.03820."""
    backbone = tiny_encoder(name, widths=(3, 2, 3))
    backbone.save_to_preset(tmp_path / "preset")
    again = hub_tasks.Backbone.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(pooled(again, inputs(9)), pooled(backbone, inputs(9)))


@pytest.mark.parametrize("name", ENCODERS_OF_OURS)
def test_values_of_another_type_or_range_are_refused(name):
    fields = [field for field in ENCODERS[name].config if not field.nested]
    for key, value in [(field.name, value) for field in fields for value in wrong_values(field)]:
        with pytest.raises(DataError, match=rf"{key}.*Received"):
            BACKBONES[name](**{"vocabulary_size": 9, key: value})


def test_what_an_encoder_does_not_have_is_refused_with_what_is_close():
    with pytest.raises(DataError, match=r"no 'filtres'\. Did you mean 'filters'.*filtres=3"):
        hub_tasks.CNNBackbone(vocabulary_size=9, filtres=3)
    with pytest.raises(PresetFormatError, match="Did you mean 'kim_cnn'"):
        hub_tasks.encoder_defaults("kimcnn")
    with pytest.raises(PresetFormatError, match="Unknown encoder"):
        hub_tasks.encoder_defaults(["cnn"])


def test_scalars_of_numpy_are_numbers():
    backbone = tiny_encoder("cnn", filters=np.int64(5), embedding_dropout=np.float32(0.25))
    assert backbone.config["filters"] == 5
    json.dumps(backbone.config)


@pytest.mark.parametrize("name", ENCODERS_OF_OURS)
def test_defaults_are_complete_and_documented(name):
    defaults = hub_tasks.encoder_defaults(name)
    defaults.clear()
    defaults = hub_tasks.encoder_defaults(name)
    cls = BACKBONES[name]
    own = {field.name for field in ENCODERS[name].config} - {"vocabulary_size", "embedding"}
    assert set(defaults) == own | set(cls.text_defaults)
    assert getattr(hub_tasks, cls.__name__) is cls
    for hyper_parameter in own - set(hub_tasks.EncoderBackbone.__doc__.replace(":", "").split()):
        assert f"{hyper_parameter}:" in cls.__doc__


def defined(code: str, module: str) -> type:
    """The class that `code` defines in a module of this name."""
    made = types.ModuleType(module)
    sys.modules[module] = made
    try:
        exec("import hub_tasks\n" + code, made.__dict__)
        return next(v for v in vars(made).values() if isinstance(v, type))
    finally:
        del sys.modules[module]


FIRST = """
class {name}(hub_tasks.EncoderBackbone):
    def encode(self, x, mask, *, scale: float = {scale}):
        return x[:, 0] * scale
"""


def test_a_class_may_be_defined_anew():
    for scale in (1.0, 2.0):
        cls = defined(FIRST.format(name="NotebookBackbone", scale=scale), "notebook")
        assert BACKBONES["notebook"] is cls
        assert hub_tasks.encoder_defaults("notebook")["scale"] == scale
        assert keras.saving.get_registered_object("hub_tasks>NotebookBackbone") is cls


@pytest.mark.parametrize("name", ["CNNBackbone", "BiLSTMBackbone", "BertBackbone", "Cnn"])
def test_a_name_that_is_taken_is_refused(name):
    before = dict(BACKBONES), dict(ENCODERS)
    with pytest.raises(DataError, match=rf"belongs to hub_tasks\..*name='{name}'"):
        defined(FIRST.format(name=name, scale=1.0), "elsewhere")
    assert (dict(BACKBONES), dict(ENCODERS)) == before


@pytest.mark.parametrize(
    ("parameter", "accepted", "refused"),
    [
        ("kind: Literal['a', 'b'] = 'a'", ["b"], ["c", 1]),
        ("flag: bool = False", [True], [1, "yes"]),
        ("widths: tuple = (1, 2)", [(3,), [4, 5]], [(), (0,), 3]),
        ("depth: int = 0", [0, 2], [-1, 1.0]),
        ("units: int = 4", [1], [0, True]),
        ("rate: float = 0.5", [0, 1.5], [-0.5, "x"]),
    ],
)
def test_what_hyper_parameters_may_be(parameter, accepted, refused):
    name = parameter.partition(":")[0]
    code = f"""
from typing import Literal
class Probe{name.title()}(hub_tasks.EncoderBackbone):
    def encode(self, x, mask, *, {parameter}):
        return x[:, 0]
"""
    cls = defined_last(code)
    for value in accepted:
        assert cls(vocabulary_size=9, embedding_dim=2, **{name: value}) is not None
    for value in refused:
        with pytest.raises(DataError, match=name):
            cls(vocabulary_size=9, embedding_dim=2, **{name: value})


def defined_last(code: str) -> type:
    names = {"__name__": "probes"}
    exec("import hub_tasks\n" + code, names)
    return [v for v in names.values() if isinstance(v, type)][-1]


def test_a_default_that_no_configuration_can_hold():
    with pytest.raises(TypeError, match=r"the default of layer must be.*Received"):
        defined_last(
            "class Odd(hub_tasks.EncoderBackbone):\n"
            "    def encode(self, x, mask, *, layer=object()):\n        return x"
        )
    assert "odd" not in BACKBONES


def test_a_class_without_encode_says_so():
    cls = defined_last("class Empty(hub_tasks.EncoderBackbone):\n    pass")
    with pytest.raises(NotImplementedError, match="Empty must define `encode`"):
        cls(vocabulary_size=9)


@pytest.mark.backend
def test_an_encoder_of_ones_own_gets_all_the_rest(tmp_path):
    settings = small("stacked_bi_lstm", units=4)
    clf = hub_tasks.TextClassifier.from_scratch(
        "stacked_bi_lstm", TEXTS, LABELS, hyper_parameters=settings
    )
    clf.fit(TEXTS, LABELS, epochs=1, validation_split=0, verbose=0)
    assert clf.last_run.texts == len(TEXTS)
    assert {width for _, width in clf.last_run.shapes} <= {4, 8, 12, 24}
    outputs = clf.predict(TEXTS, verbose=0)
    assert type(clf.backbone) is StackedBiLSTMBackbone
    clf.save_to_preset(tmp_path / "preset")
    clf.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for again in (hub_tasks.TextClassifier.from_preset(tmp_path / "preset"), loaded):
        assert type(again.backbone) is StackedBiLSTMBackbone
        assert again.labels == ("negative", "positive")
        assert again.backbone.config == clf.backbone.config
        np.testing.assert_allclose(again.predict(TEXTS, verbose=0), outputs, atol=1e-6)


class PoolingBackbone(hub_tasks.EncoderBackbone):
    """Whose layers have the names of layers of the transformer below it, and their shapes."""

    def encode(self, x, mask):
        return keras.layers.Dense(8, name="pooled_dense")(x[:, 0])


@pytest.mark.parametrize("trainable", [True, False])
def test_layers_of_one_name_keep_their_weights_apart(trainable, tmp_path):
    bert = hub_tasks.BertBackbone(**FAMILIES["bert"].tiny)
    made = PoolingBackbone(embedding=bert, trainable_embedding=trainable)
    for number, variable in enumerate(made.weights):
        variable.assign(np.full(variable.shape, number, "float32"))
    paths = [variable.path for variable in made.weights]
    assert len(set(paths)) == len(paths) - 2  # kernel and bias of both layers
    assert {id(v) for v in made.named_weights().values()} == {id(v) for v in made.weights}
    for weights_format in ("h5", "safetensors"):
        made.save_to_preset(tmp_path / weights_format, weights_format)
        again = PoolingBackbone.from_preset(tmp_path / weights_format)
        stored = [np.unique(keras.ops.convert_to_numpy(v)).tolist() for v in again.weights]
        assert stored == [[number] for number in range(len(paths))]
