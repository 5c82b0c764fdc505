"""Vocabulary files: tokens in the order of ids, merges, SentencePiece models."""

from collections.abc import Mapping, Sequence
from typing import Any

from hub_tasks.errors import PresetFormatError, PresetSaveError, received, shorten
from hub_tasks.families import Family
from hub_tasks.presets import files as names
from hub_tasks.presets.data import PresetData
from hub_tasks.presets.files import VOCABULARY_LIMIT, PresetFiles
from hub_tasks.presets.formats.sentencepiece import (
    BPE,
    CONTROL,
    NORMAL,
    UNIGRAM,
    UNKNOWN,
    USER_DEFINED,
    SentencePieceModel,
    read_model,
    write_model,
)
from hub_tasks.presets.schema import is_text
from hub_tasks.presets.strict_json import read_json

_MAX_TOKENS = 4_000_000
_BYTES_A_TOKEN = 256  # in any file; the families here need 70 in the largest
_FILES = (
    names.TOKENIZER,
    names.VOCABULARY,
    names.BPE_VOCABULARY,
    names.BPE_MERGES,
    names.SENTENCEPIECE,
    names.HF_VOCABULARY,
    names.HF_BPE_VOCABULARY,
    names.HF_BPE_MERGES,
    *names.HF_SENTENCEPIECE,
)
_FAIRSEQ = ("<s>", "<pad>", "</s>", "<unk>")
_IN_MODEL = ("<unk>", "<s>", "</s>")  # the first pieces of a model, for these


def read_vocabulary(files: PresetFiles, name: str) -> tuple[str, ...]:
    """Reads a vocabulary of one token a line, the line number being the id.

    Raises:
        PresetFormatError: not UTF-8, a NUL, an empty line, or a token twice (both line
            numbers are named).
    """
    where = f"{name} of preset {files}"
    tokens = [line.removesuffix("\r") for line in _read_lines(files, name)]
    problem = vocabulary_problem(tokens)
    if problem:
        raise PresetFormatError(f"{where} {problem}.")
    return tuple(tokens)


def read_numbered_vocabulary(files: PresetFiles, name: str) -> tuple[str, ...]:
    """Reads a vocabulary that is a JSON object from token to id."""
    document = read_json(files, name, VOCABULARY_LIMIT)
    return in_order_of_ids(document, f"{name} of preset {files}: /")


def in_order_of_ids(ids: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Tokens by their ids, which must be 0, 1, 2, ..."""
    for token, number in ids.items():
        if type(number) is not int:
            raise PresetFormatError(f"{where} gives {shorten(token)} an id that is no integer.")
    tokens = sorted(ids, key=lambda token: ids[token])
    if [ids[token] for token in tokens] != list(range(len(tokens))):
        raise PresetFormatError(f"{where} must number its tokens 0, 1, 2, ...")
    problem = vocabulary_problem(tokens)
    if problem:
        raise PresetFormatError(f"{where} {problem}.")
    return tuple(tokens)


def read_merges(files: PresetFiles, name: str) -> tuple[tuple[str, str], ...]:
    """Reads merges, two pieces a line with a space between them."""
    lines = _read_lines(files, name)
    if lines and lines[0].startswith("#version"):
        lines = lines[1:]
    return check_merges([line for line in lines if line], f"{name} of preset {files}")


def check_merges(merges: Any, where: str) -> tuple[tuple[str, str], ...]:
    """Merges, each a pair or two pieces with a space between them, as pairs."""
    pairs = []
    for number, merge in enumerate(merges if isinstance(merges, list) else [None], start=1):
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if (
            not isinstance(parts, list)
            or len(parts) != 2
            or not all(isinstance(part, str) and part and is_text(part) for part in parts)
        ):
            raise PresetFormatError(f"{where}: merge {number} is not a pair of pieces.")
        pairs.append((parts[0], parts[1]))
    return tuple(pairs)


def read_sentencepiece(
    files: PresetFiles, name: str, family: Family
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The vocabulary of a SentencePiece model, with the family's special tokens, and options."""
    where = f"{name} of preset {files}"
    model = read_model(files.read(name, VOCABULARY_LIMIT), where)
    pieces = [(piece, score) for piece, score, _ in model.pieces]
    if family.fairseq_ids:
        if tuple(piece for piece, _ in pieces[:3]) != _IN_MODEL:
            raise PresetFormatError(f"{where} must begin with {', '.join(_IN_MODEL)}.")
        pieces = [(token, 0.0) for token in _FAIRSEQ] + pieces[3:]
    known = {piece for piece, _ in pieces}
    mask = family.special_tokens["mask"]
    if mask not in known:
        pieces.append((mask, 0.0))
    problem = vocabulary_problem([piece for piece, _ in pieces])
    if problem:
        raise PresetFormatError(f"{where} {problem}.")
    special = set(family.special_tokens.values())
    found = tuple(p for p, _, kind in model.pieces if kind == USER_DEFINED and p not in special)
    options = {
        "scores": tuple(score for _, score in pieces),
        "bpe": model.algorithm == BPE,
        "byte_fallback": model.byte_fallback,
        "charsmap": model.charsmap,
        "prefix_space": model.dummy_prefix,
        "user_defined": found,
    }
    return tuple(piece for piece, _ in pieces), options


def write_sentencepiece(
    family: Family, vocabulary: Sequence[str], options: Mapping[str, Any]
) -> bytes:
    """The inverse of `read_sentencepiece`.

    Raises:
        PresetSaveError: the family's files number the first tokens in another way.
    """
    special = family.special_tokens
    types = dict.fromkeys(special.values(), CONTROL) | {special["unknown"]: UNKNOWN}
    types |= {token.content: USER_DEFINED for token in options["added_tokens"]}
    pieces = list(zip(vocabulary, options["scores"], strict=True))
    if family.fairseq_ids:
        if tuple(vocabulary[: len(_FAIRSEQ)]) != _FAIRSEQ:
            raise PresetSaveError(
                f"Not saved: the vocabulary file of {family.title} has no place for ids, and the "
                f"first tokens must be {', '.join(_FAIRSEQ)}. `save_to_transformers` keeps them. "
                f"{received(vocabulary=list(vocabulary[: len(_FAIRSEQ)]))}"
            )
        last = -1 if vocabulary[-1] == special["mask"] else None  # else tokens were added after it
        pieces = [(token, 0.0) for token in _IN_MODEL] + pieces[len(_FAIRSEQ) : last]
    return write_model(
        SentencePieceModel(
            pieces=tuple((piece, score, types.get(piece, NORMAL)) for piece, score in pieces),
            algorithm=BPE if options["bpe"] else UNIGRAM,
            byte_fallback=options["byte_fallback"],
            charsmap=options["charsmap"],
            dummy_prefix=options["prefix_space"],
        )
    )


def vocabulary_problem(tokens: Sequence[str]) -> str | None:
    """What keeps tokens from being a vocabulary file, or None."""
    first: dict[str, int] = {}
    for number, token in enumerate(tokens, start=1):
        if not token:
            return f"has no token in line {number}"
        if "\0" in token or "\n" in token or token.endswith("\r") or not is_text(token):
            return f"has the token {shorten(token)}, which no line can hold, in line {number}"
        if token in first:
            return f"has the token {shorten(token)} twice, in lines {first[token]} and {number}"
        first[token] = number
    return None


def check_sizes(files: PresetFiles, rows: int) -> None:
    """Refuses vocabulary files far larger than an embedding of so many rows has use for."""
    most = names.JSON_LIMIT + _BYTES_A_TOKEN * rows
    for name in files.present(_FILES):
        size = files.size(name)
        if size is not None and size > most:
            raise PresetFormatError(
                f"{name} of preset {files} is larger than {most} bytes, the most that is read for "
                f"an embedding of {rows} rows. {received(bytes=size)}"
            )


def loss_of_tokens(data: PresetData, source: PresetFiles) -> str | None:
    """What to say of a vocabulary that seems to have lost tokens, where no digest would tell.

    Embeddings have a few rows more than tokens where their size was rounded up.
    """
    if data.tokenizer is None or data.backbone is None:
        return None
    tokens, rows = data.tokenizer.ids, data.backbone["vocabulary_size"]
    if tokens >= rows - max(rows // 100, 7):
        return None
    return (
        f"The vocabulary of preset {source} has {tokens} tokens for an embedding of {rows} rows "
        f"(vocabulary_size in config.json): the file is cut short, or of another model."
    )


def _read_lines(files: PresetFiles, name: str) -> list[str]:
    where = f"{name} of preset {files}"
    data = files.read(name, VOCABULARY_LIMIT)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PresetFormatError(f"{where} is not UTF-8 at byte {error.start}.") from None
    if text.count("\n") > _MAX_TOKENS:
        raise PresetFormatError(f"{where} has more than {_MAX_TOKENS} lines.")
    return text.removesuffix("\n").split("\n")
