"""How much memory many texts take: that of the whole process, libraries included (TRUST, F05)."""

import subprocess
import sys

import pytest

MANY = """
from tests.checks.tiny import tiny_classifier
from tests.trust.memory import measured
clf = tiny_classifier()
texts = ["good film"] * 1_000_000
list(clf.predict_iter(texts[:2048], window=64))  # what is kept from one run to the next
with measured() as cost:
    next(clf.predict_iter(texts, window=64))
print(cost.memory)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux reports it")
def test_f05_a_million_texts_take_the_memory_of_a_window():
    """Tensors and tokenizers lie outside of what Python counts: hence a process of its own."""
    finished = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert int(finished.stdout.splitlines()[-1]) < 64 * 2**20
