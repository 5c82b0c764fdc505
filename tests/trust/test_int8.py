"""Presets whose matrices are int8 with scales, which are not what they should be."""

import numpy as np
import pytest

from hub_tasks.errors import PresetFormatError, PresetWeightsError
from tests.checks.broken_presets import edit_hdf5, edit_safetensors, put
from tests.trust.harness import Case

MODEL = "model.weights.safetensors"
TABLE = "layers/reversible_embedding/vars/0"  # (40, 32)
QUERY = "layers/transformer_encoder/_self_attention_layer/query_dense/vars/0"  # (32, 2, 16)
NORM = "layers/layer_normalization/vars/0"  # (32,)
SCALE = f"{TABLE}.scale"


def wrong(change, message, **options):
    def edit(preset, outside):
        edit_safetensors(preset / MODEL, change)

    where = r"model\.weights\.safetensors of preset .*"
    return Case(edit, PresetWeightsError, where + message, base="int8", **options)


def typed(name, dtype):
    return lambda t: t.update({name: t[name].astype(dtype)})


def shaped(name, *shape):
    return lambda t: t.update({name: np.ones(shape, t[name].dtype)})


def entry(name, value):
    return lambda t: t[name].__setitem__((3, 0), value)


def vector_in_codes(tensors):
    tensors[NORM] = np.ones(32, "i1")
    tensors[f"{NORM}.scale"] = np.ones(1, "f4")


def too_large(tensors):
    tensors[SCALE][3] = 3e38
    tensors[TABLE][3] = 127


def much(tensors):
    del tensors[SCALE]
    tensors[f"{QUERY}.scale"] = np.ones((1, 2, 1), "f4")
    vector_in_codes(tensors)


def huge(preset, outside):
    put(preset / "config.json", "/config/intermediate_dim", 40_000)


def in_hdf5(preset, outside):
    def change(file):
        table = file[TABLE][:]
        del file[TABLE]
        file[TABLE] = np.ones(table.shape, "i1")
        file[SCALE] = np.ones((len(table), 1), "f4")

    edit_hdf5(preset / "model.weights.h5", change)


POSITIVE = r"vars/0\.scale holds numbers that are not positive and finite"
FLOAT = "expected a little-endian float, got "
CASES = {
    "B11 a scale is NaN": wrong(entry(SCALE, np.nan), POSITIVE),
    "B11 a scale is NaN, and that is allowed elsewhere": wrong(
        entry(SCALE, np.nan), POSITIVE, options={"allow_nonfinite": True}
    ),
    "B11 a scale is infinite": wrong(entry(SCALE, np.inf), POSITIVE),
    "B11 a scale is negative": wrong(entry(SCALE, -1.0), POSITIVE),
    "B11 a scale is zero": wrong(entry(SCALE, 0.0), POSITIVE),
    "B11 a code times its scale is infinite": wrong(too_large, f"{TABLE} holds NaN or infinity"),
    "B11 a code is -128": wrong(entry(TABLE, -128), f"{TABLE} holds a code below -127"),
    "B12 a scale for a row too few": wrong(
        shaped(SCALE, 39, 1), rf"{SCALE}: expected shape \(40, 1\), got \(39, 1\)"
    ),
    "B12 a scale for each column of a table": wrong(
        shaped(SCALE, 1, 32), rf"{SCALE}: expected shape \(40, 1\), got \(1, 32\)"
    ),
    "B12 a scale without its axis of ones": wrong(
        shaped(SCALE, 40), rf"{SCALE}: expected shape \(40, 1\), got \(40,\)"
    ),
    "B12 a scale for each row of a kernel": wrong(
        shaped(f"{QUERY}.scale", 32, 1, 1), r"expected shape \(1, 2, 16\), got \(32, 1, 1\)"
    ),
    "B12 codes of another shape": wrong(
        shaped(TABLE, 32, 40), rf"{TABLE}: expected shape \(40, 32\), got \(32, 40\)"
    ),
    "B13 a scale is missing": wrong(lambda t: t.pop(SCALE), rf"missing {SCALE} \(40, 1\)"),
    "B13 the codes are missing": wrong(
        lambda t: t.pop(TABLE), rf"missing {TABLE} \(40, 32\).*left over {SCALE} \(40, 1\)"
    ),
    "B13 a scale beside floats": wrong(typed(TABLE, "f4"), rf"left over {SCALE} \(40, 1\)"),
    "B13 a scale of a scale": wrong(
        lambda t: t.update({f"{SCALE}.scale": np.ones(1, "f4")}), rf"left over {SCALE}\.scale"
    ),
    "B14 a scale of float16": wrong(typed(SCALE, "f2"), f"{SCALE}: expected float32, got float16"),
    "B14 a scale of int8": wrong(typed(SCALE, "i1"), f"{SCALE}: expected float32, got int8"),
    "B14 codes of uint8": wrong(typed(TABLE, "u1"), f"{TABLE}: {FLOAT}uint8"),
    "B14 codes of int16": wrong(typed(TABLE, "i2"), "header's entry for .* is not valid"),
    "B14 codes of int32": wrong(typed(TABLE, "i4"), f"{TABLE}: {FLOAT}int32"),
    "B14 codes of int64": wrong(typed(TABLE, "i8"), f"{TABLE}: {FLOAT}int64"),
    "B14 codes of bool": wrong(typed(TABLE, "?"), f"{TABLE}: {FLOAT}bool"),
    "B14 codes of a vector": wrong(
        vector_in_codes, rf"left over {NORM}\.scale \(1,\).*{NORM}: {FLOAT}int8"
    ),
    "B14 codes in HDF5": Case(
        in_hdf5, PresetWeightsError, rf"left over {SCALE} \(40, 1\).*{TABLE}: {FLOAT}int8"
    ),
    "C05 all of it in one error": wrong(
        much,
        rf"missing {SCALE}.*{QUERY}\.scale: expected shape.*left over {NORM}\.scale.*{FLOAT}int8",
    ),
    "A16 more parameters than bytes": Case(
        huge, PresetFormatError, "implies a model of .* parameters", base="int8"
    ),
    "B13 nothing is wrong": Case(
        lambda preset, outside: (preset / "hub_tasks.json").unlink(missing_ok=True),
        message="LABEL_0",
        base="int8",
    ),
    "B11 an infinite product that is allowed": Case(
        lambda preset, outside: edit_safetensors(preset / MODEL, too_large),
        message="LABEL_0",
        base="int8",
        options={"allow_nonfinite": True},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_int8(case, holds):
    holds(case)
