"""The server of `hub_server`, taking large files as the Hub does: blobs first, then one commit."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.checks.hub_server import COMMIT, HubServer, _Handler, hub_server


@contextmanager
def upload_server() -> Iterator[HubServer]:
    """A server that keeps commits as the files that they leave, and can break off.

    It has three attributes more: `blobs`, digest -> bytes; `blobs_left`, how many it takes
    before it answers with an error that repeats the token; `parents`, of the commits.
    """
    with hub_server() as server:
        server.RequestHandlerClass = _UploadHandler
        server.blobs, server.blobs_left, server.parents = {}, 100, []
        yield server


class _UploadHandler(_Handler):
    def do_PUT(self) -> None:  # noqa: N802 - the name that http.server looks for
        self._begin()

    def answer(self, path: str, body: bytes) -> None:
        if path.endswith("/info/lfs/objects/batch"):
            self._batch(json.loads(body))
        elif path.startswith("/blobs/"):
            self._keep(body)
        elif "/preupload/" in path:
            keep = {"shouldIgnore": False, "oid": None}
            asked = [entry["path"] for entry in json.loads(body)["files"]]
            modes = {n: "lfs" if n.endswith((".h5", ".safetensors")) else "regular" for n in asked}
            self.send({"files": [{"path": n, "uploadMode": m, **keep} for n, m in modes.items()]})
        else:
            super().answer(path, body)

    def _batch(self, request: dict) -> None:
        def action(oid: str) -> dict:
            return {"upload": {"href": f"{self.server.url}/blobs/{oid}?X-Signature=hf_secret"}}

        objects = [{**o, "actions": action(o["oid"])} for o in request["objects"]]
        self.send({"transfer": "basic", "objects": objects})

    def _keep(self, body: bytes) -> None:
        if not self.server.blobs_left:
            self.send({"error": "no more for hf_secret"}, 403, {"X-Error-Message": "hf_secret"})
            return
        self.server.blobs_left -= 1
        self.server.blobs[hashlib.sha256(body).hexdigest()] = body
        self.send({})

    def _commit(self, body: bytes) -> None:
        files = dict(self.server.files)
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                self.server.parents.append(value.get("parentCommit"))
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.blobs[value["oid"]]
            else:
                del files[value["path"]]
        self.server.history[self.server.refs["main"]] = files
        self.server.commits.append(files)
        url = f"{self.server.url}/{self.server.repository}/commit/{COMMIT}"
        self.send({"success": True, "commitOid": COMMIT, "commitUrl": url})
