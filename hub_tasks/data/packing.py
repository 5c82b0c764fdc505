"""Token ids -> the padded arrays of a model: truncation and special tokens."""

from collections.abc import Sequence

import numpy as np


def kept(lengths: Sequence[int], budget: int, truncate: str) -> list[int]:
    """How many tokens of each segment stay, so that all together are at most `budget`.

    "round_robin" takes a token of each segment in turn, "waterfall" fills the first
    segment first (both as KerasHub), "longest_first" cuts the longer segment until the
    two are equal (as `transformers`).
    """
    if sum(lengths) <= budget:
        return list(lengths)
    if len(lengths) == 1 or truncate == "waterfall":
        stay = []
        for length in lengths:
            stay.append(min(length, budget - sum(stay)))
        return stay
    first, second = lengths
    if truncate == "round_robin":
        first = min(first, max((budget + 1) // 2, budget - second))
        return [first, budget - first]
    short = min(lengths)
    if 2 * short > budget:
        short = budget // 2
    return [short, budget - short] if first <= second else [budget - short, short]


class Packer:
    """Joins segments as `[start] first [end] second [end]`, cut and padded.

    Where the model sees no mask, all rows are as long as the longest, since how far they are
    padded is then part of what it computes.

    Args:
        start, end, pad: ids of the special tokens; None for a start or end that there is not.
        sequence_length: the most tokens in a row, special tokens included.
        truncate: see `kept`.
        double_end: whether a second end token stands between two segments.
        keys: which arrays to make.
        numbered: whether the second segment and its end have number 1 in `segment_ids`.
        between: the id of a token between two segments that have no ends.
    """

    def __init__(
        self,
        start: int | None,
        end: int | None,
        pad: int,
        sequence_length: int,
        truncate: str,
        double_end: bool = False,
        keys: Sequence[str] = ("token_ids", "segment_ids", "padding_mask"),
        numbered: bool = True,
        between: int | None = None,
    ):
        self.pad = pad
        self._start = [] if start is None else [start]
        self._end = [] if end is None else [end]
        self._between = [] if between is None else [between]
        self.double_end, self.numbered, self.keys = double_end, numbered, keys
        self.sequence_length = sequence_length
        self.truncate = truncate

    def lengths(self, columns: Sequence[np.ndarray]) -> np.ndarray:
        """The lengths of packed rows, before they are cut, from those of their segments."""
        if "padding_mask" not in self.keys:
            return np.full(len(columns[0]), self.sequence_length)
        return np.maximum(sum(columns) + self._special(len(columns)), 1)

    def _special(self, segments: int) -> int:
        """How many special tokens a row of so many segments has."""
        ends = segments + (segments - 1) * self.double_end
        between = (segments - 1) * len(self._between)
        return len(self._start) + ends * len(self._end) + between

    def pack(
        self, rows: Sequence[Sequence[Sequence[int]]], width: int, height: int | None = None
    ) -> dict[str, np.ndarray]:
        """Packs rows of one or two segments.

        Args:
            rows: for each row, its segments' token ids.
            width: of the arrays, in tokens.
            height: of the arrays, in rows; rows without text fill up what is missing.

        Returns:
            A dict of the arrays in `keys`, int32, `(height, width)`.
        """
        packed = [self._row(segments) for segments in rows]
        height = height or len(rows)
        filler, _ = self._row([[]])
        packed += [(filler, len(filler))] * (height - len(rows))
        token_ids = np.full((height, width), self.pad, "int32")
        segment_ids = np.zeros((height, width), "int32")
        padding_mask = np.zeros((height, width), "int32")
        for i, (ids, boundary) in enumerate(packed):
            token_ids[i, : len(ids)] = ids
            segment_ids[i, boundary : len(ids)] = 1
            padding_mask[i, : len(ids)] = 1
        arrays = {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": padding_mask}
        return {key: arrays[key] for key in self.keys}

    def pack_singles(
        self, flat: np.ndarray, starts: np.ndarray, lengths: np.ndarray, width: int, height: int
    ) -> dict[str, np.ndarray]:
        """What `pack` gives for rows of one segment each, all at once.

        Args:
            flat: the token ids of many rows.
            starts, lengths: where those of each row begin, and how many they are.
            width, height: as in `pack`.
        """
        before, special = len(self._start), self._special(1)
        rows = np.zeros((2, height), "int64")
        rows[:, : len(starts)] = starts, np.minimum(lengths, self.sequence_length - special)
        ends = rows[1] + before  # where the end token stands, if there is one
        columns = np.arange(width)
        inside = (columns >= before) & (columns < ends[:, None])
        token_ids = np.full((height, width), self.pad, "int32")
        places = (rows[0] - before)[:, None] + columns
        token_ids[inside] = flat[places[inside]]
        token_ids[:, :before] = self._start
        if self._end:
            token_ids[np.arange(height), ends] = self._end[0]
        real = np.maximum(rows[1] + special, 1)
        padding_mask = (columns < real[:, None]).astype("int32")
        arrays = {"token_ids": token_ids, "padding_mask": padding_mask}
        arrays["segment_ids"] = np.zeros_like(token_ids)
        return {key: arrays[key] for key in self.keys}

    def _row(self, segments: Sequence[Sequence[int]]) -> tuple[list[int], int]:
        budget = self.sequence_length - self._special(len(segments))
        lengths = kept([len(segment) for segment in segments], budget, self.truncate)
        ids = list(self._start)
        boundary = 0
        for i, (segment, length) in enumerate(zip(segments, lengths, strict=True)):
            if i:
                ids += self._end if self.double_end else self._between
            boundary = len(ids)
            ids += [*segment[:length], *self._end]
        ids = ids or [self.pad]  # that a text without tokens has one to look at
        return ids, boundary if self.numbered and len(segments) > 1 else len(ids)
