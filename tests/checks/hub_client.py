"""A process in which the real clients of hubs load presets from servers of this machine.

A process of its own, because clients read their settings when they are imported.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TOKENS = {"HF_TOKEN": "hf_secret", "KAGGLE_USERNAME": "kaggle_user", "KAGGLE_KEY": "kaggle_secret"}
SECRETS = ("hf_secret", "kaggle_secret", "Signature=signed")
_RUN = """
import json, os, sys, time, traceback, warnings
real_sleep, time.sleep = time.sleep, lambda seconds: real_sleep(min(seconds, 0.02))
sockets = []
sys.addaudithook(lambda event, arguments: sockets.append(event)
                 if event in ("socket.__new__", "socket.connect", "socket.getaddrinfo") else None)
import numpy as np
import hub_tasks
from hub_tasks import presets
from hub_tasks.cli import main

def load(handle, weights=True, **settings):
    data = presets.load(handle, **settings)
    if weights and data.weights:
        read(data)
    return {"revision": data.source.revision, "handle": data.source.handle,
            "labels": data.head and data.head.labels, "repr": repr(data.source),
            "digests": dict(data.source.digests)}

def read(data):
    with data.weights.open() as file:
        for name in file.shapes:
            file.read(name)

VERBS = {"load": load, "offline": hub_tasks.set_offline, "fetch": lambda *a: main(["fetch", *a]),
         "environment": lambda **settings: os.environ.update(settings)}
for line in sys.stdin:
    verb, arguments, settings = json.loads(line)
    del sockets[:]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = {"value": VERBS[verb](*arguments, **settings)}
        except Exception as error:
            result = {"error": type(error).__name__, "message": str(error),
                      "behind": [repr(e) for e in (error.__cause__, error.__context__) if e],
                      "repr": repr(error), "trace": traceback.format_exc()}
    result["warnings"] = [str(w.message) for w in caught if w.category is UserWarning]
    result["sockets"] = len(sockets)
    print("\\nresult", json.dumps(result), flush=True)
"""


class Client:
    """Speaks with the process."""

    def __init__(self, process: subprocess.Popen, log: Path):
        self._process, self._log = process, log
        self.printed = ""

    def __call__(self, verb: str, *arguments: object, **settings: object) -> dict[str, Any]:
        """What the process did; its output must not hold a secret, nor a traceback's."""
        call = [verb, [a if isinstance(a, bool) else str(a) for a in arguments], settings]
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        self.printed = ""
        for line in self._process.stdout:
            assert not any(secret in line for secret in SECRETS), line
            if line.startswith("result "):
                assert not any(secret in self._log.read_text() for secret in TOKENS.values())
                return json.loads(line.removeprefix("result "))
            self.printed += line
        raise AssertionError(f"The client died:\n{self._log.read_text()[-3000:]}")


@contextmanager
def hub_client(directory: Path, **settings: str) -> Iterator[Client]:
    """A process whose caches are in `directory`."""
    log = directory / "log"
    unset = ("NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {
        "KERAS_BACKEND": "numpy",  # nothing is computed
        "HF_HOME": str(directory / "hf"),
        "KAGGLEHUB_CACHE": str(directory / "kaggle"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_ETAG_TIMEOUT": "1",
        "HF_HUB_DOWNLOAD_TIMEOUT": "1",
        **TOKENS,
        **settings,
    }
    with open(log, "w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", _RUN],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield Client(process, log)
        finally:
            process.stdin.close()
            process.wait(timeout=30)
            process.stdout.close()
