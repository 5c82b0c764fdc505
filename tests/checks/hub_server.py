"""A server on 127.0.0.1 that speaks enough of the Hugging Face Hub for the real client."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34


class HubServer(ThreadingHTTPServer):
    """One repository, of `files`; keeps what was asked and what was committed."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hold("", {})

    def hold(self, repository: str, files: Mapping[str, bytes]) -> None:
        """Begins anew with this repository."""
        self.repository = repository
        self.files = dict(files)
        self.requests: list[str] = []
        self.commits: list[dict[str, bytes]] = []
        self.status: int | None = None  # answered to everything; 0 hangs up

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def hub_server() -> Iterator[HubServer]:
    server = HubServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *arguments: object) -> None:
        pass

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append(f"{self.command} {path}")
        api = f"/api/models/{self.server.repository}"
        if self.server.status == 0:
            self.close_connection = True
        elif self.server.status:
            self._send({"error": "refused by the test"}, self.server.status)
        elif path.startswith(f"/{self.server.repository}/resolve/"):
            self._file(path.split("/resolve/")[1].partition("/")[2])
        elif path.startswith(api + "/tree/"):
            self._send([self._entry(n, c) for n, c in self.server.files.items()])
        elif path.startswith(api + "/revision/") or path == api:
            names = [{"rfilename": name} for name in self.server.files]
            self._send({"id": self.server.repository, "sha": COMMIT, "siblings": names})
        elif path.startswith(api + "/preupload/"):
            keep = {"shouldIgnore": False, "oid": None}
            asked = [entry["path"] for entry in json.loads(body)["files"]]
            self._send({"files": [{"path": n, "uploadMode": "regular", **keep} for n in asked]})
        elif path.startswith(api + "/commit/"):
            self._commit(body)
        elif path == "/api/repos/create":
            self._send({"url": f"{self.server.url}/{self.server.repository}"})
        elif path == "/api/validate-yaml":
            self._send({"warnings": [], "errors": []})
        else:
            self._send({"error": "not found"}, 404)

    def _file(self, name: str) -> None:
        content = self.server.files.get(name)
        if content is None:
            self._send({"error": "not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        else:
            etag = {"ETag": f'"{_oid(content)}"', "X-Repo-Commit": COMMIT}
            self._send(content, 200, etag)

    def _commit(self, body: bytes) -> None:
        lines = [json.loads(line) for line in body.splitlines()]
        added = [line["value"] for line in lines if line["key"] == "file"]
        self.server.commits.append({f["path"]: base64.b64decode(f["content"]) for f in added})
        url = f"{self.server.url}/{self.server.repository}/commit/{COMMIT}"
        self._send({"success": True, "commitOid": COMMIT, "commitUrl": url})

    def _entry(self, name: str, content: bytes) -> dict[str, object]:
        return {"type": "file", "path": name, "size": len(content), "oid": _oid(content)}

    def _send(
        self, content: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _oid(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
