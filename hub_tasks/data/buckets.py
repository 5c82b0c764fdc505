"""Bucket lengths: the few widths that batches are padded to."""

from collections.abc import Collection, Sequence

import numpy as np

COUNT = 4  # widths in a run
LADDER = (32, 64, 128, 256)  # for streams, whose lengths are not known beforehand
_GRID = ((64, 4), (128, 8), (256, 16), (512, 32))  # up to which length, multiples of what


def width_for(length: int, widths: Sequence[int], limit: int) -> int:
    """The smallest of the ascending `widths` that holds `length`, else `limit`."""
    return min(next((width for width in widths if width >= length), limit), limit)


def plan_widths(
    lengths: np.ndarray,
    limit: int,
    count: int = COUNT,
    compile_cost: float = 0.0,
    known: Collection[int] = (),
) -> tuple[int, ...]:
    """Picks the widths under which rows of these lengths cost least.

    The cost of a row is what a transformer computes for its padded width; a width that
    is new costs `compile_cost` more. The optimum over a grid, by dynamic programming.

    Args:
        lengths: of the rows, in tokens, special tokens included.
        limit: the longest row there may be.
        count: the most widths to pick.
        compile_cost: what compiling one more shape costs, in tokens computed.
        known: widths that are compiled already.

    Returns:
        At most `count` widths, ascending; the last holds the longest row.
    """
    needed = np.array(sorted({_round_up(int(n), limit) for n in set(lengths.tolist())}))
    grid = np.array(sorted({*needed.tolist(), *(w for w in known if w <= needed[-1])}))
    rows = np.histogram(lengths, [0, *(grid + 1)])[0]
    before = np.concatenate([[0], np.cumsum(rows)])  # rows shorter than each width
    per_row = grid + grid.astype("float64") ** 2 / 2048  # the products, and attention's square
    opening = np.where(np.isin(grid, list(known)), 0.0, compile_cost)
    # best[k][j]: the least cost of all rows up to grid[j] with k + 1 widths, grid[j] the last.
    best = [before[1:] * per_row + opening]
    came_from = [np.full(len(grid), -1)]
    for _ in range(min(count, len(grid)) - 1):
        costs = np.full(len(grid), np.inf)
        origin = np.full(len(grid), -1)
        for j in range(1, len(grid)):
            through = best[-1][:j] + (before[j + 1] - before[1 : j + 1]) * per_row[j] + opening[j]
            origin[j] = int(through.argmin())
            costs[j] = through[origin[j]]
        best.append(costs)
        came_from.append(origin)
    layer, at = min(range(len(best)), key=lambda k: best[k][-1]), len(grid) - 1
    widths = []
    while at >= 0:
        widths.append(int(grid[at]))
        at, layer = int(came_from[layer][at]), layer - 1
    return tuple(reversed(widths))


def _round_up(length: int, limit: int) -> int:
    """Few candidates, so that different data in one process meet in the same widths."""
    step = next((step for top, step in _GRID if length <= top), 128)
    return min(-(-max(length, 1) // step) * step, limit)
