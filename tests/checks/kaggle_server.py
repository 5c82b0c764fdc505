"""A server on 127.0.0.1 that speaks enough of Kaggle for the real client.

The client's address cannot be chosen freely; it is reached as the proxy of http://localhost,
which the environment that `settings` gives makes it.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.checks.loopback import Loopback, LoopbackHandler, serving

_SERVICE = "/api/v1/models.ModelApiService/"


class KaggleServer(Loopback):
    """One model; keeps what was asked."""

    def __init__(self):
        super().__init__(_Handler)
        self.hold("", {})

    def hold(self, model: str, files: Mapping[str, bytes]) -> None:
        """Begins anew with this model, `owner/model/framework/variant`, of one version."""
        self.begin()
        self.model = model
        self.versions = {1: dict(files)}
        self.location: dict[str, str] = {}  # name -> where its download is said to be
        self.tokens: set[str] = set()

    def move(self, files: Mapping[str, bytes]) -> int:
        """Adds a version."""
        self.versions[max(self.versions) + 1] = dict(files)
        return max(self.versions)

    @property
    def settings(self) -> dict[str, str]:
        """The environment in which the client asks this server."""
        return {"KAGGLE_API_ENVIRONMENT": "LOCALHOST", "http_proxy": self.url}

    def fetched(self) -> list[str]:
        """Names of files that were downloaded, after their version."""
        marks = [line.partition("/storage/") for line in self.requests]
        return sorted(rest for _, found, rest in marks if found)


@contextmanager
def kaggle_server() -> Iterator[KaggleServer]:
    with serving(KaggleServer()) as server:
        yield server


class _Handler(LoopbackHandler):
    server: KaggleServer

    def describe(self, body: bytes) -> str:
        asked = json.loads(body) if body else {}
        return "".join(f" {asked[key]}" for key in ("versionNumber", "path") if key in asked)

    def answer(self, path: str, body: bytes) -> None:
        self.server.tokens.add(self.headers.get("Authorization", ""))
        if path.startswith("/storage/"):
            return self._stored(path.removeprefix("/storage/"))
        asked = json.loads(body)
        parts = [asked.get(key) for key in ("ownerSlug", "modelSlug", "framework", "instanceSlug")]
        model = "/".join(str(part).removeprefix("MODEL_FRAMEWORK_").lower() for part in parts)
        if model != self.server.model:
            self.send({"code": 404, "message": "no such model"}, 404)
        elif path == _SERVICE + "GetModelInstance":
            self.send({"versionNumber": max(self.server.versions)})
        elif path == _SERVICE + "DownloadModelInstanceVersion":
            self._redirect(int(asked["versionNumber"]), asked.get("path", ""))
        else:
            self.send({"code": 404, "message": "no such service"}, 404)

    def _redirect(self, version: int, name: str) -> None:
        if name not in self.server.versions.get(version, {}):
            return self.send({"code": 404, "message": "no such file"}, 404)
        place = self.server.location.get(name, f"{version}/{name}")
        self.send(
            b"", 302, {"Location": f"http://localhost/storage/{place}?X-Goog-Signature=signed"}
        )

    def _stored(self, place: str) -> None:
        version, _, name = place.partition("/")
        content = self.server.versions[int(version)][name]
        digest = base64.b64encode(hashlib.md5(content).digest()).decode()
        self.send(content, 200, {"Accept-Ranges": "bytes", "x-goog-hash": f"md5={digest}"})
