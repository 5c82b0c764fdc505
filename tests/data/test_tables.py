"""Files of rows with named columns."""

import re

import pytest

from hub_tasks.data.examples import read_examples
from hub_tasks.data.tables import Table
from hub_tasks.errors import DataError

SINGLE, SEVERAL, NUMBERS = (
    "single_label_classification",
    "multi_label_classification",
    "regression",
)


def read(tmp_path, name, content, texts=("text",), others=("label",)):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(Table(path).select(texts, others))


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.tsv", "label\ttext\na\tx\nb\ty\n", [(2, "x", "a"), (3, "y", "b")]),
        ("a.TSV", "text\tlabel\nx\ta", [(2, "x", "a")]),
        ("a.tsv", 'text\tlabel\n"x\t"a"\n', [(2, '"x', '"a"')]),
        ("a.tsv", "\ufefftext\tlabel\r\nx\ta\r\n", [(2, "x", "a")]),
        ("a.tsv", "text\tlabel\nx\u2028\x0b\x0cy\ta\n", [(2, "x\u2028\x0b\x0cy", "a")]),
        ("a.tsv", "text\tlabel\nx\ta\n\n\t\ny\tb\n", [(2, "x", "a"), (4, "", ""), (5, "y", "b")]),
        ("a.csv", 'text,label\n"x, ""y""",a\n', [(2, 'x, "y"', "a")]),
        ("a.csv", 'text,label\r\n"x\r\ny",a\r\n\r\nz,b', [(2, "x\r\ny", "a"), (5, "z", "b")]),
        ("a.csv", f"text,label\n{'x' * 200_000},a\n", [(2, "x" * 200_000, "a")]),
        ("a.jsonl", '{"label": [1], "text": "x\\ny"}\n\n', [(1, "x\ny", [1])]),
        ("a.jsonl", '{"text": "x", "label": "a"}\n{"label": 1.5, "text": "y", "id": 7}',
         [(1, "x", "a"), (2, "y", 1.5)]),
    ],
    ids=["plain", "no end", "no quoting", "windows", "line breaks in texts", "empty lines",
         "quotes", "a row of several lines", "a long text", "a list", "columns by name"],
)  # fmt: skip
def test_rows_are_read_with_their_lines(tmp_path, name, content, rows):
    found = read(tmp_path, name, content)
    assert [(line, text, label) for line, (text,), (label,) in found] == rows


def test_an_empty_line_is_a_row_of_a_table_of_one_column(tmp_path):
    for name in ("a.tsv", "a.csv"):
        found = read(tmp_path, name, "text\nx\n\ny\n", others=())
        assert [text for _, (text,), _ in found] == ["x", "", "y"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "text\nx\n", "must be .tsv, .csv, .jsonl"),
        ("a.tsv", "", "is empty"),
        ("a.tsv", "text\tlabel\n", "has no rows"),
        ("a.jsonl", "\n\n", "has no rows"),
        ("a.tsv", "text\tlabel\nx\ta\ny\n", "line 3: 1 values, where line 1 names 2"),
        ("a.csv", 'text,label\n"x\ny",a\ny,b,c\n', "line 4: 3 values, where line 1 names 2"),
        ("a.csv", 'text,label\n\n"x,a\ny,b\n', "line 3: not CSV"),
        ("a.csv", 'text,label\n"x"y,a\n', "line 2: not CSV"),
        ("a.tsv", "text\ttext\nx\ta\n", "line 1: the first line names the columns"),
        ("a.tsv", "text\t\nx\ta\n", "line 1: the first line names the columns"),
        ("a.tsv", b"text\tlabel\nx\ta\n\xe9\tb\n", "line 3: not UTF-8 (byte 1 of the line)"),
        ("a.jsonl", '{"text": "x", "label": "a"}\n{"text": "y"}\n', "line 2: 'label' is missing"),
        ("a.jsonl", '{"text": "x", "label": 1}\n{"text": 3, "label": 1}\n', "line 2: 'text' must"),
        ("a.jsonl", '{"text": "x"\n', "line 1: not JSON"),
        ("a.jsonl", "[" * 100_000 + "\n", "line 1: not JSON"),
        ("a.jsonl", '["x", "a"]\n', "line 1: each line must be an object"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, name, content, message):
    with pytest.raises(DataError, match=re.escape(message)):
        read(tmp_path, name, content)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("trian.tsv", "trian.tsv'. Did you mean 'train.tsv'"),
        ("none/train.tsv", "There is no folder"),
        ("folder.tsv", "cannot be read"),
    ],
)
def test_files_that_cannot_be_opened(tmp_path, path, message):
    (tmp_path / "train.tsv").write_text("text\tlabel\nx\ta\n")
    (tmp_path / "folder.tsv").mkdir()
    with pytest.raises(DataError, match=re.escape(message)):
        Table(tmp_path / path)


@pytest.mark.parametrize(
    ("header", "named", "expected"),
    [
        ("id sentence label", (None, None), ("sentence",)),
        ("premise hypothesis label", (None, None), ("premise", "hypothesis")),
        ("text text_pair label", ("text", None), ("text",)),
        ("text more label", (None, "more"), ("text", "more")),
        ("a b score", ("b", "a"), ("b", "a")),
        ("a b score", (None, None), "say which column holds the texts"),
        ("text labl label", ("txt", None), "no column 'txt'. Did you mean 'text'?"),
    ],
)
def test_columns_of_texts(tmp_path, header, named, expected):
    path = tmp_path / "a.tsv"
    path.write_text("\n".join([header.replace(" ", "\t"), "1\t2\t3"][:2]))
    if isinstance(expected, tuple):
        assert Table(path).text_columns(*named) == expected
    else:
        with pytest.raises(DataError, match=re.escape(expected)):
            Table(path).text_columns(*named)


@pytest.mark.parametrize(
    ("kind", "labels", "expected"),
    [
        (SINGLE, ['"a"', "1", "true"], ["a", "1", "true"]),
        (SEVERAL, ['"a|b"', '""', '["c", 2]', "[]"], [["a", "b"], [], ["c", "2"], []]),
        (NUMBERS, ['"1.5"', "-2", "3e1"], [1.5, -2.0, 30.0]),
        (SINGLE, ['"a"', '""'], "line 2: 'label' must be a label"),
        (SINGLE, ["null"], "line 1: 'label' must be a label"),
        (SINGLE, ['["a"]'], "line 1: 'label' must be a label"),
        (SEVERAL, ['"a||b"'], "line 1: 'label' must be a label"),
        (NUMBERS, ["1", '"x"'], "line 2: 'label' must be a number"),
        (NUMBERS, ["NaN"], "line 1: 'label' must be a number"),
        (NUMBERS, ["true"], "line 1: 'label' must be a number"),
    ],
)
def test_labels_are_read_as_the_problem_wants_them(tmp_path, kind, labels, expected):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(f'{{"text": "x", "label": {label}}}' for label in labels))
    if isinstance(expected, list):
        examples = read_examples(path, kind)
        assert examples.labels == expected
        assert examples.x == ["x"] * len(labels)
    else:
        with pytest.raises(DataError, match=re.escape(expected)):
            read_examples(path, kind)


@pytest.mark.parametrize(
    ("kind", "labels", "expected"),
    [
        (SINGLE, ["no", "yes"], ["no", "yes"]),
        (SINGLE, ["1", "0"], [1, 0]),
        (SEVERAL, ["1|0", ""], [[1, 0], []]),
        (SEVERAL, ["no|yes", "no"], [["no", "yes"], ["no"]]),
        (SINGLE, ["no", "yess"], "line 3: not one of the labels 'no', 'yes'. Did you mean 'yes'?"),
        (SINGLE, ["no", "1"], "line 3: not one of"),
        (SINGLE, ["2"], "line 2: not one of"),
    ],
)
def test_labels_are_names_or_else_ids(tmp_path, kind, labels, expected):
    path = tmp_path / "a.tsv"
    path.write_text("text\tlabel\n" + "".join(f"x\t{label}\n" for label in labels))
    examples = read_examples(path, kind)
    if isinstance(expected, list):
        assert examples.labels_among(["no", "yes"], ids=True) == expected
    else:
        with pytest.raises(DataError, match=re.escape(expected)):
            examples.labels_among(["no", "yes"], ids=True)
