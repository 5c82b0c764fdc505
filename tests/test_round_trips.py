"""A preset means the same on every backend: saved by each, loaded by each."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import product

import numpy as np
import pytest

BACKENDS = [name for name in ("jax", "torch", "tensorflow") if find_spec(name)]

KINDS = ("transformer", "bilstm")

# Saves, says so, waits until the others did, and loads what all of them saved.
CODE = """
import sys, json
import numpy as np
import hub_tasks
from tests.checks.tiny import LABELS, TEXTS, from_scratch, tiny_classifier
from hub_tasks.backbones import values
import keras
keras.utils.set_random_seed(5)
models = {"transformer": tiny_classifier(), "bilstm": from_scratch("bilstm", TEXTS, LABELS)}
for kind, clf in models.items():
    for variable in clf.trainable_weights:
        variable.assign(variable + np.random.normal(0, 0.5, variable.shape))
    directory = sys.argv[1] + "/" + kind
    clf.save_to_preset(directory + "/preset")
    stored = {str(i): value for i, value in values(dict(enumerate(clf.weights))).items()}
    np.savez(directory + "/weights.npz", **stored)
    np.save(directory + "/outputs.npy", clf.predict(TEXTS, verbose=0))
print("saved", flush=True)
sys.stdin.readline()
results = {}
for directory in sys.argv[2:]:
    clf = hub_tasks.TextClassifier.from_preset(directory + "/preset")
    stored = np.load(directory + "/weights.npz")
    loaded = values(dict(enumerate(clf.weights)))
    equal = all(np.array_equal(stored[str(i)], value) for i, value in loaded.items())
    results[directory] = [equal and len(stored.files) == len(clf.weights), list(clf.labels)]
    results[directory].append(clf.predict(TEXTS, verbose=0).tolist())
print(json.dumps(results))
"""


class Worker:
    """A process that runs `CODE` on a backend."""

    def __init__(self, backend: str, *arguments: str):
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as this
        self.process = subprocess.Popen(
            [sys.executable, "-c", CODE, *arguments],
            env={**os.environ, "KERAS_BACKEND": backend},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def answer(self) -> str:
        line = self.process.stdout.readline()
        self.errors.seek(0)
        assert line, self.errors.read()[-3000:]
        return line

    def go_on(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """`(saved by, loaded by, kind)` -> weights equal?, labels, outputs; and the saver's outputs."""
    root = tmp_path_factory.mktemp("round_trips")
    folders = {saved: root.joinpath(*saved) for saved in product(BACKENDS, KINDS)}
    for folder in folders.values():
        folder.mkdir(parents=True)
    loaded = {}
    with ExitStack() as stack:
        workers = {}
        for backend in BACKENDS:
            arguments = [root / backend, *folders.values()]
            workers[backend] = Worker(backend, *map(str, arguments))
            stack.callback(workers[backend].close)
        for worker in workers.values():
            assert worker.answer() == "saved\n"
        for worker in workers.values():
            worker.go_on()
        for reader, worker in workers.items():
            answer = json.loads(worker.answer())
            for (writer, kind), folder in folders.items():
                loaded[writer, reader, kind] = answer[str(folder)]
    return loaded, {saved: np.load(folder / "outputs.npy") for saved, folder in folders.items()}


@pytest.mark.parametrize(("writer", "reader", "kind"), [*product(BACKENDS, BACKENDS, KINDS)])
def test_a_preset_means_the_same_everywhere(results, writer, reader, kind):
    loaded, saved = results
    equal, labels, outputs = loaded[writer, reader, kind]
    assert equal, "the weights differ in some bit"
    assert labels == ["negative", "positive"]
    tolerance = 1e-6 if writer == reader else 1e-4
    np.testing.assert_allclose(np.array(outputs), saved[writer, kind], atol=tolerance)
    assert np.ptp(outputs) > 0.01
