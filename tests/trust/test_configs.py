"""JSON configurations and vocabularies that no preset should have (TRUST, section A)."""

import json

import pytest

from hub_tasks.errors import (
    PresetFormatError,
    PresetVersionError,
    PresetWeightsError,
    UnsafePresetError,
)
from tests.checks.broken_presets import drop, edit_json, put
from tests.trust.harness import Case

VOCABULARY = "assets/tokenizer/vocabulary.txt"
LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {"name": "x", "function": {"class_name": "__lambda__", "config": {"code": "4wE="}}},
    "registered_name": None,
}


def functional(layer, **inbound):
    nodes = [{"args": [], "kwargs": inbound}] if inbound else []
    layers = [{**layer, "name": "x", "inbound_nodes": nodes}]
    return {
        "module": "keras",
        "class_name": "Functional",
        "config": {"name": "m", "layers": layers, "input_layers": [], "output_layers": []},
        "registered_name": "Functional",
    }


def symbol(module, name, **inbound):
    function = {"module": module, "class_name": "function", "config": name}
    return functional({**LAMBDA, "config": {"name": "x", "function": function}}, **inbound)


def layer(name, **config):
    return functional({**LAMBDA, "class_name": name, "config": {"name": "x", **config}})


def document(content, name="config.json"):
    """A whole file of this content; `OUTSIDE` in it stands for the folder beside the preset."""

    def change(preset, outside):
        text = json.dumps(content).replace("OUTSIDE", str(outside))
        (preset / name).write_text(text, encoding="utf-8")

    return change


def entry(name, pointer, value):
    def change(preset, outside):
        path = str(outside)
        put(
            preset / name,
            pointer,
            value.replace("OUTSIDE", path) if isinstance(value, str) else value,
        )

    return change


def raw(content, name="config.json"):
    return lambda preset, outside: (preset / name).write_bytes(content)


def text(change, name="config.json"):
    """Changes the bytes of a file."""
    return lambda preset, outside: (preset / name).write_bytes(change((preset / name).read_bytes()))


def several(*changes):
    return lambda preset, outside: [change(preset, outside) for change in changes]


def lines(change):
    return text(lambda data: b"\n".join(change(data.splitlines())) + b"\n", VOCABULARY)


def unsafe(change, message=r"config\.json.*registered_name", **options):
    return Case(change, UnsafePresetError, message, **options)


def wrong(change, message, **options):
    return Case(change, PresetFormatError, message, **options)


def config(pointer, value, message=None, **options):
    return wrong(entry("config.json", pointer, value), message or f"config.json.*{pointer}")


def huge(field, value, **options):
    message = r"config\.json.*implies a model of \d+ parameters.*max_parameters="
    return wrong(entry("config.json", f"/config/{field}", value), message, **options)


NAME = "/config/name"
HEAD = r"config.json.*/config/name must match"
SIZE = "/config/hidden_dim"
LABELS = r"hub_tasks\.json.*/labels"
SIGNED = {"base": "signed"}


def labels(value, message=LABELS):
    return wrong(entry("hub_tasks.json", "/labels", value), message, **SIGNED)


CASES = {
    "A01 lambda_marshal": unsafe(document(functional(LAMBDA))),
    "A01 lambda alone": unsafe(document({**LAMBDA, "registered_name": "Lambda"})),
    "A02 lambda_after_enable_unsafe": unsafe(document(functional(LAMBDA)), unsafe_keras=True),
    "A03 os_system_symbol": unsafe(
        document({"module": "os", "class_name": "function", "config": "system"})
    ),
    "A03 with a registered name": unsafe(
        document(
            {
                "module": "os",
                "class_name": "function",
                "config": "system",
                "registered_name": "function",
            }
        )
    ),
    "A04 public_symbol_call": unsafe(
        document(symbol("keras.saving", "KerasFileEditor", filepath="OUTSIDE/fifo"))
    ),
    "A04 TFSMLayer": unsafe(document(symbol("keras.layers", "TFSMLayer", filepath="OUTSIDE"))),
    "A05 global_state": unsafe(
        document(symbol("keras.config", "set_image_data_format", data_format="channels_first"))
    ),
    "A06 get_file_symbol": unsafe(
        document(symbol("keras.utils", "get_file", origin="http://192.0.2.1/x"))
    ),
    "A07 tfsm_layer": unsafe(document(layer("TFSMLayer", filepath="OUTSIDE"))),
    "A07 torch_module": unsafe(document(layer("TorchModuleWrapper", module="gASV"))),
    "A08 lookup_vocab_path": unsafe(document(layer("StringLookup", vocabulary="OUTSIDE/fifo"))),
    "A08 bucket": unsafe(document(layer("StringLookup", vocabulary="gs://bucket/x"))),
    "A08 metadata service": unsafe(
        document(layer("TextVectorization", vocabulary="http://169.254.169.254/"))
    ),
    "A09 tokenizer_vocab_path": unsafe(
        entry("tokenizer.json", "/config/vocabulary", "OUTSIDE/fifo"),
        r"tokenizer\.json.*/config/vocabulary must be None",
    ),
    "A09 byte pairs": unsafe(
        entry("tokenizer.json", "/config/merges", "OUTSIDE/fifo"),
        r"tokenizer\.json.*/config/merges must be null",
        base="byte_pair",
    ),
    "A09 sentencepiece": unsafe(
        entry("tokenizer.json", "/config/proto", "OUTSIDE/fifo"),
        r"tokenizer\.json.*/config/proto must be null",
        base="sentencepiece",
    ),
    "A10 foreign_tokenizer_path": unsafe(
        document(
            {
                "class_name": "PARSeqTokenizer",
                "registered_name": "keras_hub>PARSeqTokenizer",
                "config": {"vocabulary": "OUTSIDE/fifo"},
            },
            "tokenizer.json",
        ),
        r"tokenizer\.json.*must be keras_hub>BertTokenizer",
    ),
    "A11 config_file_read": unsafe(
        entry("tokenizer.json", "/config/config_file", "OUTSIDE/fifo"),
        r"tokenizer\.json.*/config/config_file",
    ),
    "A12 config_file_write": unsafe(
        entry("preprocessor.json", "/config/config_file", "../../x.json"),
        r"preprocessor\.json.*/config/config_file",
    ),
    "A13 layer_name_path": config(NAME, "../../x", HEAD),
    "A13 slash": config(NAME, "a/b", HEAD),
    "A13 backslash": config(NAME, "C:\\x", HEAD),
    "A13 NUL": config(NAME, "a\0", HEAD),
    "A13 newline": config(NAME, "a\n", HEAD),
    "A13 10 kB": config(NAME, "a" * 10_000, HEAD),
    "A13 no ASCII": config(NAME, "\u00e9", HEAD),
    "A13 a number": wrong(entry("task.json", NAME, 3), r"task\.json.*/config/name"),
    "A14 registered_name_confusion": config(
        "/class_name", "RobertaBackbone", "config.json.*RobertaBackbone.*keras_hub>BertBackbone"
    ),
    "A15 compile_config": wrong(
        entry("task.json", "/compile_config", {"optimizer": "sgd"}),
        r"task\.json.*unknown key.*compile_config",
    ),
    "A15 build_config": config("/build_config", {}, "config.json.*unknown key.*build_config"),
    "A16 dim_bomb": config("/config/vocabulary_size", 10**9),
    "A16 hidden": config(SIZE, 10**6),
    "A16 within the schema": huge("intermediate_dim", 10**6),
    "A16 positions": huge("max_sequence_length", 2**20),
    "A16 without weights": huge("intermediate_dim", 10**6, options={"load_weights": False}),
    "A16 as a backbone": huge("intermediate_dim", 10**6, loader="BertBackbone"),
    "A16 max_parameters": Case(
        entry("config.json", "/config/intermediate_dim", 40_000),
        PresetWeightsError,
        r"model\.weights\.h5.*expected shape \(8, 40000\), got \(8, 12\)",
        options={"max_parameters": 2_000_000},
    ),
    "A16 fewer than it has": wrong(
        lambda preset, outside: None, "implies a model of", options={"max_parameters": 100}
    ),
    "A17 layer_bomb": config("/config/num_layers", 10**6),
    "A17 within the schema": Case(
        entry("config.json", "/config/num_layers", 512),
        PresetWeightsError,
        r"model\.weights\.h5.*holds \d+ tensors.*implies \d+",
    ),
    "A18 negative": config(SIZE, -16),
    "A18 zero": config(SIZE, 0),
    "A18 string": config(SIZE, "16"),
    "A18 fraction": config(SIZE, 16.5),
    "A18 16.0": config(SIZE, 16.0),
    "A18 true": config(SIZE, True),
    "A18 null": config(SIZE, None),
    "A18 overflow": wrong(text(lambda data: data.replace(b": 8,", b": 1e400,", 1)), "overflows"),
    "A18 many digits": config(SIZE, 10**400),
    "A18 NaN": config(SIZE, float("nan"), r"config\.json.*NaN"),
    "A18 infinite": config("/config/dropout", float("inf"), r"config\.json.*Infinity"),
    "A18 dropout": config("/config/dropout", 1.0),
    "A19 heads_not_dividing": config(
        "/config/num_heads", 3, r"config\.json.*hidden_dim=8, num_heads=3"
    ),
    "A20 deep_json": wrong(raw(b"[" * 200_000), r"config\.json.*deeper than 64"),
    "A20 five megabytes": wrong(
        text(lambda data: data + b" " * 5 * 2**20), r"config\.json.*larger than 4194304 bytes"
    ),
    "A20 vocabulary of 65 megabytes": wrong(
        lambda preset, outside: (preset / VOCABULARY).open("r+b").truncate(65 * 2**20),
        r"vocabulary\.txt.*larger than \d+ bytes",
    ),
    "A20 many lists": wrong(
        raw(b'{"a": [' + b"[]," * 1_000_000 + b"[]]}"), r"config\.json.*more than 65536 lists"
    ),
    "A21 not_an_object": wrong(raw(b"[]"), r"config\.json.*must hold a JSON object"),
    "A21 empty": wrong(raw(b""), r"config\.json.*not JSON"),
    "A21 null": wrong(raw(b"null"), r"config\.json.*must hold a JSON object"),
    "A21 half": wrong(text(lambda data: data[: len(data) // 2]), r"config\.json.*not JSON"),
    "A22 duplicate_keys": wrong(
        text(lambda data: data.replace(b'"num_layers"', b'"vocabulary_size": 40, "num_layers"')),
        r"config\.json.*key 'vocabulary_size' twice",
    ),
    "A23 BOM": Case(text(lambda data: b"\xef\xbb\xbf" + data), message="LABEL_0"),
    "A23 UTF-16": wrong(text(lambda d: d.decode().encode("utf-16")), r"config\.json.*not UTF-8"),
    "A23 invalid UTF-8": wrong(text(lambda d: d.replace(b"8", b"\xff", 1)), "not UTF-8"),
    "A23 lone surrogate": wrong(
        text(lambda data: data.replace(b'"config"', b'"\\ud800": 1, "config"', 1)), "surrogate"
    ),
    "A24 name a list": config("/registered_name", ["x"]),
    "A24 name a dict": config("/registered_name", {}),
    "A24 name a number": config("/registered_name", 3),
    "A24 config a list": config("/config", []),
    "A24 task null": wrong(entry("task.json", "/config", None), r"task\.json.*/config must be"),
    "A24 dtype a list": config("/config/dtype", []),
    "A24 dtype of dtype": config("/config/dtype", {"config": []}),
    "A24 trainable": config("/config/trainable", "no"),
    "A25 unknown_class": config(
        "/registered_name",
        "hub_tasks>ZzzBackbone",
        r"config\.json.*Supported: AlbertBackbone, BertBackbone",
    ),
    "A26 unknown_key": config("/config/evil", 1, r"config\.json.*unknown key /config/'evil'"),
    "A26 in the tokenizer": wrong(
        entry("tokenizer.json", "/config/evil", 1), r"tokenizer\.json.*unknown key"
    ),
    "A26 in the preprocessor": wrong(
        entry("preprocessor.json", "/config/evil", 1), r"preprocessor\.json.*unknown key"
    ),
    "A26 in the task": wrong(entry("task.json", "/config/evil", 1), r"task\.json.*unknown key"),
    "A27 future_schema": Case(
        entry("hub_tasks.json", "/schema_version", 999),
        PresetVersionError,
        r"hub_tasks\.json.*schema version 999.*reads up to",
        **SIGNED,
    ),
    "A28 missing_schema": wrong(
        lambda preset, outside: drop(preset / "hub_tasks.json", "/schema_version"),
        r"hub_tasks\.json.*/schema_version",
        **SIGNED,
    ),
    "A28 no manifest": Case(
        lambda preset, outside: (preset / "metadata.json").unlink(),
        message=r"without hub_tasks\.json.*LABEL_0",
        labels=("LABEL_0", "LABEL_1"),
    ),
    "A29 num_classes_mismatch": wrong(
        entry("task.json", "/config/num_classes", 5),
        r"5 classes by its configuration, and of 2 by its weights, task\.weights\.h5",
    ),
    "A29 in transformers": wrong(
        entry("config.json", "/id2label", {"0": "a", "1": "b", "2": "c"}),
        r"3 classes by its configuration, and of 2 by its weights, model\.safetensors",
        base="transformers",
    ),
    "A30 num_classes_bad": wrong(
        entry("task.json", "/config/num_classes", 0), r"task\.json.*/config/num_classes"
    ),
    "A30 negative": wrong(entry("task.json", "/config/num_classes", -2), "/config/num_classes"),
    "A30 a billion": wrong(entry("task.json", "/config/num_classes", 10**9), "/config/num_cl"),
    "A30 one under a softmax": wrong(
        lambda preset, outside: edit_json(
            preset / "task.json",
            lambda d: d["config"].update(num_classes=1, activation="softmax"),
        ),
        r"task\.json.*/config/num_classes is 1 under a softmax",
    ),
    "A31 missing_label_names": Case(
        entry("hub_tasks.json", "/labels", None),
        labels=("LABEL_0", "LABEL_1"),
        message="LABEL_0",
        **SIGNED,
    ),
    "A31 too few": labels(["a"], r"1 label names for a head of 2"),
    "A31 too many": labels(["a", "b", "c"], r"3 label names for a head of 2"),
    "A31 twice": labels(["a", "a"]),
    "A31 empty": labels(["a", ""]),
    "A31 no string": labels(["a", 1]),
    "A31 a megabyte": labels(["a", "b" * 2**20]),
    "A31 escape codes": labels(["\x1b[31mred", "\x1b[31mred"], r"\\x1b\[31mred"),
    "A31 newline": Case(
        entry("hub_tasks.json", "/labels", ["a\nb", "c"]), labels=("a\nb", "c"), **SIGNED
    ),
    "A32 caller_num_classes": Case(
        lambda preset, outside: None,
        message=r"head is re-initialised.*one of 2 classes.*fresh one of 5",
        options={"num_classes": 5},
        labels=tuple(f"LABEL_{i}" for i in range(5)),
        **SIGNED,
    ),
    "A32 load_task_weights": wrong(
        lambda preset, outside: None,
        r"has 2 classes.*cannot be loaded for 5",
        options={"num_classes": 5, "load_task_weights": True},
        **SIGNED,
    ),
    "A32 names for the saved head": Case(
        lambda preset, outside: None,
        options={"labels": ["no", "yes"], "load_task_weights": True},
        labels=("no", "yes"),
        **SIGNED,
    ),
    "A32 fresh on purpose": Case(
        lambda preset, outside: None,
        options={"labels": ["a", "b", "c"], "load_task_weights": False},
        labels=("a", "b", "c"),
    ),
    "A32 no head to warn of": Case(
        several(
            lambda preset, outside: (preset / "task.json").unlink(),
            lambda preset, outside: (preset / "task.weights.h5").unlink(),
        ),
        options={"num_classes": 5},
    ),
    "A33 vocab_duplicates": wrong(
        lines(lambda tokens: [*tokens[:-1], tokens[6]]),
        r"vocabulary\.txt.*twice, in lines 7 and 40",
    ),
    "A34 vocab_missing_special": wrong(
        lines(lambda tokens: [t.replace(b"[SEP]", b"sep") for t in tokens]),
        r"preset.*lacks the special tokens \[SEP\]",
    ),
    "A35 vocab_larger_than_embedding": wrong(
        lines(lambda tokens: [*tokens, b"one", b"two"]), "42 tokens, its embedding only 40 rows"
    ),
    "A36 vocab_truncated": wrong(
        text(lambda data: data[: len(data) // 2], VOCABULARY),
        r"vocabulary of preset.*\d+ tokens for an embedding of 40.*vocabulary_size.*cut short",
    ),
    "A36 CRLF": Case(
        text(lambda data: data.replace(b"\n", b"\r\n"), VOCABULARY), message="LABEL_0"
    ),
    "A36 trailing blank": wrong(
        text(lambda data: data + b"\n", VOCABULARY), r"vocabulary\.txt.*no token in line 41"
    ),
    "A36 NUL": wrong(lines(lambda tokens: [*tokens[:-1], b"a\0b"]), r"vocabulary\.txt.*in line 40"),
    "A36 five million lines": wrong(
        text(lambda data: b"\n" * 5_000_000, VOCABULARY), r"vocabulary\.txt.*larger than"
    ),
    "A36 a hundred million lines": wrong(
        text(lambda data: b"\n" * 100_000_000, VOCABULARY), r"vocabulary\.txt.*larger than"
    ),
    "positions that the encoder does not have": wrong(
        lambda preset, outside: None,
        r"`sequence_length` must be at most 24",
        options={"sequence_length": 4096},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_configurations(case, holds):
    holds(case)
