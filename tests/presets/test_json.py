"""JSON files: an object, strict, bounded; anything else is one clear error."""

import json

import pytest

from hub_tasks.errors import PresetFormatError
from hub_tasks.presets.strict_json import parse_json

GOOD = {
    "empty object": (b"{}", {}),
    "byte order mark": (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    "surrogate pair": (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    "brackets in a string": (b'{"a": "%s"}' % (b"[" * 200), {"a": "[" * 200}),
    "escaped quotes": (rb'{"a": "\"[\\"}', {"a": '"[\\'}),
    "equal keys apart": (b'{"a": {"a": 1}, "b": {"a": 2}}', {"a": {"a": 1}, "b": {"a": 2}}),
}
BAD = {
    "empty file": (b"", "not JSON"),
    "null": (b"null", "must hold a JSON object"),
    "list": (b"[]", "must hold a JSON object"),
    "number": (b"3", "must hold a JSON object"),
    "truncated": (b'{"a": 1', "not JSON"),
    "trailing text": (b"{} {}", "not JSON"),
    "single quotes": (b"{'a': 1}", "not JSON"),
    "utf-16": ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
    "invalid utf-8": (b'{"a": "\xff"}', "not UTF-8"),
    "lone surrogate": (b'{"a": ["\\udc80"]}', "surrogate"),
    "lone surrogate as a key": (b'{"\\ud800": 1}', "surrogate"),
    "key twice": (b'{"size": 1, "other": 2, "size": 1}', "key 'size' twice"),
    "key twice further in": (b'{"a": [{"b": 1, "b": 2}]}', "key 'b' twice"),
    "NaN": (b'{"a": NaN}', "NaN"),
    "Infinity": (b'{"a": -Infinity}', "Infinity"),
    "overflow": (b'{"a": 1e400}', "overflows"),
    "integer of 5000 digits": (b'{"a": %s}' % (b"9" * 5000), "not JSON"),
    "65 levels": (b'{"a":' * 65 + b"1" + b"}" * 65, "deeper than 64"),
    "200 000 arrays": (b"[" * 200_000, "deeper than 64"),
    "an unclosed string of a million quotes": (b'{"' + b'\\"' * 1_000_000, "not JSON"),
}


@pytest.mark.parametrize(("data", "expected"), GOOD.values(), ids=GOOD)
def test_accepted(data, expected):
    assert parse_json(data, "x.json") == expected


def test_64_levels_are_accepted():
    assert parse_json(b'{"a":' * 64 + b"1" + b"}" * 64, "x.json")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("data", "message"), BAD.values(), ids=BAD)
def test_refused(data, message):
    with pytest.raises(PresetFormatError, match=message) as caught:
        parse_json(data, "x.json of preset ./p")
    assert "x.json of preset ./p" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_refused_wherever_it_is_cut(tiny):
    data = (tiny.keras / "tokenizer.json").read_bytes().rstrip()
    for length in range(len(data)):
        with pytest.raises(PresetFormatError):
            parse_json(data[:length], "x.json")


@pytest.mark.timeout(20)
def test_many_wide_objects_take_no_quadratic_time():
    wide = {str(i): 0 for i in range(999)}
    document = {str(i): wide for i in range(300)}
    assert len(parse_json(json.dumps(document).encode(), "x.json")) == 300
