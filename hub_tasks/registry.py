"""A table from names to entries whose error offers close matches."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar

from hub_tasks.errors import HubTasksError, received

Entry = TypeVar("Entry")


def close_matches(name: str, known: list[str]) -> str:
    """`" Did you mean 'a' or 'b'?"`, or nothing when no known name is close."""
    close = difflib.get_close_matches(str(name)[:200], known, n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


class Registry(Mapping[str, Entry], Generic[Entry]):
    """Name -> entry, in the order of registration.

    Args:
        kind: what an entry is, for messages ("encoder family").
        error: the class raised for an unknown name.
        read: gives the entries at the first look, where importing should not pay for them.
    """

    def __init__(
        self,
        kind: str,
        error: type[HubTasksError],
        read: Callable[[], Mapping[str, Entry]] = dict,
    ):
        self.kind = kind
        self.error = error
        self._read = read

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        return dict(self._read())

    def register(self, name: str, entry: Entry, replace: bool = False) -> Entry:
        """Adds `entry`; a name is registered once, unless its entry is to be replaced."""
        if name in self._entries and not replace:
            raise ValueError(f"{self.kind} {name!r} is registered twice.")
        self._entries[name] = entry
        return entry

    def __getitem__(self, name: str) -> Entry:
        if not isinstance(name, str) or name not in self._entries:
            known = list(self._entries)
            raise self.error(
                f"Unknown {self.kind}. Known: {', '.join(known)}."
                f"{close_matches(name, known)} {received(name=name)}"
            )
        return self._entries[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The entry of this name, or `default`."""
        return self._entries.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
