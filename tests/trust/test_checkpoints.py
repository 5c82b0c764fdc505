"""Directories of `transformers` that are not what they should be (TRUST, section C)."""

import json
import os
import pickle
import struct

import numpy as np
import pytest

from hub_tasks.errors import (
    PresetFormatError,
    PresetNotFoundError,
    PresetWeightsError,
    UnsafePresetError,
)
from tests.checks.broken_presets import drop, edit_json, edit_safetensors, put
from tests.trust.harness import Case

WEIGHTS, WORDS = "model.safetensors", "bert.embeddings.word_embeddings.weight"
KERNEL = "classifier.weight"
LABELS = ("no", "yes")


class Canary:
    def __reduce__(self):
        return os.system, ("touch canary",)


def entry(name, pointer, value):
    return lambda preset, outside: put(preset / name, pointer, value)


def tensors(change):
    return lambda preset, outside: edit_safetensors(preset / WEIGHTS, change)


def document(content, name):
    def change(preset, outside):
        text = json.dumps(content).replace("OUTSIDE", str(outside))
        (preset / name).write_text(text, encoding="utf-8")

    return change


def header(change):
    """Changes the header of the safetensors file; `change` may return other bytes for it."""

    def edit(preset, outside):
        data = (preset / WEIGHTS).read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        parsed = json.loads(data[8 : 8 + length])
        made = change(parsed)
        text = made if isinstance(made, bytes) else json.dumps(parsed).encode()
        (preset / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])

    return edit


def length(number):
    def edit(preset, outside):
        data = (preset / WEIGHTS).read_bytes()
        (preset / WEIGHTS).write_bytes(struct.pack("<Q", number) + data[8:])

    return edit


def cut(share):
    def edit(preset, outside):
        data = (preset / WEIGHTS).read_bytes()
        (preset / WEIGHTS).write_bytes(data[: int(len(data) * share)])

    return edit


def index(target):
    def change(preset, outside):
        (preset / WEIGHTS).rename(outside / "x.safetensors")
        entries = {KERNEL: target.replace("OUTSIDE", str(outside))}
        content = {"metadata": {}, "weight_map": entries}
        (preset / f"{WEIGHTS}.index.json").write_text(json.dumps(content))

    return change


def link_out(name):
    def change(preset, outside):
        (preset / name).rename(outside / "moved")
        (preset / name).symlink_to(outside / "moved")

    return change


def pickled(preset, outside):
    (preset / WEIGHTS).unlink()
    (preset / "pytorch_model.bin").write_bytes(pickle.dumps(Canary()))


def with_code(preset, outside):
    (preset / "modeling.py").write_text("raise SystemExit(1)")
    code = {
        "auto_map": {"AutoModel": "modeling.Model"},
        "trust_remote_code": True,
        "_attn_implementation_internal": "modeling.attention",
    }
    edit_json(preset / "config.json", lambda d: d.update(code))


def fast(change):
    return lambda preset, outside: edit_json(preset / "tokenizer.json", change)


def unsafe(change, message, **options):
    return Case(change, UnsafePresetError, message, base="transformers", **options)


def weights(change, message):
    return Case(change, PresetWeightsError, r"model\.safetensors.*" + message, base="transformers")


def wrong(change, message, base="transformers"):
    return Case(change, PresetFormatError, message, base=base)


def labels(value, message=r"config\.json.*/id2label"):
    return wrong(entry("config.json", "/id2label", value), message)


def tokenizer(change, message=r"tokenizer\.json.*not of a known shape", base="fast"):
    return wrong(fast(change), message, base)


SPLIT = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated"}
REPLACE = {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}
PATHS = {
    "vocab_file": "OUTSIDE/fifo",
    "tokenizer_file": "../outside/fifo",
    "chat_template": {"../../x": "y"},
}
OFFSETS = "data_offsets"
CASES = {
    "C01 index_traversal": weights(index("../outside/x.safetensors"), "several files"),
    "C01 absolute": weights(index("OUTSIDE/x.safetensors"), "several files"),
    "C02 vocab_symlink": unsafe(link_out("vocab.txt"), r"vocab\.txt.*symbolic link"),
    "C02 config.json": unsafe(link_out("config.json"), r"config\.json.*symbolic link"),
    "C02 model.safetensors": unsafe(link_out(WEIGHTS), r"model\.safetensors.*symbolic link"),
    "C03 pickle_only": wrong(pickled, r"pytorch_model\.bin.*Convert it to model\.safetensors"),
    "C04 remote_code": Case(
        with_code,
        base="transformers",
        message=r"config\.json.*names code in auto_map, trust_remote_code.*None of it is run",
        labels=LABELS,
    ),
    "C04 in the tokenizer": Case(
        document({"auto_map": {"AutoTokenizer": ["x.T", None]}}, "tokenizer_config.json"),
        base="transformers",
        message=r"tokenizer_config\.json.*names code in auto_map",
        labels=LABELS,
    ),
    "C05 st_header": weights(length(2**60), "truncated"),
    "C05 of 2**64 - 1 bytes": weights(length(2**64 - 1), "truncated"),
    "C05 longer than the file": weights(length(10**6), "truncated"),
    "C05 a hundred thousand tensors": weights(
        header(
            lambda h: h.update(
                {f"x{i}": {"dtype": "F32", "shape": [0], OFFSETS: [0, 0]} for i in range(10**5)}
            )
        ),
        "has a header of \\d+ bytes; at most",
    ),
    "C05 overlap": weights(
        header(lambda h: h.update(twin=dict(h[KERNEL]))), "overlap or leave gaps"
    ),
    "C05 gap": weights(header(lambda h: h.pop(WORDS)), "overlap or leave gaps"),
    "C05 truncated": weights(cut(0.5), "truncated"),
    "C05 to nothing": weights(cut(0), "empty"),
    "C05 name twice": weights(
        header(lambda h: json.dumps(h).replace('"classifier.bias"', f'"{KERNEL}"').encode()),
        "key 'classifier.weight' twice",
    ),
    "C06 st_nonfinite": weights(tensors(lambda t: t[KERNEL].fill(np.nan)), f"{KERNEL} holds NaN"),
    "C07 same_count_wrong_shape": weights(
        tensors(lambda t: t.update({WORDS: t[WORDS].reshape(20, 16)})),
        r"expected shape \(40, 8\), got \(20, 16\)",
    ),
    "C08 suffix_decoy": weights(
        tensors(lambda t: t.update({"aaa." + WORDS: t[WORDS]})), rf"left over aaa\.{WORDS}"
    ),
    "C08 with and without prefix": weights(
        tensors(lambda t: t.update({WORDS.removeprefix("bert."): t[WORDS]})),
        r"left over embeddings\.word_embeddings\.weight",
    ),
    "C09 missing_keys": wrong(
        lambda preset, outside: drop(preset / "config.json", "/hidden_size"),
        r"config\.json.*/hidden_size is missing",
    ),
    "C09 architectures": wrong(
        lambda preset, outside: drop(preset / "config.json", "/architectures"),
        "encoder without a classification head.*labels=",
    ),
    "C09 encoder tensor": weights(
        tensors(lambda t: t.pop(WORDS)), "missing .*word_embeddings.weight"
    ),
    "C09 head tensor": weights(tensors(lambda t: t.pop(KERNEL)), f"missing {KERNEL}"),
    "C09 half a pooler": weights(
        tensors(lambda t: t.pop("bert.pooler.dense.bias")), r"missing .*pooler\.dense\.bias"
    ),
    "C10 head_and_labels": Case(lambda preset, outside: None, base="transformers", labels=LABELS),
    "C10 gap": labels({"0": "a", "2": "b"}),
    "C10 hexadecimal": labels({"0": "a", "0x1": "b"}),
    "C10 from one": labels({"1": "a", "2": "b"}),
    "C10 same number twice": labels({"0": "a", "00": "b"}),
    "C10 name twice": labels({"0": "a", "1": "a"}, "/id2label names a label twice"),
    "C10 name a number": labels({"0": "a", "1": 1}),
    "C10 empty": labels({}),
    "C10 a list": labels(["a", "b"]),
    "C11 unknown_model_type": wrong(
        entry("config.json", "/model_type", "zzz"),
        r"config\.json.*/model_type.*Supported: albert, bert",
    ),
    "C11 a list": wrong(entry("config.json", "/model_type", ["bert"]), r"config\.json.*/model_ty"),
    "C12 tokenizer_json_redos": tokenizer(lambda d: d.update(pre_tokenizer=SPLIT)),
    "C12 normalizer": tokenizer(lambda d: d.update(normalizer=REPLACE)),
    "C12 byte pairs": tokenizer(
        lambda d: d.update(pre_tokenizer=SPLIT), base="byte_pair transformers"
    ),
    "C12 sentencepiece": tokenizer(
        lambda d: d.update(normalizer=REPLACE),
        r"tokenizer\.json.*/normalizer has a step that is not known",
        base="sentencepiece transformers",
    ),
    "C12 sentencepiece splitter": tokenizer(
        lambda d: d.update(pre_tokenizer=SPLIT),
        r"tokenizer\.json.*/pre_tokenizer must be",
        base="sentencepiece transformers",
    ),
    "C12 a million added tokens": tokenizer(
        lambda d: d.update(added_tokens=[{"id": i, "content": f"t{i}"} for i in range(10**6)]),
        r"tokenizer\.json.*is larger than \d+ bytes",
    ),
    "C12 many added tokens": tokenizer(
        lambda d: d.update(added_tokens=[{"id": i, "content": f"t{i}"} for i in range(11_000)]),
        r"tokenizer\.json.*/added_tokens must be a list of at most 10000",
    ),
    "C12 version 99": Case(fast(lambda d: d.update(version="99")), base="fast"),
    "C13 tokenizer_config_paths": Case(
        document(PATHS, "tokenizer_config.json"), base="transformers", labels=LABELS
    ),
    "nothing but a README": Case(
        lambda preset, outside: [
            path.rename(outside / path.name) for path in list(preset.iterdir())
        ],
        PresetNotFoundError,
        r"no config\.json",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_checkpoints(case, holds):
    holds(case)
