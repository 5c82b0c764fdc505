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

    Args:
        start, end, pad: ids of the special tokens.
        sequence_length: the most tokens in a row, special tokens included.
        truncate: see `kept`.
    """

    def __init__(self, start: int, end: int, pad: int, sequence_length: int, truncate: str):
        self.start, self.end, self.pad = start, end, pad
        self.sequence_length = sequence_length
        self.truncate = truncate

    def lengths(self, columns: Sequence[np.ndarray]) -> np.ndarray:
        """The lengths of packed rows, before they are cut, from those of their segments."""
        return sum(columns) + 1 + len(columns)

    def pack(
        self, rows: Sequence[Sequence[Sequence[int]]], width: int, height: int | None = None
    ) -> dict[str, np.ndarray]:
        """Packs rows of one or two segments.

        Args:
            rows: for each row, its segments' token ids.
            width: of the arrays, in tokens.
            height: of the arrays, in rows; rows without text fill up what is missing.

        Returns:
            `token_ids`, `segment_ids` and `padding_mask`, int32, `(height, width)`.
        """
        packed = [self._row(segments) for segments in rows]
        height = height or len(rows)
        packed += [([self.start, self.end], 2)] * (height - len(rows))
        token_ids = np.full((height, width), self.pad, "int32")
        segment_ids = np.zeros((height, width), "int32")
        padding_mask = np.zeros((height, width), "int32")
        for i, (ids, boundary) in enumerate(packed):
            token_ids[i, : len(ids)] = ids
            segment_ids[i, boundary : len(ids)] = 1
            padding_mask[i, : len(ids)] = 1
        return {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": padding_mask}

    def _row(self, segments: Sequence[Sequence[int]]) -> tuple[list[int], int]:
        budget = self.sequence_length - 1 - len(segments)
        lengths = kept([len(segment) for segment in segments], budget, self.truncate)
        ids = [self.start]
        boundary = 0
        for segment, length in zip(segments, lengths, strict=True):
            boundary = len(ids)
            ids += [*segment[:length], self.end]
        return ids, boundary if len(segments) > 1 else len(ids)
