"""What `import hub_tasks` costs and brings along."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.startup

HEAVY = {
    "jax",
    "kagglehub",
    "keras_hub",
    "keras_nlp",
    "pandas",
    "tensorflow",
    "torch",
    "transformers",
}
MEASURE = """
import json, resource, sys, time
began = time.perf_counter()
import {module}
seconds = time.perf_counter() - began
kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, kilobytes / 1024, sorted(m for m in sys.modules if "." not in m)]))
"""


def python(code: str, **environment: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout.splitlines()[-1]


def test_import_adds_little_time_memory_and_no_backend_to_keras():
    runs = {"keras": [], "hub_tasks": []}
    for turn in range(30):  # in turn, so that a slow moment of the machine hits both
        for module, results in runs.items():
            results.append(json.loads(python(MEASURE.format(module=module), KERAS_BACKEND="jax")))
        seconds, megabytes = (
            {module: min(run[column] for run in results) for module, results in runs.items()}
            for column in (0, 1)
        )
        little = (
            seconds["hub_tasks"] - seconds["keras"] <= 0.3
            and megabytes["hub_tasks"] - megabytes["keras"] <= 40
        )
        if little and turn >= 3:  # noise only ever adds: where it seems too much, look longer
            break
    assert little, (seconds, megabytes)
    new = set(runs["hub_tasks"][0][2]) - set(runs["keras"][0][2])
    assert not new & HEAVY


def test_looking_at_a_preset_needs_no_keras():
    code = """
import importlib.util, sys
real = importlib.util.find_spec
backends = ("jax", "tensorflow", "torch")
importlib.util.find_spec = lambda name, *a: None if name in backends else real(name, *a)
sys.argv = ["/bin/hub-tasks", "inspect", "bert_tiny_en_sentiment"]
from hub_tasks.cli import main
status = main()
print(status, sorted({"keras", *backends} & set(sys.modules)))
"""
    assert python(code, KERAS_BACKEND="") == "0 []"


def test_help_needs_no_keras():
    code = """
import contextlib, io, sys
sys.argv = ["/bin/hub-tasks"]
from hub_tasks.cli import main
helped = 0
for verb in ([], ["train"], ["evaluate"], ["predict"]):
    with contextlib.redirect_stdout(io.StringIO()) as told, contextlib.suppress(SystemExit):
        main([*verb, "--help"])
    helped += "usage: hub-tasks" in told.getvalue()
print(helped, sorted({"keras", "jax", "tensorflow", "torch"} & set(sys.modules)))
"""
    assert python(code, KERAS_BACKEND="") == "4 []"


def test_the_command_has_all_names_when_it_needs_them():
    code = """
import sys
sys.argv = ["hub-tasks.exe"]
import hub_tasks
print("keras" in sys.modules, hub_tasks.TextClassifier.__name__, "keras" in sys.modules)
"""
    assert python(code, KERAS_BACKEND="jax") == "False TextClassifier True"


def test_what_only_files_of_presets_need_is_imported_when_there_are_some():
    code = """
import sys, hub_tasks
later = {f"hub_tasks.{name}" for name in (
    "export", "presets.catalogue", "presets.formats", "presets.loading", "presets.lock",
    "presets.publishing", "presets.saving", "presets.sources")}
print(sorted(later & set(sys.modules)), set(hub_tasks.__all__) <= set(dir(hub_tasks)),
      callable(hub_tasks.upload_preset), hub_tasks.upload_preset is hub_tasks.upload_preset,
      hasattr(hub_tasks, "upload_presets"), "hub_tasks.presets.publishing" in sys.modules)
"""
    assert python(code, KERAS_BACKEND="jax") == "[] True True True False True"


def test_keras_knows_the_classes_once_hub_tasks_is_imported():
    code = """
import hub_tasks, keras
print(keras.saving.get_registered_object("hub_tasks>BertTextClassifier").__name__)
"""
    assert python(code, KERAS_BACKEND="jax") == "BertTextClassifier"


def test_classifying_and_training_import_no_other_backend(tmp_path):
    code = """
import os, sys, keras
before = set(sys.modules)
sys.path.insert(0, "")
from tests.checks.tiny import LABELS, TEXTS, from_scratch, tiny_classifier
tiny_classifier().classify("good")
clf = from_scratch("bilstm", TEXTS, LABELS)
clf.fit(TEXTS, LABELS, verbose=0)
clf.save_to_preset(os.environ["INTO"])
names = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(names & {"tensorflow", "torch", "transformers", "keras_hub", "pandas"}))
"""
    assert python(code, KERAS_BACKEND="jax", INTO=str(tmp_path / "preset")) == "[]"


def test_a_backend_that_is_installed_is_chosen(tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "tensorflow"}')
    code = """
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == "tensorflow" else real(name, *a)
import hub_tasks, keras
print(keras.backend.backend())
"""
    environment = {"KERAS_BACKEND": "", "KERAS_HOME": str(tmp_path)}
    assert python(code, **environment) in ("jax", "torch")


def test_a_chosen_backend_is_left_alone():
    code = "import hub_tasks, keras; print(keras.backend.backend())"
    assert python(code, KERAS_BACKEND="jax") == "jax"


def test_jax_compiles_once_a_machine_where_its_cache_is_enabled(tmp_path):
    code = """
import os, hub_tasks
clf = hub_tasks.TextClassifier.from_preset("bert_tiny_en_sentiment")
for text in ("a fine film", "dull " * 30):
    clf.predict([text], verbose=0)
print(sorted(name for name in os.listdir(os.environ["JAX_COMPILATION_CACHE_DIR"])
      if "predict_step" in name))
"""
    enabled = {
        "KERAS_BACKEND": "jax",
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    first = python(code, **enabled)
    assert first.count("-cache") >= 2, "a program for each of the two shapes"
    assert python(code, **enabled) == first, "nothing was compiled a second time"
