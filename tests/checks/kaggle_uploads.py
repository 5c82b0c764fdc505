"""A server on 127.0.0.1 that takes uploads from the real Kaggle client."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class KaggleServer(ThreadingHTTPServer):
    """Keeps the versions that were made, as `(variant, {name: bytes})`."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.blobs: dict[str, tuple[str, bytes]] = {}
        self.versions: list[tuple[str, dict[str, bytes]]] = []
        self.refuse = ""  # the step that is answered with an error that repeats the token

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def kaggle_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleServer]:
    """A server, and a client that takes it for Kaggle."""
    from kagglehub import clients
    from kagglesdk import kaggle_env

    server = KaggleServer()
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.LOCAL, server.url)
    # It reads the sources of the whole call stack, which takes a second under pytest.
    monkeypatch.setattr(clients, "get_user_agent", lambda: "kagglehub")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: KaggleServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_PUT(self) -> None:
        body = self._body()
        if self.server.refuse == "blob":
            self._send({"message": "not with kaggle_secret"}, 403)
            return
        token = self.path.rpartition("/")[2]
        self.server.blobs[token] = (self.server.blobs[token][0], body)
        self._send({})

    def do_POST(self) -> None:
        step, asked = self.path.rpartition("/")[2], json.loads(self._body())
        if step == self.server.refuse:
            message = f"not with {self.headers['Authorization']}"
            self._send({"code": 403, "message": message, "error": message}, 403)
        elif step == "GetModel":
            self._send({"ref": "me/tiny"})
        elif step == "StartBlobUpload":
            token = str(len(self.server.blobs))
            self.server.blobs[token] = (asked["name"], b"")
            self._send({"token": token, "createUrl": f"{self.server.url}/upload/{token}"})
        elif step == "CreateModelInstance" and self.server.versions:
            self._send({"error": "it exists", "errorCode": 409})
        else:
            self._keep(asked)

    def _keep(self, asked: dict) -> None:
        body = asked["body"]
        slug = asked.get("instanceSlug") or body["instanceSlug"]
        framework = (asked.get("framework") or body["framework"]).rpartition("_")[2].lower()
        variant = f"{asked['ownerSlug']}/{asked['modelSlug']}/{framework}/{slug}"
        self.server.versions.append((variant, self._files(body, "")))
        self._send({})

    def _files(self, folder: dict, prefix: str) -> dict[str, bytes]:
        blobs = [self.server.blobs[file["token"]] for file in folder.get("files", [])]
        found = {prefix + name: data for name, data in blobs}
        for inner in folder.get("directories", []):
            found |= self._files(inner, f"{prefix}{inner['name']}/")
        return found

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(self, content: object, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
