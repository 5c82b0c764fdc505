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

KINDS = ("transformer", "bilstm")

SAVE = """
import sys, json
import numpy as np
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
    loaded = values(dict(enumerate(clf.weights)))
    equal = all(np.array_equal(stored[str(i)], value) for i, value in loaded.items())
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
    """`(saved by, loaded by, kind)` -> weights equal?, labels, outputs; and the saver's outputs."""
    root = tmp_path_factory.mktemp("round_trips")
    folders = {saved: root.joinpath(*saved) for saved in product(BACKENDS, KINDS)}
    for folder in folders.values():
        folder.mkdir(parents=True)
    for backend in BACKENDS:
        run(SAVE, backend, str(root / backend))
    loaded = {}
    for reader in BACKENDS:
        answer = json.loads(run(LOAD, reader, *map(str, folders.values())).splitlines()[-1])
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
