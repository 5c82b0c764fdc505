"""Windows: a bounded number of rows at a time, read ahead of those who compute."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from hub_tasks.data.rows import Rows, Source
from hub_tasks.errors import DataError

T = TypeVar("T")


def read_windows(opened: Rows | Source, rows: int, batches: int | None = None) -> Iterator[Rows]:
    """Cuts an input into windows of about `rows` texts; labels are left out.

    Args:
        opened: rows in memory or a source.
        rows: texts in a window; a batch of a source is never cut.
        batches: how many batches of a source to read; all by default.

    Raises:
        DataError: a source that yields no texts.
    """
    if isinstance(opened, Rows):
        for start in range(0, len(opened), rows):
            yield Rows(tuple(column[start : start + rows] for column in opened.texts))
        return
    waiting: tuple[list[str], ...] = ()
    empty = True
    for i, part in enumerate(opened.batches(), 1):
        if len(part):
            empty = False
            waiting = waiting or tuple([] for _ in part.texts)
            for column, more in zip(waiting, part.texts, strict=True):
                column += more
        if waiting and len(waiting[0]) >= rows:
            yield Rows(waiting)
            waiting = ()
        if i == batches:
            break
    if waiting:
        yield Rows(waiting)
    if empty:
        raise DataError("The data set is empty: it yielded no texts.")


def read_ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, of which a thread makes the next one while the last is in use."""
    end: Any = object()
    pool = ThreadPoolExecutor(1, "hub_tasks-reading")
    try:
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item
    finally:
        # Without waiting: what is left half read is closed as garbage, in any thread, and that
        # may be one that is starting and holds the lock which waiting for a thread needs.
        pool.shutdown(wait=False, cancel_futures=True)
