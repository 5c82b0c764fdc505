"""Files changed at random, so that what reads them meets what nobody thought of."""

import json
import random
import struct
from typing import Any

_NUMBERS = (0, 1, -1, 2, 3, 127, 255, 2**16, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
_SCALARS = (
    *_NUMBERS,
    10**30,
    0.5,
    -0.0,
    1e308,
    None,
    True,
    False,
    "",
    "x",
    "../x",
    "/etc/passwd",
    "[SEP]",
    "<s>",
    "keras_hub>BertBackbone",
    "\ud83d\ude00",
    "\0",
    "\n",
    " a",
    "a" * 300,
    [],
    {},
    [[]],
    {"a": {}},
    ["a", 1],
    [["a", 0.0]],
)


def mutate(data: bytes, name: str, rng: random.Random) -> bytes:
    """A changed copy of a file's bytes; JSON stays JSON for the most part."""
    if name.endswith(".json") and rng.random() < 0.8:
        return _json(data, rng)
    if name.endswith(".safetensors") and rng.random() < 0.6:
        (length,) = struct.unpack("<Q", data[:8])
        header = _json(data[8 : 8 + length], rng)
        return struct.pack("<Q", len(header)) + header + data[8 + length :]
    return _bytes(data, rng)


def _json(data: bytes, rng: random.Random) -> bytes:
    document = json.loads(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        places = list(_places(document))
        if not places:
            break
        holder, key = rng.choice(places)
        _change(holder, key, places, rng)
    return json.dumps(document, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def _places(value: Any) -> Any:
    """Every entry, as the object or list that holds it and the key; few of a long list."""
    entries = list(value.items() if isinstance(value, dict) else enumerate(value))
    for key, inner in entries if len(entries) < 40 else entries[:10] + entries[-10:]:
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _change(holder: Any, key: Any, places: list[Any], rng: random.Random) -> None:
    kind = rng.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        other, its = rng.choice(places)
        holder[key] = json.loads(json.dumps(other.get(its) if isinstance(other, dict) else None))
    elif kind == 2 and isinstance(holder, dict):
        holder[rng.choice(("x", "", "config", "type", "0"))] = holder[key]
    elif kind == 3 and isinstance(holder[key], int | float):
        holder[key] = rng.choice((holder[key] + 1, -holder[key], holder[key] * 2**20))
    elif kind == 4 and isinstance(holder[key], str) and holder[key]:
        at = rng.randrange(len(holder[key]))
        holder[key] = (
            holder[key][:at] + rng.choice(("", "\0", "/", "\u0301", " ")) + holder[key][at:]
        )
    else:
        holder[key] = rng.choice(_SCALARS)


def _bytes(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if not out:
            break
        at = rng.randrange(len(out))
        kind = rng.randrange(8)
        if kind <= 2:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            out[at] = rng.randrange(256)
        elif kind == 4:
            size = rng.choice((1, 2, 4, 8))
            number = rng.choice(_NUMBERS) % 2 ** (8 * size)
            out[at : at + size] = number.to_bytes(size, rng.choice(("little", "big")))
        elif kind == 5:
            size, start = rng.randrange(1, 64), rng.randrange(len(out))
            out[at : at + size] = out[start : start + size]
        elif kind == 6:
            del out[at : at + rng.randrange(1, 64)]
        else:
            out[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 16)))
    if rng.random() < 0.05:
        out = out[: rng.randrange(len(out) + 1)]
    return bytes(out)
