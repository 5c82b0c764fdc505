"""The first tokens of texts that are far too long, without the room that all of them take.

A tokenizer keeps some hundred bytes for each character. Of a text of megabytes only the first
tokens count, so it is handed a part that is long enough. The cut stands at a space between two
letters or digits, where every kind of tokenizer begins a new word and no normalisation looks
across, so the tokens before it are those of the whole text. Added tokens that hold white space
could lie across it; where there are such, nothing is cut.

Before that, a run of more than `LONGEST_RUN` characters without white space, which no language
has, loses what comes after these. A word of that length is one unknown token in WordPiece,
whatever it ends with; pieces of it that other tokenizers make near its end may differ.
"""

import re
from collections.abc import Callable

from hub_tasks.tokenizers.tokenizer import Tokenizer

SHORT = 2**17  # characters; shorter texts are handed over as they are
LONGEST_RUN = 2**16
_RUN = re.compile(rf"(?<!\S)(\S{{{LONGEST_RUN}}})\S+")
_SPACE = re.compile(r"\s")
_CUT = re.compile(r"(?<=[^\W_]) (?=[^\W_])")
Tokenize = Callable[[list[str]], list[list[int]]]


def _shorten_runs(text: str) -> str:
    half = LONGEST_RUN // 2  # of which a longer run fills one whole
    starts = range(0, len(text) - half + 1, half)
    if all(_SPACE.search(text, start, start + half) for start in starts):
        return text
    return _RUN.sub(r"\1", text)


def first_tokens(tokenizer: Tokenizer, most: int) -> Tokenize:
    """A tokenizer's `tokenize`, exact in the first `most` tokens of each text.

    Args:
        tokenizer: one of another library is left as it is.
        most: how many tokens are ever used.
    """
    if not isinstance(tokenizer, Tokenizer):
        return tokenizer.tokenize
    may_cut = not any(re.search(r"\s", t.content) for t in tokenizer.options["added_tokens"])

    def tokenize(texts: list[str]) -> list[list[int]]:
        long = [i for i, text in enumerate(texts) if len(text) > SHORT]
        if not long:
            return tokenizer.tokenize(texts)
        ids = tokenizer.tokenize([text if len(text) <= SHORT else "" for text in texts])
        for i in long:
            ids[i] = of_long(_shorten_runs(texts[i]))
        return ids

    def of_long(text: str) -> list[int]:
        size = max(SHORT, 4 * most)
        while True:
            cut = _CUT.search(text, size) if may_cut else None
            ids = tokenizer.tokenize([text[: cut.start()] if cut else text])[0]
            if cut is None or len(ids) >= most:
                return ids
            size *= 2

    return tokenize
