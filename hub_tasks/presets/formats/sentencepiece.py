"""SentencePiece models (`spiece.model`, `vocabulary.spm`), read and written as data.

Format: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto,
in the encoding of https://protobuf.dev/programming-guides/encoding. Only the entries that
say how a text is cut are kept; no text is ever cut here.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hub_tasks.errors import PresetFormatError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
UNIGRAM, BPE = 1, 2
_MAX_PIECES = 4_000_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class SentencePieceModel:
    """What a model file says.

    Args:
        pieces: token, score and type of each, in the order of ids.
        algorithm: `UNIGRAM` or `BPE`.
        byte_fallback: whether what no piece covers becomes bytes, not the unknown token.
        charsmap: the compiled rules of normalisation; empty for none.
        dummy_prefix: whether a text is cut as if a space stood before it.
        remove_extra_whitespaces: whether spaces are stripped and runs of them joined.
    """

    pieces: tuple[tuple[str, float, int], ...]
    algorithm: int = UNIGRAM
    byte_fallback: bool = False
    charsmap: bytes = b""
    dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True


def read_model(data: bytes, where: str) -> SentencePieceModel:
    """Reads a model file.

    Raises:
        PresetFormatError: not such a file, a damaged one, or of an algorithm other than
            Unigram and BPE.
    """
    try:
        model = _model(data)
    except (ValueError, KeyError, IndexError, struct.error) as error:
        raise PresetFormatError(f"{where} is not a SentencePiece model: {error}.") from None
    if model.algorithm not in (UNIGRAM, BPE):
        raise PresetFormatError(f"{where} is neither a Unigram nor a BPE model.")
    if not 0 < len(model.pieces) <= _MAX_PIECES:
        raise PresetFormatError(f"{where} must have 1 to {_MAX_PIECES} pieces.")
    return model


def _model(data: bytes) -> SentencePieceModel:
    pieces, trainer, normalizer = [], {}, {}
    for number, value in _fields(data):
        if number == 1:
            entry = dict(_fields(_bytes(value)))
            score = struct.unpack("<f", struct.pack("<I", entry.get(2, 0)))[0]
            pieces.append((_bytes(entry[1]).decode(), score, entry.get(3, NORMAL)))
        elif number == 2:
            trainer = dict(_fields(_bytes(value)))
        elif number == 3:
            normalizer = dict(_fields(_bytes(value)))
    return SentencePieceModel(
        pieces=tuple(pieces),
        algorithm=trainer.get(3, UNIGRAM),
        byte_fallback=bool(trainer.get(35, False)),
        charsmap=_bytes(normalizer.get(2, b"")),
        dummy_prefix=bool(normalizer.get(3, True)),
        remove_extra_whitespaces=bool(normalizer.get(4, True)),
    )


def write_model(model: SentencePieceModel) -> bytes:
    """The bytes of a model file."""
    out = []
    for piece, score, kind in model.pieces:
        body = _field(1, piece.encode()) + b"\x15" + struct.pack("<f", score)
        out.append(_field(1, body + (_field(3, kind) if kind != NORMAL else b"")))
    types = [kind for _, _, kind in model.pieces]
    unknown = types.index(UNKNOWN) if UNKNOWN in types else 0
    trainer = _field(3, model.algorithm) + _field(4, len(model.pieces))
    trainer += _field(35, int(model.byte_fallback)) + _field(40, unknown)
    normalizer = _field(1, b"hub_tasks") + _field(2, model.charsmap)
    normalizer += _field(3, int(model.dummy_prefix))
    normalizer += _field(4, int(model.remove_extra_whitespaces))
    return b"".join([*out, _field(2, trainer), _field(3, normalizer)])


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: number and value."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
            value, at = int.from_bytes(data[at : at + size], "little"), at + size
        elif kind == _BYTES:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            raise ValueError(f"a field of unknown kind at byte {at}")
        if at > len(data):
            raise ValueError("it ends too early")
        yield key >> 3, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError(f"a number without end at byte {at}")


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number where a string must be")
    return value


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return _number(number << 3 | _BYTES) + _number(len(value)) + value
    return _number(number << 3 | _VARINT) + _number(value)


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
