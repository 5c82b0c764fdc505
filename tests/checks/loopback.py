"""What servers on 127.0.0.1 for the real clients of hubs have in common."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar
from urllib.parse import unquote, urlsplit


@dataclass
class Fault:
    """What goes wrong with requests whose line, "GET /path", contains `match`.

    Args:
        match: part of the line.
        status: what is answered; 0 hangs up, None answers as always.
        headers: of such an answer.
        times: how often.
        cut: how many bytes of the body are sent before the connection breaks.
        stall: seconds of silence before hanging up.
    """

    match: str
    status: int | None = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1_000_000
    cut: int | None = None
    stall: float = 0.0


class Loopback(ThreadingHTTPServer):
    """Keeps what was asked, and goes wrong as told."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]):
        super().__init__(("127.0.0.1", 0), handler)
        self.begin()

    def begin(self) -> None:
        """Forgets requests and faults."""
        self.requests: list[str] = []
        self.faults: list[Fault] = []
        self.before: Callable[[str], object] = lambda line: None  # called at each request

    def fault(self, line: str) -> Fault | None:
        """The fault that this request meets."""
        found = next((one for one in self.faults if one.match in line and one.times > 0), None)
        if found:
            found.times -= 1
        return found

    def asked(self, method: str) -> set[str]:
        """The last parts of the paths that were asked for with a method."""
        lines = (line.partition(" ") for line in self.requests)
        return {path for verb, _, path in lines if verb == method}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that hang up


class LoopbackHandler(BaseHTTPRequestHandler):
    """Answers `content`, ranges of it included."""

    server: Loopback
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._begin()

    def do_GET(self) -> None:
        self._begin()

    def do_POST(self) -> None:
        self._begin()

    def log_message(self, *arguments: object) -> None:
        pass

    def answer(self, path: str, body: bytes) -> None:
        raise NotImplementedError

    def _begin(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        line = f"{self.command} {path}{self.describe(body)}"
        self.server.requests.append(line)
        self.server.before(line)
        self.fault = self.server.fault(line)
        if self.fault and self.fault.stall:
            time.sleep(self.fault.stall)
        if self.fault and self.fault.status == 0:
            self.close_connection = True
        elif self.fault and self.fault.status:
            self.send({"error": "refused by the test"}, self.fault.status, self.fault.headers)
        else:
            self.answer(path, body)

    def describe(self, body: bytes) -> str:
        """What of the body belongs to the line of a request."""
        return ""

    def send(
        self, content: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and status == 200 else 0
        self.send_response(206 if start else status)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        data = data[start:]
        self.send_header("Content-Length", str(len(data)))
        if not isinstance(content, bytes):
            self.send_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        cut = self.fault.cut if self.fault else None
        if self.command != "HEAD":
            self.wfile.write(data[:cut])
            if cut is not None:
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(2)


Server = TypeVar("Server", bound=Loopback)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Serves in a thread."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
