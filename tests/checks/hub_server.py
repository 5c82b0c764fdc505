"""A server on 127.0.0.1 that speaks enough of the Hugging Face Hub for the real client."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.checks.loopback import Fault, Loopback, LoopbackHandler, serving

COMMIT = "c0ffee" + "0" * 34
STORED = (".h5", ".safetensors", ".bin")  # what the hub keeps elsewhere and redirects to


class HubServer(Loopback):
    """One repository; keeps what was asked and what was committed."""

    def __init__(self):
        super().__init__(_Handler)
        self.hold("", {})

    def hold(self, repository: str, files: Mapping[str, bytes]) -> None:
        """Begins anew with this repository, of one commit."""
        self.begin()
        self.repository = repository
        self.history = {COMMIT: dict(files)}
        self.refs = {"main": COMMIT}
        self.commits: list[dict[str, bytes]] = []
        self.listed: dict[str, bytes] = {}  # names that the hub lists on top
        self.tokens: set[str] = set()

    def move(self, files: Mapping[str, bytes], name: str = "main") -> str:
        """Adds a commit and moves a branch to it."""
        commit = hashlib.sha1(f"{len(self.history)}".encode()).hexdigest()
        self.history[commit] = dict(files)
        self.refs[name] = commit
        return commit

    @property
    def files(self) -> dict[str, bytes]:
        return self.history[self.refs["main"]]

    @property
    def status(self) -> int | None:
        return self.faults[0].status if self.faults else None

    @status.setter
    def status(self, status: int) -> None:
        """What is answered to everything; 0 hangs up."""
        self.faults = [Fault("", status)]

    @property
    def elsewhere(self) -> str:
        """The same server under another name, which the client gives no token."""
        return f"http://localhost:{self.server_port}"

    @property
    def settings(self) -> dict[str, str]:
        """The environment in which the client asks this server."""
        here = f"127.0.0.1,localhost:{self.server_port}"
        return {"HF_ENDPOINT": self.url, "no_proxy": here}

    def fetched(self, method: str = "GET") -> list[str]:
        """Names of files that were asked for, after their commit."""
        lines = [line.partition("/resolve/") for line in self.requests]
        return sorted(rest for verb, _, rest in lines if rest and verb.startswith(method))


@contextmanager
def hub_server() -> Iterator[HubServer]:
    with serving(HubServer()) as server:
        yield server


class _Handler(LoopbackHandler):
    server: HubServer

    def answer(self, path: str, body: bytes) -> None:
        self.server.tokens.add(self.headers.get("Authorization", ""))
        server, api = self.server, f"/api/models/{self.server.repository}"
        if path.startswith(f"/{server.repository}/resolve/"):
            revision, _, name = path.split("/resolve/")[1].partition("/")
            self._file(revision, name)
        elif path.startswith("/stored/"):
            self._stored(path.removeprefix("/stored/"))
        elif path.startswith(api + "/tree/"):
            self._send_tree(path.removeprefix(api + "/tree/"))
        elif path.startswith(api + "/revision/") or path == api:
            self._about(path.removeprefix(api).removeprefix("/revision/") or "main")
        elif path.startswith(api + "/preupload/"):
            keep = {"shouldIgnore": False, "oid": None}
            asked = [entry["path"] for entry in json.loads(body)["files"]]
            self.send({"files": [{"path": n, "uploadMode": "regular", **keep} for n in asked]})
        elif path.startswith(api + "/commit/"):
            self._commit(body)
        elif path == "/api/repos/create":
            self.send({"url": f"{server.url}/{server.repository}"})
        elif path == "/api/validate-yaml":
            self.send({"warnings": [], "errors": []})
        else:
            self._missing("RepoNotFound")

    def _commit_of(self, revision: str) -> str | None:
        commit = self.server.refs.get(revision, revision)
        return commit if commit in self.server.history else None

    def _missing(self, code: str, headers: Mapping[str, str] | None = None) -> None:
        self.send({"error": "not found"}, 404, {"X-Error-Code": code, **(headers or {})})

    def _about(self, revision: str) -> None:
        commit = self._commit_of(revision)
        if commit is None:
            return self._missing("RevisionNotFound")
        names = [*self.server.history[commit], *self.server.listed]
        siblings = [{"rfilename": name} for name in names]
        self.send({"id": self.server.repository, "sha": commit, "siblings": siblings})

    def _send_tree(self, revision: str) -> None:
        commit = self._commit_of(revision)
        if commit is None:
            return self._missing("RevisionNotFound")
        self.send([self._entry(n, c) for n, c in self.server.history[commit].items()])

    def _file(self, revision: str, name: str) -> None:
        commit = self._commit_of(revision)
        if commit is None:
            return self._missing("RevisionNotFound")
        content = self.server.history[commit].get(name)
        if content is None:
            return self._missing("EntryNotFound", {"X-Repo-Commit": commit})
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if name.endswith(STORED):
            digest = hashlib.sha256(content).hexdigest()
            place = f"{self.server.elsewhere}/stored/{commit}/{name}?X-Amz-Signature=signed"
            headers |= {"Location": place, "X-Linked-Etag": f'"{digest}"'}
            self.send(b"", 302, headers | {"X-Linked-Size": str(len(content))})
        else:
            self.send(content, 200, headers | {"ETag": f'"{git_digest(content)}"'})

    def _stored(self, place: str) -> None:
        commit, _, name = place.partition("/")
        self.send(self.server.history[commit][name], 200, {"Accept-Ranges": "bytes"})

    def _commit(self, body: bytes) -> None:
        lines = [json.loads(line) for line in body.splitlines()]
        added = [line["value"] for line in lines if line["key"] == "file"]
        self.server.commits.append({f["path"]: base64.b64decode(f["content"]) for f in added})
        url = f"{self.server.url}/{self.server.repository}/commit/{COMMIT}"
        self.send({"success": True, "commitOid": COMMIT, "commitUrl": url})

    def _entry(self, name: str, content: bytes) -> dict[str, object]:
        return {"type": "file", "path": name, "size": len(content), "oid": git_digest(content)}


def git_digest(content: bytes) -> str:
    """What Git calls a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
