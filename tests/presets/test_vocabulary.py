"""Vocabulary files: one token a line, each once."""

import pytest

from hub_tasks.errors import PresetFormatError
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats import vocabulary

GOOD = {
    "plain": (b"a\nb\n", ("a", "b")),
    "no newline at the end": (b"a\nb", ("a", "b")),
    "windows line ends": (b"a\r\nb\r\n", ("a", "b")),
    "other separators are part of a token": (
        "a\u2028b\n\x0c\nc d\n".encode(),
        ("a\u2028b", "\x0c", "c d"),
    ),
}
BAD = {
    "empty file": (b"", "line 1"),
    "empty line": (b"a\n\nb\n", "line 2"),
    "trailing blank line": (b"a\nb\n\n", "line 3"),
    "token twice": (b"a\nb\nc\nb\n", "'b' twice, in lines 2 and 4"),
    "token twice by line ends": (b"a\na\r\n", "'a' twice, in lines 1 and 2"),
    "NUL": (b"a\nb\0c\n", "line 2"),
    "latin-1": ("a\né\n".encode("latin-1"), "UTF-8 at byte 2"),
    "encoded surrogate": (b"a\n\xed\xa0\x80\n", "UTF-8"),
    "five million lines": (b"\n" * 5_000_000, "more than 4000000 lines"),
}


@pytest.fixture
def read(tmp_path):
    def read(data: bytes):
        (tmp_path / "vocab.txt").write_bytes(data)
        return vocabulary.read_vocabulary(PresetFiles(tmp_path, "./p"), "vocab.txt")

    return read


@pytest.mark.parametrize(("data", "tokens"), GOOD.values(), ids=GOOD)
def test_accepted(data, tokens, read):
    assert read(data) == tokens


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("data", "message"), BAD.values(), ids=BAD)
def test_refused(data, message, read):
    with pytest.raises(PresetFormatError, match=message) as caught:
        read(data)
    assert "vocab.txt of preset ./p" in str(caught.value)


def test_too_large_a_file_is_refused(read, monkeypatch):
    monkeypatch.setattr(vocabulary, "VOCABULARY_LIMIT", 10)
    assert read(b"a\n" + b"b" * 8) == ("a", "b" * 8)
    with pytest.raises(PresetFormatError, match="larger than 10 bytes"):
        read(b"a\n" + b"b" * 9)
