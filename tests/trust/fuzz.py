"""Reads presets whose files are changed at random, until the time is over.

python -m tests.trust.fuzz --seconds 600 --seed 7

The reading is done in a process of its own. What brings it down, hangs or raises anything but a
`PresetError` is kept in `tests/trust/corpus`, where it is a test from then on.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
HANGS = 20.0  # seconds for one input
_MEMORY = 2**30  # bytes of address space beyond what a process begins with
_SAMPLES = ["a good film", "", "gooood, b\u00e4d \u4e2d\u6587 [SEP] <s> </s>", "x" * 300]
# Nothing is computed, and so Keras's backend matters for the time to begin alone.
_QUICKEST = {"KERAS_BACKEND": "torch"} if find_spec("torch") else {}
_ROOT = Path(__file__).parents[2]


def reader(base: Path) -> Callable[[Path], None]:
    """What reads a preset as loading it does, short of building the model."""
    import hub_tasks
    from hub_tasks import presets
    from hub_tasks.backbones import shapes
    from hub_tasks.tokenizers import TOKENIZERS

    clf = hub_tasks.TextClassifier.from_preset(base)
    backbone, head = shapes(clf.backbone.weights), shapes(clf.head_variables())

    def read(preset: Path) -> None:
        data = presets.load(preset)
        if data.tokenizer:
            tokenizer = TOKENIZERS[data.family.name].from_data(data.family, data.tokenizer)
            for ids in tokenizer.tokenize(_SAMPLES):
                tokenizer.detokenize(ids)
        if data.weights:
            dict(data.weights.read(backbone))
        if data.head:
            data.head.weights.stored_shape("logits/bias")
            dict(data.head.weights.read(head))

    return read


def check(read: Callable[[Path], None], preset: Path) -> str | None:
    """What is wrong with how a preset is read; None where all is as it should be."""
    from hub_tasks.errors import PresetError

    try:
        read(preset)
    except PresetError as error:
        if len(str(error)) > 5000:
            return "the message is too long"
    except BaseException as error:  # a panic of Rust's is no Exception
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: {error}"
    return None


def corpus_name(base: str, name: str, data: bytes) -> str:
    """What an input is called in the corpus: the preset, the file of it, a digest."""
    return f"{base}~{name.replace('/', '+')}~{sha256(data).hexdigest()[:12]}"


def place(entry: Path, bases: dict[str, Path], folder: Path) -> tuple[str, Path]:
    """An input of the corpus in a copy of its preset; the preset's name, and the copy."""
    base, name, _ = entry.name.split("~")
    preset = shutil.copytree(bases[base], folder / "preset")
    (preset / name.replace("+", "/")).write_bytes(entry.read_bytes())
    return base, preset


def _child(folder: Path, seconds: float, seed: int) -> None:
    """Changes and reads until the time is over; writes a failure a line."""
    from tests.trust.bases import make_bases
    from tests.trust.mutations import mutate

    warnings.simplefilter("ignore")
    rng = random.Random(seed)
    (folder / "bases").mkdir()
    bases = make_bases(folder / "bases")
    reads = {name: reader(path) for name, path in bases.items()}
    files = [
        (name, str(path.relative_to(base)), path.read_bytes())
        for name, base in bases.items()
        for path in sorted(base.rglob("*"))
        if path.is_file()
    ]
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, resource.RLIM_INFINITY))
    seen: set[str] = set()
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        name, file, before = rng.choice(files)
        data = mutate(before, file, rng)
        path = bases[name] / file
        path.write_bytes(data)
        (folder / "current").write_text(json.dumps([name, file]))
        wrong = check(reads[name], bases[name])
        count += 1
        if wrong and wrong.partition(": ")[0] not in seen:
            seen.add(wrong.partition(": ")[0])
            print(json.dumps([_keep(name, file, data), wrong]), flush=True)
        path.write_bytes(before)
    print(json.dumps(count), flush=True)


def _keep(name: str, file: str, data: bytes) -> str:
    kept = CORPUS / corpus_name(name, file, data)
    kept.write_bytes(data)
    return str(kept)


def fuzz(seconds: float, seed: int) -> tuple[int, list[str]]:
    """Reads changed presets for a time; how many, and what went wrong."""
    end, count, failures = time.monotonic() + seconds, 0, []
    while (left := end - time.monotonic()) > 0:
        with tempfile.TemporaryDirectory() as folder:
            done, found = _run(Path(folder), left, seed)
        count, seed = count + done, seed + 1
        failures += found
    return count, failures


def _run(folder: Path, seconds: float, seed: int) -> tuple[int, list[str]]:
    """One child, until it ends or is brought down."""
    with open(folder / "answers", "w") as answers:
        child = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.trust.fuzz", "--child", str(folder)),
                *("--seconds", str(seconds), "--seed", str(seed)),
            ],
            cwd=_ROOT,
            env={**os.environ, **_QUICKEST},
            stdout=answers,
            stderr=subprocess.DEVNULL,
        )
        current, why = folder / "current", ""
        while child.poll() is None:
            time.sleep(0.05)
            if current.exists() and time.time() - current.stat().st_mtime > HANGS:
                why = "it hangs"
                child.kill()
                child.wait()
    lines: list[Any] = [json.loads(line) for line in (folder / "answers").open()]
    failures = [f"{line[0]}: {line[1]}" for line in lines if isinstance(line, list)]
    if child.returncode:
        why = why or f"it ends with {_signal_name(child.returncode)}"
        name, file = json.loads(current.read_text())
        data = (folder / "bases" / name / file).read_bytes()
        failures.append(f"{_keep(name, file, data)}: {why}")
    return next((x for x in lines if isinstance(x, int)), 0), failures


def _signal_name(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else str(code)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _child(arguments.child, arguments.seconds, arguments.seed)
        return 0
    seed = random.randrange(2**31) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    count, failures = fuzz(arguments.seconds, seed)
    print(f"{count} presets read, {len(failures)} failures")
    print(*failures, sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
