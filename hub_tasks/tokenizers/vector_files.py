"""Files of word vectors in the formats of GloVe and word2vec, as a stream of entries.

The first bytes of a file say which it is; its name does not count.

- gzip around any of the others begins with the bytes `1f 8b` (RFC 1952).
- word2vec: a line `count dimensions`, and then the vectors. As text, each is a line
  `word number number ...`; the original tool leaves a space at its end, gensim and fastText
  (`.vec`) do not. In binary, each is the word, a space, and `dimensions` little-endian float32;
  the original tool ends it with a line break, gensim does not.
- GloVe: the lines of word2vec's text without the first one. Words may hold spaces
  (`. . .` in 840B), so the last fields are the numbers.

Sources: the end of `TrainModel` in word2vec.c (https://code.google.com/archive/p/word2vec),
`save_params` in glove.c (https://github.com/stanfordnlp/GloVe), the files at
https://nlp.stanford.edu/projects/glove and https://fasttext.cc/docs/en/english-vectors.html.
"""

import codecs
import gzip
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hub_tasks.errors import VectorsError, received
from hub_tasks.registry import close_matches
from hub_tasks.tokenizers.vector_formats import (
    ACCEPTED,
    BLOCK,
    LARGEST_DIMENSIONS,
    LONGEST_LINE,
    BinaryVectors,
    TextVectors,
    VectorFile,
    is_number,
    reading,
    shown,
    too_long,
)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_HEADER = re.compile(rb"(\d{1,18})[ \t]+(\d{1,9})[ \t\r]*")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_OTHERS = {
    re.compile(rb"PK\x03\x04"): "is a zip archive; unpack it, and pass the file of vectors inside",
    re.compile(rb"\xba\x16\x4f\x2f"): "is a model of fastText; pass its .vec file",
    re.compile(rb"BZh[1-9]1AY&SY"): "is compressed with bzip2; unpack it",
    re.compile(rb"\xfd7zXZ\x00"): "is compressed with xz; unpack it",
}


@contextmanager
def open_vectors(
    path: str | os.PathLike[str], dimensions: int | None = None
) -> Iterator[tuple[VectorFile, BinaryIO]]:
    """Opens a file of vectors: the vectors, and the file on the disk below them.

    Args:
        dimensions: what the vectors must have, or None.

    Raises:
        VectorsError: there is no such file, or it is of none of the formats.
    """
    if not isinstance(path, str | os.PathLike):
        raise VectorsError(f"The word vectors must be a path. {received(path=path)}")
    where = f"The word vectors {os.fspath(path)!r}"
    with _open_file(where, path) as file:
        with reading(where):
            zipped = file.read(2) == _GZIP
            file.seek(0)
            stream = io.BufferedReader(gzip.GzipFile(fileobj=file), BLOCK) if zipped else file
            head = stream.read(LONGEST_LINE + 1)
            mark = len(_BYTE_ORDER_MARK) if head.startswith(_BYTE_ORDER_MARK) else 0
            vectors, start = _recognise(where, stream, head[mark:], dimensions)
            stream.seek(mark + start)
        yield vectors, file


def _open_file(where: str, path: str | os.PathLike[str]) -> BinaryIO:
    place = Path(path).expanduser()
    try:
        kind = place.stat().st_mode
        if stat.S_ISDIR(kind):
            inside = sorted(entry.name for entry in place.iterdir())[:5]
            raise VectorsError(
                f"{where} are a directory; pass the file of vectors. It holds "
                f"{', '.join(inside) or 'nothing'}."
            )
        if not stat.S_ISREG(kind):
            raise VectorsError(f"{where} are not a regular file, which they must be.")
        return open(place, "rb", buffering=BLOCK)
    except (FileNotFoundError, NotADirectoryError):
        folder = place.parent
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        missing = "there is no such file" if folder.is_dir() else f"there is no folder {folder}"
        raise VectorsError(f"{where}: {missing}.{close_matches(place.name, names)}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, VectorsError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise VectorsError(f"{where} cannot be read ({reason}).") from None


def _recognise(
    where: str, stream: BinaryIO, head: bytes, wanted: int | None
) -> tuple[VectorFile, int]:
    """The format of a file that begins with `head`, and where its first entry begins."""
    if not head.strip():
        raise VectorsError(f"{where} are an empty file. {ACCEPTED}")
    for magic, what in _OTHERS.items():
        if magic.match(head):
            raise VectorsError(f"{where}: the file {what}. {ACCEPTED}")
    line = head.partition(b"\n")[0]
    if len(line) > LONGEST_LINE:
        raise too_long(where, 1)
    header = _HEADER.fullmatch(line)
    if not header:
        dimensions = wanted or line.rstrip(b" \r").count(b" ")
        origin = f"`dimensions={wanted}` asks" if wanted else "line 1 has them"
        _check_dimensions(where, dimensions, None)
        vectors = TextVectors(where, stream, dimensions, None, origin, 1)
        vectors.word(1, line.rstrip(b" \r"))
        vectors.values(1, line.rstrip(b" \r"))
        return vectors, 0
    count, dimensions = map(int, header.groups())
    _check_dimensions(where, dimensions, wanted)
    if not count:
        raise VectorsError(f"{where}: line 1 states 0 vectors. {received(line=shown(line))}")
    kind = TextVectors if _is_text(head[len(line) + 1 :], dimensions) else BinaryVectors
    return kind(where, stream, dimensions, count, "line 1 states", 2), len(line) + 1


def _check_dimensions(where: str, dimensions: int, wanted: int | None) -> None:
    if not 1 <= dimensions <= LARGEST_DIMENSIONS:
        raise VectorsError(
            f"{where}: line 1 gives vectors of {dimensions:,} dimensions; 1 to "
            f"{LARGEST_DIMENSIONS:,} are accepted. {ACCEPTED}"
        )
    if wanted not in (None, dimensions):
        raise VectorsError(
            f"{where} have {dimensions} dimensions, as line 1 states. Ask for as many, or pass "
            f"another file. {received(dimensions=wanted)}"
        )


def _is_text(entries: bytes, dimensions: int) -> bool:
    """Whether the entries behind a header are lines of text."""
    fields = entries.partition(b"\n")[0].rstrip(b" \r").rsplit(b" ", dimensions)[1:]
    if len(fields) == dimensions and all(map(is_number, fields)):
        return True
    # A line with an error in it is text too, where float32 would be anything but.
    sample = entries[entries.find(b" ") + 1 :][: max(512, 4 * dimensions)]
    try:
        return not _CONTROL.search(codecs.getincrementaldecoder("utf-8")().decode(sample))
    except UnicodeDecodeError:
        return False
