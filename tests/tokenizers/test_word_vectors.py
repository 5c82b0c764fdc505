"""Word vectors: every format read as it is written, bad files refused, memory that stays flat."""

import bz2
import gzip
import io
import lzma
import os
import re
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from hub_tasks.errors import DataError, VectorsError
from hub_tasks.tokenizers import read_word_vectors, word_vectors

WORDS = ["the", "caf\u00e9", "\u4e2d", "Bank"]
VECTORS = [[0.5, -1.25, 3.0], [0.0, 1e-3, -2.5e2], [1.0, 2.0, 3.0], [-0.125, 0.1, 7.0]]


def text_of(vectors=VECTORS, words=WORDS, end="\n"):
    lines = (f"{w} {' '.join(map(repr, v))}{end}" for w, v in zip(words, vectors, strict=True))
    return "".join(lines).encode()


def binary_of(end=b"", words=WORDS, vectors=VECTORS):
    entries = zip(words, vectors, strict=True)
    return b"".join(w.encode() + b" " + struct.pack(f"<{len(v)}f", *v) + end for w, v in entries)


FORMATS = {
    "glove": text_of(),
    "glove without a last line break": text_of().rstrip(b"\n"),
    "glove, lines of Windows": text_of(end="\r\n"),
    "glove, blank last lines": text_of() + b"\n\n",
    "glove, byte-order mark": b"\xef\xbb\xbf" + text_of(),
    "word2vec text": b"4 3\n" + text_of(),
    "word2vec text of the C tool": b"4 3\n" + text_of(end=" \n"),
    "word2vec text, lines of Windows": b"4 3\r\n" + text_of(end="\r\n"),
    "word2vec text, words of another encoding": b"5 3\n" + text_of() + b"\xe9\x01 1 2 3\n",
    "word2vec binary": b"4 3\n" + binary_of(),
    "word2vec binary of the C tool": b"4 3\n" + binary_of(b"\n"),
}


@pytest.fixture
def write(tmp_path):
    def write(data, name="vectors"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize(
    ("pack", "name"),
    [(bytes, "vectors.gz"), (bytes, "vectors.bin"), (gzip.compress, "vectors.txt")],
    ids=["plain as .gz", "plain as .bin", "gzip as .txt"],
)
@pytest.mark.parametrize("data", FORMATS.values(), ids=FORMATS)
def test_formats_are_told_by_content(write, data, pack, name):
    read = read_word_vectors(write(pack(data), name), ["Bank", "missing", *WORDS[:3]])
    expected = np.array([VECTORS[3], [0.0] * 3, *VECTORS[:3]], np.float32)
    assert read.values.dtype == np.float32
    np.testing.assert_array_equal(read.values, expected)
    assert read.found.tolist() == [True, False, True, True, True]
    assert read.dimensions == 3
    assert read.missing_share == pytest.approx(0.2)


def test_two_gzip_members_are_one_file(write):
    data = gzip.compress(b"4 3\n") + gzip.compress(text_of())
    assert read_word_vectors(write(data), WORDS).found.all()


@pytest.mark.parametrize("first", [0.0, 1.0, 0.1, -0.3, struct.unpack("<f", b"\n\n\n=")[0]])
@pytest.mark.parametrize("dimensions", [1, 2, 100])
def test_binary_is_recognised_whatever_its_floats(write, first, dimensions):
    vectors = [[first] + [0.25] * (dimensions - 1), *[[0.75] * dimensions] * 3]
    path = write(b"4 %d\n" % dimensions + binary_of(vectors=vectors))
    read = read_word_vectors(path, ["Bank", "the"])
    np.testing.assert_array_equal(read.values, np.float32([vectors[3], vectors[0]]))


def test_binary_entries_across_the_ends_of_blocks(write):
    count, dimensions = 3000, 301
    values = np.random.default_rng(0).normal(size=(count, dimensions)).astype("<f4")
    words = [f"w{i:x}" * (1 + i % 7) for i in range(count)]
    entries = b"".join(w.encode() + b" " + v.tobytes() for w, v in zip(words, values, strict=True))
    read = read_word_vectors(write(b"%d %d\n" % values.shape + entries), words)
    np.testing.assert_array_equal(read.values, values)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b". . . 1 2 3\n", ". . ."),
        (b"at name@domain.com 1 2 3\n", "at name@domain.com"),
        (b"a\xc2\xa0b 1 2 3\n", "a\u00a0b"),
        (b"a\xc2\x85b 1 2 3\n", "a\u0085b"),
        (b"a\x0cb 1 2 3\n", "a\x0cb"),
        (b"7 1 2 3\n", "7"),
        (b"nan 1 2 3\n", "nan"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("header", [b"", b"5 3\n"], ids=["glove", "word2vec"])
def test_words_as_files_have_them(write, header, line, word):
    read = read_word_vectors(write(header + text_of() + line), [word])
    np.testing.assert_array_equal(read.values, np.float32([[1, 2, 3]]))


def test_a_first_line_with_spaces_in_its_word_needs_the_dimensions(write):
    path = write(b". . 1 2 3\n" + text_of())
    assert read_word_vectors(path, [". .", "the"], dimensions=3).found.all()
    with pytest.raises(VectorsError, match=r"line 1: value 1 .*not a number.*value='\.'"):
        read_word_vectors(path, ["the"])


@pytest.mark.parametrize(
    ("lines", "lowercase", "expected"),
    [
        (["bank 1", "bank 2"], False, 1),
        (["Bank 1"], False, None),
        (["Bank 1", "BANK 2"], True, 1),
        (["Bank 1", "bank 2", "bank 3"], True, 2),
        (["bank 1", "Bank 2"], True, 1),
    ],
)
def test_which_of_several_entries_counts(write, lines, lowercase, expected):
    path = write("\n".join(["x 9", *lines]).encode())
    read = read_word_vectors(path, ["bank"], lowercase=lowercase)
    assert read.found.tolist() == [expected is not None]
    assert read.values.tolist() == [[expected or 0]]


def test_lowercase_is_that_of_all_scripts(write):
    path = write("\u00c9T\u00c9 1 2\n\u041c\u0418\u0420 3 4\n".encode())
    read = read_word_vectors(path, ["\u00e9t\u00e9", "\u043c\u0438\u0440"], lowercase=True)
    assert read.values.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("lowercase", [False, True])
def test_a_word_of_another_encoding_is_nobodys(write, lowercase):
    path = write(b"caf\xe9 1 2\nCAF\xe9 1 2\n")
    vocabulary = ["caf\u00e9", "caf\ufffd", "caf"]
    assert not read_word_vectors(path, vocabulary, lowercase=lowercase).found.any()


def test_rows_of_unwanted_words_are_not_parsed(write):
    path = write(text_of() + b"odd nan x 1e999\n")
    assert read_word_vectors(path, WORDS).found.all()


def test_summary(write):
    path = write(text_of())
    read = read_word_vectors(path, [*WORDS, *map(str, range(1496))])
    assert read.summary() == "word_vectors: 4 of 1,500 words found (99.7 % out of vocabulary)"
    assert read_word_vectors(path, []).missing_share == 0


LONG = b"x" * 400_000
BAD = {
    "empty": (b"", {}, "empty"),
    "white space": (b" \n\n", {}, "empty"),
    "nothing under gzip": (gzip.compress(b""), {}, "empty"),
    "no vectors": (b"0 3\n", {}, "line 1 states 0 vectors"),
    "too few": (text_of() + b"x 1 2\n", {}, r"line 5: expected 4 fields.*Received: fields=3"),
    "too many": (text_of() + b"x 1 2 3 4\n", {}, r"line 5: expected 4 fields.*fields=5"),
    "no word": (text_of() + b"1 2 3\n", {}, r"line 5: expected 4 fields.*fields=3"),
    "too few behind a header": (
        b"5 3\n" + text_of() + b"x 1 2\n",
        {},
        r"line 6: expected 4 fields.*line 1 states.*fields=3",
    ),
    "two spaces": (text_of() + b"the 1  2 3\n", {}, "line 5: .*single spaces"),
    "no number": (text_of() + b"x 1 2 3o\n", {}, r"line 5: value 3 .*not a number.*value='3o'"),
    "a number of Python": (
        text_of() + b"x 1 2_0 3\n",
        {},
        r"line 5: value 2 .*not a number.*value='2_0'",
    ),
    "no number in the first entry": (
        b"1 2\nx 1 o\n",
        {},
        r"line 2: value 2 .*not a number.*value='o'",
    ),
    "prose": (b"This is a file\nof words.\n", {}, r"line 1: value 1 .*not a number.*value='is'"),
    "one word a line": (b"the\nof\n", {}, "line 1 gives vectors of 0 dimensions"),
    "nan": (text_of() + b"x 1 nan 3\n", {}, "line 5: value 2 .*not finite.*nan"),
    "infinite": (text_of() + b"x -inf 2 3\n", {}, "line 5: value 1 .*not finite.*-inf"),
    "more than float32": (text_of() + b"x 1 2 1e39\n", {}, "line 5: value 3 .*not finite"),
    "nan in binary": (
        b"1 2\n" + binary_of(words=["x"], vectors=[[1.0, float("nan")]]),
        {},
        "entry 1: value 2 .*not finite",
    ),
    "header with more": (b"5 3\n" + text_of(), {}, "states 5 vectors, and 4 follow"),
    "header with fewer": (b"3 3\n" + text_of(), {}, "states 3 vectors, and 4 follow"),
    "header without vectors": (b"3 3\n", {}, "states 3 vectors, and 0 follow"),
    "header, narrower": (b"4 2\n" + text_of(), {}, "line 2: expected 3 fields.*fields=4"),
    "header, wider": (b"4 300\n" + text_of(), {}, "line 2: expected 301 fields.*fields=4"),
    "header, no dimensions": (b"4 0\n" + text_of(), {}, "of 0 dimensions; 1 to 10,000"),
    "header, insane": (b"4 10001\n" + binary_of(), {}, "of 10,001 dimensions; 1 to 10,000"),
    "line, insane": (b"x" + b" 1" * 10_001, {}, "of 10,001 dimensions; 1 to 10,000"),
    "binary with more": (b"5 3\n" + binary_of(), {}, "entry 5 of 5 is cut"),
    "binary with fewer": (b"3 3\n" + binary_of(b"\n"), {}, "bytes follow the last of 3"),
    "binary, narrower": (b"4 2\n" + binary_of(), {}, "count=4, dimensions=2"),
    "binary, wider": (b"4 4\n" + binary_of(), {}, "count=4, dimensions=4"),
    "binary, cut in a vector": (b"4 3\n" + binary_of()[:-2], {}, "entry 4 of 4 is cut"),
    "binary, cut in a word": (b"4 3\n" + binary_of()[:-14], {}, "entry 4 of 4 is cut"),
    "other dimensions": (text_of(), {"dimensions": 5}, r"line 1: expected 6 fields.*dimensions=5"),
    "fewer dimensions": (text_of(), {"dimensions": 2}, r"line 1: expected 3 fields.*dimensions=2"),
    "other dimensions, header": (
        b"4 3\n" + text_of(),
        {"dimensions": 5},
        "have 3 dimensions.*Received: dimensions=5",
    ),
    "other dimensions, binary": (
        b"4 3\n" + binary_of(),
        {"dimensions": 5},
        "have 3 dimensions.*Received: dimensions=5",
    ),
    "long first line": (LONG, {}, "line 1: it has more than"),
    "long line": (text_of() + LONG, {}, "line 5: it has more than"),
    "long word in binary": (
        b"2 3\n" + binary_of(words=["a"], vectors=[[1, 2, 3]]) + LONG,
        {},
        "entry 2 of 2 does not begin with a word",
    ),
    "gzip, cut": (gzip.compress(text_of())[:-12], {}, "cannot be read to the end"),
    "gzip, damaged": (gzip.compress(text_of())[:-8] + b"\0" * 8, {}, "cannot be read to the end"),
    "gzip, no more than its name": (b"\x1f\x8bxxxxxxxxxxxxxx", {}, "cannot be read to the end"),
    "xz": (lzma.compress(text_of()), {}, "is compressed with xz"),
    "bzip2": (bz2.compress(text_of()), {}, "is compressed with bzip2"),
    "model of fastText": (struct.pack("<ii", 793712314, 12), {}, "pass its .vec file"),
    "UTF-16": (text_of().decode().encode("utf-16"), {}, "line 1: .*Accepted"),
}


@pytest.mark.parametrize(("data", "options", "message"), BAD.values(), ids=BAD)
def test_bad_files(write, data, options, message):
    path = write(data)
    with pytest.raises(VectorsError, match=f"(?s){re.escape(repr(str(path)))}.*{message}"):
        read_word_vectors(path, ["x", *WORDS], **options)


def test_a_zip_archive_is_named(write):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("glove.6B.50d.txt", text_of())
    with pytest.raises(VectorsError, match="is a zip archive; unpack it"):
        read_word_vectors(write(buffer.getvalue()), WORDS)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("glove.6B.50.txt", "no such file. Did you mean 'glove.6B.50d.txt'"),
        ("nowhere/glove.txt", "there is no folder"),
        ("glove.6B.50d.txt/inner", "there is no folder"),
        (".", "are a directory.*It holds glove.6B.50d.txt"),
        ("pipe", "not a regular file"),
        ("nul\0", "cannot be read"),
    ],
    ids=ascii,
)
def test_paths_that_are_no_file(write, tmp_path, path, message):
    write(text_of(), "glove.6B.50d.txt")
    if path == "pipe":
        os.mkfifo(tmp_path / path)
    with pytest.raises(VectorsError, match=message):
        read_word_vectors(tmp_path / path, WORDS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": 3}, "must be a path. Received: path=3"),
        ({"vocabulary": "words"}, "sequence of str. Received: vocabulary='words'"),
        ({"vocabulary": ["a", 3]}, "sequence of str"),
        ({"vocabulary": ["a", "b", "a"]}, "each word once. Received: word='a'"),
        ({"dimensions": 0}, "from 1 to 10,000. Received: dimensions=0"),
        ({"dimensions": 10_001}, "from 1 to 10,000"),
        ({"dimensions": 3.0}, "from 1 to 10,000"),
    ],
)
def test_bad_arguments(write, options, message):
    arguments = {"path": write(text_of()), "vocabulary": WORDS} | options
    with pytest.raises(DataError, match=message):
        read_word_vectors(**arguments)


def peak_of(path, words):
    tracemalloc.start()
    try:
        read = read_word_vectors(path, words)
        return read, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("header", "entry", "pack"),
    [
        (b"", b" 0.12345" * 200 + b"\n", bytes),
        (b"", b" 0.12345" * 200 + b"\n", gzip.compress),
        (b"20001 200\n", b" " + struct.pack("<f", 0.12345) * 200, bytes),
    ],
    ids=["text", "gzip", "binary"],
)
def test_memory_is_that_of_the_wanted_vectors(write, header, entry, pack):
    data = header + b"wanted" + entry + (b"other" + entry) * 20_000
    path, size = write(pack(data)), len(data)
    del data
    read, peak = peak_of(path, ["wanted"])
    assert read.values[0] == pytest.approx([0.12345] * 200)
    assert size > 16e6
    assert peak < 6e6


@pytest.mark.parametrize("start", [b"", b"word 1 2\n", b"9 2\n", b"9 2\nword \0\0\0\0\0\0\0\0"])
def test_a_small_file_that_unpacks_to_a_large_one(write, start):
    path = write(gzip.compress(start + bytes(50_000_000), compresslevel=1))
    tracemalloc.start()
    with pytest.raises(VectorsError):
        read_word_vectors(path, ["word"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


def test_the_bar_shows_only_when_it_takes_long(write, capsys, monkeypatch):
    monkeypatch.setattr(word_vectors, "_OFTEN", 2)
    path = write(text_of())
    read_word_vectors(path, WORDS)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(word_vectors, "_PATIENCE", 0.0)
    read_word_vectors(path, WORDS, verbose=False)
    assert capsys.readouterr().out == ""
    read_word_vectors(path, WORDS)
    assert "1/1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "header", "dimensions", "words"),
    [
        ("glove_50d_9k/glove.6B.50d.txt", 0, 50, ["the", "film", "not", "notinglove"]),
        ("tencent_zh_char_200d/tencent.char.200d.w2v.txt", 1, 200, ["\u7537", "\u6211", "0"]),
    ],
)
def test_real_files(real_data, file, header, dimensions, words):
    path = real_data / "vectors" / file
    table = {}
    for line in path.read_text(encoding="utf-8").split("\n")[header:]:
        word, *numbers = line.split(" ")
        if word in words:
            table[word] = [np.float32(number) for number in numbers]
    read = read_word_vectors(path, words)
    assert read.dimensions == dimensions
    assert read.found.tolist() == [word in table for word in words]
    assert read.found.sum() == 3
    for word, values in zip(words, read.values, strict=True):
        np.testing.assert_array_equal(values, table.get(word, [0.0] * dimensions))
