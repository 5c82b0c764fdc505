"""What the documentation shows runs as it stands."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parents[1]
SHOWN = {"docs/encoders.md": r"\A.*\Z", "README.md": r"^## From scratch$.*?(?=^## )"}
BLOCK = re.compile(r"(?<=^```python\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
VECTORS = "parcel 0.5 -0.25 0.125\nmoney -0.5 0.25 0.75\nrefund -0.25 0.5 0.5\n"
RUN = """
import runpy, sys
from dataclasses import replace
from hub_tasks import EncoderBackbone
EncoderBackbone.recipe = replace(EncoderBackbone.recipe, epochs=1)
for path in sys.argv[1:]:
    runpy.run_path(path)
"""
# The examples build a dozen models once each, which PyTorch need not compile.
BACKEND = "torch" if find_spec("torch") else keras.backend.backend()


def examples(name: str) -> str:
    """The code in the shown part of a document, each line where it is there."""
    text = (ROOT / name).read_text(encoding="utf-8")
    part = re.search(SHOWN[name], text, re.MULTILINE | re.DOTALL)
    code, end = "", 0
    for block in BLOCK.finditer(text, part.start(), part.end()):
        code += "\n" * text.count("\n", end, block.start()) + block[0]
        end = block.end()
    return code


@pytest.mark.parametrize("name", SHOWN)
def test_there_are_examples(name):
    assert "from_scratch(" in examples(name)


def test_examples_run_in_their_order(tmp_path):
    (tmp_path / "vectors.txt").write_text(VECTORS)
    scripts = [tmp_path / Path(name).with_suffix(".py").name for name in SHOWN]
    for name, script in zip(SHOWN, scripts, strict=True):
        script.write_text(examples(name), encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, scripts)],
        env={**os.environ, "KERAS_BACKEND": BACKEND},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
