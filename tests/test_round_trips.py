"""A preset means the same on every backend: saved by each, loaded by each."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import product

import numpy as np
import pytest

BACKENDS = [name for name in ("jax", "torch", "tensorflow") if find_spec(name)]

SAVE = """
import sys, json
import numpy as np
from tests.checks.tiny import LABELS, TEXTS, tiny_classifier
from hub_tasks.backbones import values
import keras
keras.utils.set_random_seed(5)
clf = tiny_classifier()
clf.fit(TEXTS, LABELS, epochs=2, verbose=0)
clf.save_to_preset(sys.argv[1] + "/preset")
np.savez(sys.argv[1] + "/weights.npz", **values(clf.weights))
np.save(sys.argv[1] + "/outputs.npy", clf.predict(TEXTS, verbose=0))
"""
LOAD = """
import sys, json
import numpy as np
import hub_tasks
from hub_tasks.backbones import values
from tests.checks.tiny import TEXTS
results = {}
for directory in sys.argv[1:]:
    clf = hub_tasks.TextClassifier.from_preset(directory + "/preset")
    stored = np.load(directory + "/weights.npz")
    equal = all(np.array_equal(stored[name], value) for name, value in values(clf.weights).items())
    results[directory] = [equal and len(stored.files) == len(clf.weights), list(clf.labels)]
    results[directory].append(clf.predict(TEXTS, verbose=0).tolist())
print(json.dumps(results))
"""


def run(code: str, backend: str, *arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished.stdout


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """`(saved by, loaded by)` -> weights equal?, labels, outputs; and the saver's outputs."""
    root = tmp_path_factory.mktemp("round_trips")
    for backend in BACKENDS:
        (root / backend).mkdir()
        run(SAVE, backend, str(root / backend))
    loaded = {}
    for reader in BACKENDS:
        directories = [str(root / writer) for writer in BACKENDS]
        answer = json.loads(run(LOAD, reader, *directories).splitlines()[-1])
        for writer, directory in zip(BACKENDS, directories, strict=True):
            loaded[writer, reader] = answer[directory]
    return loaded, {b: np.load(root / b / "outputs.npy") for b in BACKENDS}


@pytest.mark.parametrize(("writer", "reader"), product(BACKENDS, BACKENDS))
def test_a_preset_means_the_same_everywhere(results, writer, reader):
    loaded, saved = results
    equal, labels, outputs = loaded[writer, reader]
    assert equal, "the weights differ in some bit"
    assert labels == ["negative", "positive"]
    tolerance = 1e-6 if writer == reader else 1e-4
    np.testing.assert_allclose(np.array(outputs), saved[writer], atol=tolerance)
