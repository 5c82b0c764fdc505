"""Texts as users hold them (TRUST.md F01 to F07)."""

import pytest

from hub_tasks.data.texts import check_texts
from hub_tasks.errors import DataError

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # one picture of three, joined


class Subclass(str):
    pass


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("good", "good"),
        ("", ""),
        (" \t\n", " \t\n"),
        ("\0\0", ""),
        ("good\0movie", "goodmovie"),
        ("é\0", "é"),
        (b"good\0movie", "goodmovie"),
        ("caf\u00e9".encode(), "caf\u00e9"),
        (FAMILY, FAMILY),
        ("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
        ("e\u0301", "e\u0301"),
        ("\ufffd", "\ufffd"),
        ("\ufeffgood", "\ufeffgood"),
        ("\U00020000", "\U00020000"),
        (Subclass("good"), "good"),
    ],
    ids=ascii,
)
def test_accepted(given, expected):
    (text,) = check_texts([given])
    assert text == expected
    assert type(text) is str


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "is not a text"),
        (float("nan"), "is not a text"),
        (3, "is not a text"),
        (True, "is not a text"),
        (["a"], "is not a text"),
        (("a", "b"), "is not a text"),
        ({"text": "a"}, "is not a text"),
        (bytearray(b"a"), "is not a text"),
        ("ok \ud800", "lone surrogate at character 3"),
        ("\udfff", "lone surrogate at character 0"),
        (b"ok \xff", r"not valid UTF-8 \(byte 3\)"),
    ],
    ids=ascii,
)
def test_refused_with_the_row(value, reason):
    with pytest.raises(DataError, match=rf"^texts\[1\] .*{reason}.* Received: value="):
        check_texts(["fine", value])


def test_many_are_looked_at_as_one_is():
    many = ["good", "\u05e9\u05dc"] * 10_000
    assert check_texts(iter(many)) == many
    assert check_texts([*many, "good\0movie", Subclass("good")]) == [*many, "goodmovie", "good"]
    for value, reason in ((None, "not a text"), ("\ud800", "surrogate"), (b"\xff", "UTF-8")):
        with pytest.raises(DataError, match=rf"^texts\[20007\] .*{reason}"):
            check_texts([*many, "good", value, *many], start=6)
    # Two halves of one character in neighbours do not make it.
    with pytest.raises(DataError, match=r"^texts\[0\] .*surrogate"):
        check_texts(["\ud83d", "\ude00"])


def test_rows_are_counted_from_start_and_columns_named():
    with pytest.raises(DataError, match=r"^second\[42\] "):
        check_texts(["a", "b", None], "second", start=40)


def test_a_message_is_short_and_printable_whatever_was_received():
    with pytest.raises(DataError) as caught:
        check_texts(["x" * 10_000 + "\ud800"])
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()
