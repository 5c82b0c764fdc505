"""What goes wrong at a hub, in words, with what to do about it and without secrets."""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")

_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "KAGGLE_KEY", "KAGGLE_API_TOKEN")
_BROKEN = {"RemoteProtocolError", "RemoteDisconnected", "ChunkedEncodingError", "IncompleteRead"}
_BROKEN |= {"ReadError", "ConnectionResetError", "DataCorruptionError"}
_HIDDEN = (
    (re.compile(r"://[^/\s:@]+:[^/\s@]+@"), "://***@"),
    (re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]*"), r"\1?***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+\S+"), r"\1 ***"),
    (re.compile(r"\bhf_[A-Za-z0-9]{20,}"), "hf_***"),
)
_SHORTEST_SECRET = 6  # a shorter one would hide ordinary words
_WAITS = (0.5, 2.0)  # seconds before the second and the third attempt
_LONGEST_WAIT = 20.0
_TEXTS = {
    "gated": "its owners grant access on request (gated, {status}). Ask for it at {gate}, and "
    "{login}",
    "unauthorized": "there is no {place!r}, or it is private, or {hub} does not accept the "
    "credentials ({status}). Check the name; if it is right, {login}",
    "forbidden": "{hub} does not allow it with these credentials ({status}). Accept the terms at "
    "{gate} if there are any, or use an account that may read it; {login}",
    "repository": "{hub} has no {place!r} ({status}). Check the spelling; if it is private, "
    "{login}",
    "revision": "{place!r} has no revision {revision!r} ({status}). Leave it out for the newest, "
    "or take one that {gate} lists",
    "file": "a file that {place!r} lists is not there ({status}). Try again; if it stays so, take "
    "another revision",
    "rate": "{hub} asks for fewer requests ({status}). Wait {wait}; the limit is higher for those "
    "who {login}",
    "server": "{hub} fails ({status}). Try again later",
    "timeout": "{hub} did not answer in time. Try again; check the network and {settings}",
    "cut": "the connection broke off before the end. Try again: what has arrived is used where "
    "the server allows it",
    "unreachable": "{hub} cannot be reached. Check the network and {settings}; what was fetched "
    "before loads with local_files_only=True",
}
TRANSIENT = ("rate", "server", "timeout", "cut", "unreachable")


@dataclass(frozen=True)
class Terms:
    """How a hub's users call what they need.

    Args:
        hub: its name.
        login: how to log in.
        gate: where access to a gated model is granted, with `{place}`.
        settings: what directs the client elsewhere.
    """

    hub: str
    login: str
    gate: str
    settings: str


@dataclass(frozen=True)
class Failure:
    """What kind of failure it is, and the words for it."""

    kind: str
    text: str


def reason(error: BaseException) -> str:
    """The first line of what a client says went wrong."""
    lines = scrub(str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def scrub(text: str) -> str:
    """A text without tokens, passwords and the queries of signed addresses."""
    for secret in _secrets():
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    for pattern, replacement in _HIDDEN:
        text = pattern.sub(replacement, text)
    return text


def retried(
    call: Callable[[], Result],
    failures: tuple[type[Exception], ...],
    kinds: Sequence[str] = TRANSIENT,
) -> Result:
    """Calls, and calls again at most twice where the failure is of a kind that may pass."""
    for wait in (*_WAITS, None):
        try:
            return call()
        except failures as error:
            if wait is None or kind_of(error) not in kinds:
                raise
            asked = _retry_after(error)
            if asked > _LONGEST_WAIT:
                raise
        time.sleep(max(wait, asked))
    raise RuntimeError("unreachable")


def explain(
    error: BaseException, terms: Terms, place: str, revision: str | None, stated: bool
) -> Failure:
    """Says what went wrong at a hub and what to do.

    Args:
        error: what the client raised.
        terms: the hub's.
        place: the repository or model.
        revision: what was asked for.
        stated: whether credentials were sent.
    """
    kind = kind_of(error)
    if kind not in _TEXTS:
        return Failure(kind, reason(error))
    seconds = _retry_after(error)
    text = _TEXTS[kind].format(
        hub=terms.hub,
        place=place,
        revision=revision,
        status=status_of(error),
        login=f"log in{' again' if stated else ''}: {terms.login}",
        gate=terms.gate.format(place=place),
        settings=terms.settings,
        wait=f"{seconds:.0f} seconds" if seconds else "some minutes",
    )
    return Failure(kind, text)


def kind_of(error: BaseException) -> str:
    """The kind of a failure, from what any client's errors have in common."""
    chain = _chain(error)
    names = {cls.__name__ for one in chain for cls in type(one).__mro__}
    status = status_of(error)
    by_name = {
        "GatedRepoError": "gated",
        "RevisionNotFoundError": "revision",
        "RemoteEntryNotFoundError": "file",
        "RepositoryNotFoundError": "",
        "EntryNotFoundError": "file" if status == 404 else "",
    }
    by_status = {401: "unauthorized", 403: "forbidden", 404: "repository", 408: "timeout"}
    by_status |= {429: "rate"}
    if found := next((kind for name, kind in by_name.items() if name in names), ""):
        return found
    if status:
        return by_status.get(status, "server" if status >= 500 else "other")
    if names & {"ConnectionRefusedError", "gaierror"}:
        return "unreachable"
    if any("Timeout" in name for name in names):
        return "timeout"
    if names & _BROKEN or any("Consistency check failed" in str(one) for one in chain):
        return "cut"
    return "unreachable" if names & {"ConnectError", "ConnectionError"} else "other"


def status_of(error: BaseException) -> int:
    """The status that a server answered with, or 0."""
    for one in _chain(error):
        status = getattr(getattr(one, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
    return 0


def _retry_after(error: BaseException) -> float:
    for one in _chain(error):
        value = getattr(getattr(one, "response", None), "headers", {}).get("Retry-After", "")
        if str(value).isdigit():
            return float(value)
    return 0.0


def _chain(error: BaseException) -> list[BaseException]:
    """An error, what it came from, and what those wrap as clients do."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(seen) < 20:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and not any(one is other for other in seen):
            seen.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return seen


def _secrets() -> Iterator[str]:
    yield from (os.environ.get(name, "") for name in _SECRETS)
    hugging_face = sys.modules.get("huggingface_hub")
    if hugging_face:
        yield hugging_face.get_token() or ""
    kaggle = sys.modules.get("kagglehub.config")
    if kaggle:
        try:
            stored = kaggle.get_kaggle_credentials()
        except (OSError, ValueError):
            stored = None
        yield from (getattr(stored, name, None) or "" for name in ("key", "api_key"))
