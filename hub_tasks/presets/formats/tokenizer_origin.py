"""Whose tokenizer a `transformers` checkpoint has, and how it joins the texts of a pair.

It need not be that of the encoder's family: `paraphrase-multilingual-MiniLM-L12-v2` is a BERT
under XLM-RoBERTa's tokenizer. What the files hold decides; class names, looked up in a
closed table, only say what the files leave open.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hub_tasks.errors import PresetFormatError, received
from hub_tasks.families import FAMILIES, Family

_ALIKE = ("tokenizer", "special_tokens", "fairseq_ids", "steps", "whole_words")
_CLASSES = {
    family.architecture.replace("ForSequenceClassification", "Tokenizer"): family
    for family in FAMILIES.values()
}
_OF_NO_FAMILY = ("PreTrainedTokenizer", "TokenizersBackend")
_KINDS = {"WordPiece": "wordpiece", "BPE": "byte_pair", "Unigram": "sentencepiece"}


class TokenizerClass(NamedTuple):
    """The class that a checkpoint names.

    Attributes:
        family: its family; that of the encoder where none is named; None for a class of no
            family.
        known: whether the name is in the table.
        name: as it stands there.
    """

    family: Family | None
    known: bool
    name: str | None


def read_class(
    settings: Mapping[str, Any], config: Mapping[str, Any], encoder: Family, where: str
) -> TokenizerClass:
    """The class of the tokenizer, as `tokenizer_config.json` or else `config.json` names it."""
    name = settings.get("tokenizer_class") or config.get("tokenizer_class")
    if name is None:
        return TokenizerClass(encoder, True, None)
    if not isinstance(name, str):
        raise PresetFormatError(
            f"{where}: /tokenizer_class must be a string. {received(tokenizer_class=name)}"
        )
    plain = name.removesuffix("Fast")
    return TokenizerClass(_CLASSES.get(plain), plain in (*_CLASSES, *_OF_NO_FAMILY), name)


def family_of_class(named: TokenizerClass, encoder: Family, where: str) -> Family:
    """The family whose tokenizer the vocabulary files make, which only a class name can tell.

    Raises:
        PresetFormatError: a class that would make other token ids of these files.
    """
    if not named.known:
        raise PresetFormatError(
            f"{where}: /tokenizer_class is of no family that hub_tasks reads, so that vocabulary "
            f"files alone do not say how texts are cut. Accepted: {', '.join(_CLASSES)}; or save "
            f"the tokenizer with a tokenizer.json. {received(tokenizer_class=named.name)}"
        )
    family = named.family or encoder
    return encoder if all(getattr(family, n) == getattr(encoder, n) for n in _ALIKE) else family


def family_of_document(
    document: Mapping[str, Any],
    settings: Mapping[str, Any],
    named: TokenizerClass,
    encoder: Family,
    where: str,
) -> Family:
    """The family that has a `tokenizer.json`'s kind of tokenizer and its special tokens.

    Raises:
        PresetFormatError: there is none.
    """
    kind, vocabulary = _model(document)
    added = document.get("added_tokens")
    entries = added if isinstance(added, list) else []
    known = vocabulary | {str(e.get("content")) for e in entries if isinstance(e, dict)}
    joined = _pair(document, where)
    ends = (joined.start, joined.end) if joined else (None, None)
    stated = [one or _content(settings.get(key)) for one, key in zip(ends, _ENDS, strict=True)]
    for family in (encoder, named.family, *FAMILIES.values()):
        if family is None or family.tokenizer != kind:
            continue
        tokens = family.special_tokens
        if known.issuperset(tokens.values()) and all(
            one in (None, tokens[role]) for one, role in zip(stated, ("start", "end"), strict=True)
        ):
            return family
    raise PresetFormatError(
        f"{where} is the tokenizer of no known family: none has this kind of model with these "
        f"special tokens. {received(model=kind, start=stated[0], end=stated[1])}"
    )


def read_pairs(
    document: Mapping[str, Any],
    settings: Mapping[str, Any],
    named: TokenizerClass,
    encoder: Family,
    family: Family,
    where: str,
) -> str:
    """How pairs are joined: a name in `schema.PAIRS`; the family's way where no file says.

    Raises:
        PresetFormatError: the encoder has segments, and texts are numbered in no known way.
    """
    joined = _pair(document, where)
    if joined is None:
        return family.pairs
    odd = joined.numbered is None
    if odd and encoder.encoder.segments is True:
        raise PresetFormatError(
            f"{where}: /post_processor/pair/*/type_id must be all 0, or 0 for the first of two "
            f"texts with the tokens around it and 1 for the second and its end."
        )
    if joined.double_end:
        return "two_ends"
    inputs = settings.get("model_input_names")
    if isinstance(inputs, list):
        numbered = "token_type_ids" in inputs
    else:
        numbered = named.family is None or named.family.pairs == "numbered"
    return "numbered" if joined.numbered and numbered else "one_end"


_ENDS = ("cls_token", "sep_token")


class _Pair(NamedTuple):
    """What a `post_processor` makes of a pair; `numbered` is None for numbers of another kind."""

    start: str
    end: str
    double_end: bool
    numbered: bool | None


def _model(document: Mapping[str, Any]) -> tuple[str, set[str]]:
    """The kind of a model, and its tokens; older files do not name the kind."""
    model = document.get("model")
    model = model if isinstance(model, dict) else {}
    vocabulary = model.get("vocab")
    if isinstance(vocabulary, list):
        pieces = {e[0] for e in vocabulary if isinstance(e, list) and e and isinstance(e[0], str)}
        return _KINDS.get(str(model.get("type", "Unigram")), ""), pieces
    guess = "BPE" if "merges" in model else "WordPiece"
    tokens = set(vocabulary) if isinstance(vocabulary, dict) else set()
    return _KINDS.get(str(model.get("type", guess)), ""), tokens


def _content(token: Any) -> str | None:
    """A token that is stated as a string, or as an object with flags."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None


def _pair(document: Mapping[str, Any], where: str) -> _Pair | None:
    """How pairs are joined, as a `post_processor` says; None where it adds no tokens."""
    processor = document.get("post_processor")
    parts = [processor]
    if isinstance(processor, dict) and processor.get("type") == "Sequence":
        parts = processor.get("processors")
    for part in parts if isinstance(parts, list) else []:
        match part:
            case {"type": "RobertaProcessing", "cls": [str(start), _], "sep": [str(end), _]}:
                return _Pair(start, end, True, False)
            case {"type": "BertProcessing", "cls": [str(start), _], "sep": [str(end), _]}:
                return _Pair(start, end, False, True)
            case {"type": "TemplateProcessing", "pair": list(pair)}:
                return _template(pair, where)
    return None


def _template(pair: list[Any], where: str) -> _Pair:
    """`[start] A [end] B [end]`, or with two ends between the texts."""
    places, numbers = [], []
    for part in pair:
        match part:
            case {"SpecialToken": {"id": str(name), "type_id": int(number)}}:
                places.append(name)
            case {"Sequence": {"id": "A" | "B" as name, "type_id": int(number)}}:
                places.append((name,))
            case _:
                continue
        numbers.append(number)
    match places:
        case [str(start), ("A",), *ends, ("B",), str(end)] if set(ends) == {end}:
            numbered = {(0,) * len(numbers): False, (0, 0, 0, 1, 1): True}.get(tuple(numbers))
            if len(ends) < 3:
                return _Pair(start, end, len(ends) == 2, numbered)
    raise PresetFormatError(
        f"{where}: /post_processor joins texts in a way that hub_tasks does not know. "
        f"{received(pair=pair)}"
    )
