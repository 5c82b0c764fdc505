"""A Hugging Face `transformers` directory: encoder or sequence classifier, head and labels.

Read as it is: `config.json`, `model.safetensors`, `vocab.txt`, `tokenizer_config.json`.
Pickled weights are never opened, and nothing that names code is followed.
"""

from collections.abc import Mapping
from typing import Any

from hub_tasks.errors import PresetFormatError, PresetNotFoundError, received, shorten
from hub_tasks.families import FAMILIES, REQUIRED, Family
from hub_tasks.presets import files as names
from hub_tasks.presets.data import HeadData, PresetData, TokenizerData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats.safetensors import SafeTensors
from hub_tasks.presets.schema import (
    MAX_CLASSES,
    check_backbone,
    check_choice,
    check_field,
    check_flag,
    check_labels,
    check_problem_type,
    check_real,
)
from hub_tasks.presets.strict_json import read_json
from hub_tasks.presets.vocabulary import read_vocabulary, vocabulary_problem
from hub_tasks.presets.weights import Weights


def read(files: PresetFiles) -> PresetData:
    """Reads a `transformers` directory; weights are opened later."""
    config = read_json(files, names.CONFIG)
    where = f"{names.CONFIG} of preset {files}"
    family = _family(config, where)
    backbone = _backbone(family, config, where)
    return PresetData(
        family=family,
        backbone=backbone,
        weights=_weights(files, family, backbone, head=False),
        tokenizer=_tokenizer(files, family),
        preprocessor={
            "sequence_length": _sequence_length(files, backbone),
            "truncate": "longest_first",
        },
        head=_head(files, family, backbone, config, where),
    )


def _family(config: Mapping[str, Any], where: str) -> Family:
    model_type = config["model_type"]
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        raise PresetFormatError(
            f"{where}: /model_type is not a family that hub_tasks reads. Supported: "
            f"{', '.join(FAMILIES)}. {received(model_type=model_type)}"
        )
    return FAMILIES[model_type]


def _backbone(family: Family, config: Mapping[str, Any], where: str) -> dict[str, Any]:
    backbone = {}
    for field in family.config:
        default = (
            field.default if field.transformers_default is REQUIRED else field.transformers_default
        )
        if field.transformers in config:
            value = config[field.transformers]
            backbone[field.name] = check_field(field, value, where, f"/{field.transformers}")
        elif default is REQUIRED:
            raise PresetFormatError(f"{where}: /{field.transformers} is missing.")
        else:
            backbone[field.name] = default
    positions = config.get("position_embedding_type", "absolute")
    check_choice(positions, where, "/position_embedding_type", ("absolute",))
    return check_backbone(family, backbone, where)


def _weights(
    files: PresetFiles, family: Family, backbone: Mapping[str, Any], head: bool
) -> Weights:
    sizes = backbone["num_layers"], backbone["num_heads"]

    def open_file() -> SafeTensors:
        if not files.exists(names.HF_SAFETENSORS):
            if files.exists(names.HF_PICKLED):
                raise PresetFormatError(
                    f"preset {files} has only {names.HF_PICKLED}, a pickle, which could run code "
                    f"when loaded. Convert it to {names.HF_SAFETENSORS} first, for example with "
                    f"transformers: `save_pretrained(..., safe_serialization=True)`."
                )
            raise PresetNotFoundError(f"{names.HF_SAFETENSORS} is missing from preset {files}.")
        return SafeTensors(
            files.open(names.HF_SAFETENSORS), f"{names.HF_SAFETENSORS} of preset {files}"
        )

    def rename(name: str, present: Mapping[str, object]) -> str:
        candidates = [name] if head else [family.base + name, name]
        for old, new in family.renamed.items():
            candidates += [c.removesuffix(new) + old for c in candidates if c.endswith(new)]
        return next((c for c in candidates if c in present), name)

    def tensors(rules: tuple[Any, ...]) -> list[Any]:
        return [t for rule in rules for t in rule.tensors("transformers", *sizes)]

    others = tensors(family.layers if head else family.head)
    other_names = {n for t in others for n in t.names}
    ignored = tuple(other_names | set(family.ignored))
    if head:
        ignored += (family.base, "embeddings.", "encoder.", "pooler.")
    return Weights(
        open=open_file,
        tensors=tensors(family.head if head else family.layers),
        rename=rename,
        ignored=(*ignored, *(family.base + prefix for prefix in family.ignored)),
        optional=() if head else family.optional,
    )


def _head(
    files: PresetFiles,
    family: Family,
    backbone: Mapping[str, Any],
    config: Mapping[str, Any],
    where: str,
) -> HeadData | None:
    architectures = config.get("architectures")
    if not isinstance(architectures, list) or family.architecture not in architectures:
        return None
    labels = _labels(config, where)
    problem_type = check_problem_type(
        config.get("problem_type"), where, "/problem_type", len(labels)
    )
    dropout = config.get("classifier_dropout")
    if dropout is not None:
        check_real(dropout, where, "/classifier_dropout", 0.0, 0.99)
    return HeadData(
        num_classes=len(labels),
        activation="linear",
        dropout=backbone["dropout"] if dropout is None else dropout,
        labels=labels,
        problem_type=problem_type,
        weights=_weights(files, family, backbone, head=True),
    )


def _labels(config: Mapping[str, Any], where: str) -> tuple[str, ...]:
    id2label = config.get("id2label")
    if id2label is None:
        count = config.get("num_labels", 2)
        if type(count) is not int or not 1 <= count <= MAX_CLASSES:
            raise PresetFormatError(
                f"{where}: /num_labels must be a positive integer. {received(num_labels=count)}"
            )
        return tuple(f"LABEL_{i}" for i in range(count))
    expected = [str(i) for i in range(len(id2label))] if isinstance(id2label, dict) else []
    if not expected or set(id2label) != set(expected):
        raise PresetFormatError(
            f"{where}: /id2label must map 0, 1, 2, ... without gaps to label names. "
            f"{received(id2label=id2label)}"
        )
    return check_labels([id2label[i] for i in expected], where, "/id2label", len(expected))


def _tokenizer(files: PresetFiles, family: Family) -> TokenizerData | None:
    if not files.exists(names.HF_VOCABULARY):
        return _from_tokenizer_json(files, family) if files.exists(names.TOKENIZER) else None
    settings = _tokenizer_config(files)
    where = f"{names.HF_TOKENIZER_CONFIG} of preset {files}"
    lowercase = check_flag(settings.get("do_lower_case", True), where, "/do_lower_case")
    strip_accents = settings.get("strip_accents")
    if strip_accents is not None:
        check_flag(strip_accents, where, "/strip_accents")
    if settings.get("tokenize_chinese_chars", True) is not True:
        raise PresetFormatError(f"{where}: /tokenize_chinese_chars must be true.")
    return TokenizerData(
        read_vocabulary(files, names.HF_VOCABULARY),
        _options(family, lowercase, lowercase if strip_accents is None else strip_accents),
    )


def _options(family: Family, lowercase: bool, strip_accents: bool) -> dict[str, Any]:
    return {
        "lowercase": lowercase,
        "strip_accents": strip_accents,
        "special_tokens_in_strings": True,
        "suffix_indicator": "##",
        "oov_token": family.special_tokens["unknown"],
    }


def _from_tokenizer_json(files: PresetFiles, family: Family) -> TokenizerData:
    """A fast tokenizer's own file, as newer `transformers` writes it, of the known shape."""
    document = read_json(files, names.TOKENIZER, names.VOCABULARY_LIMIT)
    where = f"{names.TOKENIZER} of preset {files}"
    match document:
        case {
            "model": {"type": "WordPiece", "vocab": dict(vocab), **model},
            "normalizer": {"type": "BertNormalizer", **normalizer},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
        } if normalizer.get("handle_chinese_chars", True) and normalizer.get("clean_text", True):
            pass
        case _:
            raise PresetFormatError(
                f"{where} is not of a known shape; accepted here: a WordPiece model with "
                f"BertNormalizer and BertPreTokenizer."
            )
    tokens = sorted(vocab, key=lambda token: _token_id(vocab[token], token, where))
    if [vocab[token] for token in tokens] != list(range(len(tokens))):
        raise PresetFormatError(f"{where}: /model/vocab must number its tokens 0, 1, 2, ...")
    problem = vocabulary_problem(tokens)
    if problem:
        raise PresetFormatError(f"{where}: /model/vocab {problem}.")
    lowercase = check_flag(normalizer.get("lowercase", True), where, "/normalizer/lowercase")
    strip_accents = normalizer.get("strip_accents")
    if strip_accents is not None:
        check_flag(strip_accents, where, "/normalizer/strip_accents")
    options = _options(family, lowercase, lowercase if strip_accents is None else strip_accents)
    for ours, theirs in (
        ("suffix_indicator", "continuing_subword_prefix"),
        ("oov_token", "unk_token"),
    ):
        if model.get(theirs, options[ours]) != options[ours]:
            raise PresetFormatError(
                f"{where}: /model/{theirs} must be {options[ours]!r}. "
                f"{received(value=model[theirs])}"
            )
    return TokenizerData(tuple(tokens), options)


def _token_id(value: Any, token: str, where: str) -> int:
    if type(value) is not int:
        raise PresetFormatError(f"{where}: /model/vocab/{shorten(token)} must be an integer.")
    return value


def _tokenizer_config(files: PresetFiles) -> dict[str, Any]:
    if not files.exists(names.HF_TOKENIZER_CONFIG):
        return {}
    return read_json(files, names.HF_TOKENIZER_CONFIG)


def _sequence_length(files: PresetFiles, backbone: Mapping[str, Any]) -> int:
    longest = backbone["max_sequence_length"]
    stated = _tokenizer_config(files).get("model_max_length")
    if type(stated) in (int, float) and 3 <= stated <= longest:  # 1e30 stands for "not known"
        return int(stated)
    return longest
