"""Weight rules: the same line reads and writes, for every family and both kinds of file."""

import numpy as np
import pytest

from hub_tasks.backbones import BACKBONES
from hub_tasks.errors import PresetWeightsError
from hub_tasks.families import FAMILIES, LayerRule, Tensor
from hub_tasks.presets.weights import Weights

SIZES = {"num_layers": 3, "num_heads": 2}
SHAPES = {  # of one piece, with sides that all differ
    "kernel": (6, 4),
    "bias": (4,),
    "gamma": (6,),
    "beta": (6,),
    "embeddings": (10, 6),
}
RULES = {
    f"{family.name} {i} {rule.ours} in {dialect}": (rule, dialect, family)
    for family in FAMILIES.values()
    for i, rule in enumerate((*family.layers, *family.head))
    for dialect in ("keras", "transformers")
}


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    *shape, width = SHAPES[tensor.ours.rpartition("/")[2]]
    return (*shape, width * len(tensor.names))


class Memory:
    """An open file of tensors in memory."""

    where = "weights of preset ./p"

    def __init__(self, tensors):
        self.tensors = tensors
        self.was_read = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    @property
    def shapes(self):
        return {name: value.shape for name, value in self.tensors.items()}

    def dtype(self, name):
        return self.tensors[name].dtype

    def read(self, name):
        self.was_read.append(name)
        return self.tensors[name]


@pytest.mark.parametrize(("rule", "dialect", "family"), RULES.values(), ids=RULES)
def test_every_rule_reads_what_it_writes(rule: LayerRule, dialect, family):
    rng = np.random.default_rng(0)
    tensors = list(rule.tensors(dialect, family.complete(family.tiny)))
    assert tensors
    for tensor in tensors:
        value = rng.normal(size=shape_of(tensor)).astype("f4")
        pieces = tensor.encode(value)
        assert len(pieces) == len(tensor.names)
        assert [piece.shape for piece in pieces] == tensor.shapes(value.shape)
        np.testing.assert_array_equal(tensor.decode(pieces, value.shape), value)


@pytest.mark.parametrize("dialect", ["keras", "transformers"])
@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_names_are_distinct_and_cover_the_model(family, dialect):
    backbone = BACKBONES[family.name](**family.tiny)
    tensors = [t for rule in family.layers for t in rule.tensors(dialect, backbone.config)]
    ours = [tensor.ours for tensor in tensors]
    theirs = [name for tensor in tensors for name in tensor.names]
    assert len(set(theirs)) == len(theirs)
    assert sorted(ours) == sorted(variable.path for variable in backbone.weights)
    shapes = {variable.path: tuple(variable.shape) for variable in backbone.weights}
    for tensor in tensors:
        sizes = [np.prod(shape) for shape in tensor.shapes(shapes[tensor.ours])]
        assert sum(sizes) == np.prod(shapes[tensor.ours])


def test_layouts_worked_by_hand():
    rules = {rule.ours: rule for rule in FAMILIES["bert"].layers}
    fused = rules["transformer_layer_{i}/attention/query_key_value"]
    ours = np.arange(48).reshape(4, 12)  # columns: query 0-3, key 4-7, value 8-11
    kernel, bias = fused.tensors("transformers", {**SIZES, "num_layers": 1})
    assert kernel.names == tuple(
        f"encoder.layer.0.attention.self.{part}.weight" for part in ("query", "key", "value")
    )
    query, key, value = kernel.encode(ours)
    assert query[:, 0].tolist() == [0, 1, 2, 3]  # torch: one row per output
    assert key[:, 0].tolist() == [4, 5, 6, 7]
    assert value[1].tolist() == [9, 21, 33, 45]
    assert [b.tolist() for b in bias.encode(np.arange(6))] == [[0, 1], [2, 3], [4, 5]]
    kernel, bias = fused.tensors("keras", {**SIZES, "num_layers": 1})
    assert kernel.names[1] == "layers/transformer_encoder/_self_attention_layer/key_dense/vars/0"
    assert kernel.encode(ours)[1][0].tolist() == [[4, 5], [6, 7]]  # (in, heads, size)
    assert bias.encode(np.arange(12))[1].tolist() == [[4, 5], [6, 7]]
    joined = rules["transformer_layer_{i}/attention/output"]
    kernel, bias = joined.tensors("keras", {**SIZES, "num_layers": 1})
    (piece,) = kernel.encode(np.arange(16).reshape(4, 4))
    assert piece.shape == (2, 2, 4)  # (heads, size, out)
    assert piece[1, 0].tolist() == [8, 9, 10, 11]
    assert bias.encode(np.arange(4))[0].tolist() == [0, 1, 2, 3]


def test_keras_counts_from_the_second_layer():
    norm = next(r for r in FAMILIES["bert"].layers if r.ours.endswith("}/attention_layer_norm"))
    names = [t.names[0] for t in norm.tensors("keras", SIZES) if t.ours.endswith("gamma")]
    assert names == [
        f"layers/transformer_encoder{i}/_self_attention_layer_norm/vars/0" for i in ("", "_1", "_2")
    ]


TENSORS = [
    Tensor("a/kernel", ("a.weight",), True, None, 1),
    Tensor("b/kernel", ("b.q", "b.k"), True, None, 1),
    Tensor("c/bias", ("c.bias",), False, None, 1),
]


def all_of(present):
    return TENSORS


WANTED = {"a/kernel": (3, 2), "b/kernel": (2, 4), "c/bias": (2,)}


def whole():
    return {
        "a.weight": np.ones((2, 3), "f4"),
        "b.q": np.ones((2, 2), "f4"),
        "b.k": np.zeros((2, 2), "f2"),
        "c.bias": np.ones(2, "f8"),
    }


def test_values_arrive_in_our_layout():
    values = dict(Weights(lambda: Memory(whole()), all_of).read(WANTED))
    assert {name: value.shape for name, value in values.items()} == WANTED
    np.testing.assert_array_equal(values["b/kernel"], [[1, 1, 0, 0], [1, 1, 0, 0]])


def test_all_misfits_are_in_one_error_and_nothing_is_read():
    tensors = whole()
    del tensors["a.weight"]
    tensors |= {"b.q": np.ones((2, 3), "f4"), "c.bias": np.ones(2, "i4"), "d": np.ones(1, "f4")}
    file = Memory(tensors)
    with pytest.raises(PresetWeightsError) as caught:
        list(Weights(lambda: file, all_of).read(WANTED))
    message = str(caught.value)
    assert file.where in message
    assert "missing a.weight (2, 3)" in message
    assert "b.q: expected shape (2, 2), got (2, 3)" in message
    assert "c.bias: expected a little-endian float, got int32" in message
    assert "left over d (1,)" in message
    assert file.was_read == []


def test_a_long_list_of_misfits_is_cut():
    extra = {f"extra.{i}": np.ones(1, "f4") for i in range(1000)}
    with pytest.raises(PresetWeightsError, match="and 980 more") as caught:
        list(Weights(lambda: Memory({**whole(), **extra}), all_of).read(WANTED))
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
def test_values_that_are_not_finite_are_named(bad):
    tensors = whole()
    tensors["b.k"][1, 1] = bad
    with pytest.raises(PresetWeightsError, match=r"b\.k holds NaN or infinity"):
        list(Weights(lambda: Memory(tensors), all_of).read(WANTED))


def test_what_may_be_left_over_and_what_may_lack():
    tensors = {**whole(), "cls.x": np.ones(1, "f4")}
    del tensors["c.bias"]
    weights = Weights(lambda: Memory(tensors), all_of, ignored=("cls.",), optional=("c",))
    assert set(dict(weights.read(WANTED))) == {"a/kernel", "b/kernel"}
