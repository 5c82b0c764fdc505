"""The built wheel by itself: no checkout, no extras beyond one backend."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import hub_tasks

pytestmark = pytest.mark.wheel


def test_it_is_the_installed_package():
    assert "site-packages" in Path(hub_tasks.__file__).parts
    assert version("hub-tasks") == hub_tasks.__version__


def test_the_shipped_preset_needs_no_download(tmp_path):
    clf = hub_tasks.TextClassifier.from_preset("bert_tiny_en_sentiment")
    assert clf.classify("a wonderful, moving and funny film").label == "positive"
    assert clf.classify("a dull and stupid waste of time").label == "negative"
    clf.save_to_preset(tmp_path / "copy")
    again = hub_tasks.TextClassifier.from_preset(tmp_path / "copy")
    texts = ["good", "bad", "it is what it is"]
    assert (again.predict(texts, verbose=0) == clf.predict(texts, verbose=0)).all()


def test_the_command_line_is_installed():
    command = Path(sys.executable).with_name("hub-tasks")
    listed = subprocess.run([command, "presets"], capture_output=True, text=True, check=True)
    assert "bert_tiny_en_sentiment" in listed.stdout.replace("\n", "")


def test_types_are_shipped():
    root = Path(hub_tasks.__file__).parent
    assert (root / "py.typed").exists()
    assert (root / "tasks" / "named.pyi").exists()
