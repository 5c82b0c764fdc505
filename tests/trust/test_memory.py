"""How much memory many texts and large claims take: that of the whole process (TRUST, F05)."""

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

CLAIMING = """
import shutil
import sys
from pathlib import Path
import hub_tasks
from hub_tasks.errors import PresetFormatError
from tests.checks.broken_presets import put
from tests.checks.tiny import tiny_encoder
from tests.trust.memory import measured
preset = Path(sys.argv[1])
tiny_encoder("average_embedding", part_buckets=8).save_to_preset(preset)
hub_tasks.AverageEmbeddingBackbone.from_preset(preset)
for name in ("hub_tasks.json", "tokenizer.json"):  # a vocabulary would tell
    (preset / name).unlink(missing_ok=True)
shutil.rmtree(preset / "assets", ignore_errors=True)
put(preset / "config.json", "/config/vocabulary_size", 4_000_000)
with measured() as cost:
    try:
        hub_tasks.AverageEmbeddingBackbone.from_preset(preset)
    except PresetFormatError as error:
        assert "implies a model of more than" in str(error)
    else:
        raise AssertionError("not refused")
print(cost.memory)
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="memory is measured as Linux reports it"
)


def memory_of(code: str, *arguments: str) -> int:
    """Bytes, in a process of its own: tensors and tokenizers lie outside of what Python counts."""
    command = [sys.executable, "-c", code, *arguments]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr[-2000:]
    return int(finished.stdout.splitlines()[-1])


def test_f05_a_million_texts_take_the_memory_of_a_window():
    assert memory_of(MANY) < 64 * 2**20


def test_parts_of_tokens_that_a_preset_only_claims_take_no_memory(tmp_path):
    """Six whole numbers for each would be 96 MB."""
    assert memory_of(CLAIMING, str(tmp_path / "preset")) < 16 * 2**20
