"""TRUST.md, section E: disks that fail, interrupts, odd targets, power cuts, permissions."""

import contextlib
import errno
import os
import shutil
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from hub_tasks import presets
from hub_tasks.backbones import values
from hub_tasks.errors import PresetSaveError
from hub_tasks.presets.saving import writing as saving
from tests.checks import faults, saving_worker
from tests.checks.saving_worker import FORMATS, save, state
from tests.checks.tiny import LABELS, TEXTS, tiny_classifier


def contents(directory: Path) -> dict[str, bytes]:
    paths = [path for path in directory.rglob("*") if path.is_file()]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def steps_of_a_save(target: Path) -> int:
    with faults.at_step(-1, faults.kill) as steps:
        save(str(target), "new")
    save(str(target), "old")
    return len(steps)


def failure(code: int) -> OSError:
    return OSError(code, os.strerror(code))


def said_by_a_save(target: Path) -> str:
    try:
        save(str(target), "new")
    except PresetSaveError as error:
        return str(error)
    return ""


ERRORS = {
    "E04_enospc": (errno.ENOSPC, 1),
    "E05_eio": (errno.EIO, 3),
    "E05_efbig": (errno.EFBIG, 9),
    "E05_erofs": (errno.EROFS, 9),
    "E05_eacces": (errno.EACCES, 9),
    "E05_edquot": (errno.EDQUOT, 9),
}


@pytest.mark.parametrize(("code", "stride"), ERRORS.values(), ids=ERRORS)
def test_an_operation_that_fails(code, stride, target):
    failed = 0
    for n in range(0, steps_of_a_save(target), stride):
        with faults.at_step(n, faults.raising(failure(code))) as steps:
            said = said_by_a_save(target)
        assert said == "" or os.strerror(code) in said
        assert state(str(target)) == ("old" if said else "new"), f"{n}: {steps[n]}"
        # What could not be removed afterwards is left to the next save.
        assert not said or os.listdir(target.parent) == ["preset"], f"{n}: {steps[n]}"
        failed += bool(said)
        save(str(target), "old")
        assert os.listdir(target.parent) == ["preset"], f"{n}: {steps[n]}"
    assert failed * stride > 40


def test_e04_disks_of_every_size(worker, parent):
    results = worker.call(saving_worker.fill_disks, parent)
    if results is None:
        pytest.skip("this user may not mount a disk; E04_enospc covers each operation")
    *full, fitting = results
    assert len(full) > 8
    for room, said, found, names in full:
        assert "No space left on device" in said, room
        assert (found, names) == ("old", ["preset"]), room
    assert fitting[1:] == ["", "new", ["preset"]]


def test_e05_files_that_may_not_grow(worker, target):
    said = "File too large"
    for limit in range(0, 1 << 20, 1009):
        said = worker.call(saving_worker.limit_files, target, limit)
        if not said:
            break
        assert "File too large" in said
        assert state(str(target)) == "old"
        assert os.listdir(target.parent) == ["preset"]
    assert limit > 8_000
    assert state(str(target)) == "new"


def test_e05_a_folder_that_is_read_only(worker, target):
    target.parent.chmod(0o555)
    said = worker.call(saving_worker.save_unprivileged, target)
    target.parent.chmod(0o755)
    assert "Permission denied" in said
    assert state(str(target)) == "old"
    assert os.listdir(target.parent) == ["preset"]


CONTROL_C = faults.raising(KeyboardInterrupt())
INTERRUPTS = {
    "E06_sigint_before": (CONTROL_C, False, sys.platform, 1),
    "E06_sigint_after": (CONTROL_C, True, sys.platform, 2),
    "E06_sigint_by_renames": (CONTROL_C, False, "another", 3),
    "E06_memory": (faults.raising(MemoryError()), False, sys.platform, 3),
}


@pytest.mark.parametrize(
    ("act", "after", "platform", "stride"), INTERRUPTS.values(), ids=INTERRUPTS
)
def test_an_interrupt(act, after, platform, stride, target, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    interrupted = 0
    for n in range(0, steps_of_a_save(target), stride):
        with faults.at_step(n, act, after) as steps:
            try:
                save(str(target), "new")
                raised = False
            except (KeyboardInterrupt, MemoryError):
                raised = True
        assert state(str(target)) in (("old", "new") if raised else ("new",)), f"{n}: {steps[n]}"
        # shutil takes a lack of memory for a folder that cannot be removed.
        assert not raised or os.listdir(target.parent) == ["preset"], f"{n}: {steps[n]}"
        interrupted += raised
        save(str(target), "old")
        assert os.listdir(target.parent) == ["preset"], f"{n}: {steps[n]}"
    assert interrupted * stride > 60


def test_e06_the_first_save_is_interrupted(parent):
    target = parent / "preset"
    for n in range(0, 50, 7):
        with (
            faults.at_step(n, faults.raising(KeyboardInterrupt())),
            pytest.raises(KeyboardInterrupt),
        ):
            save(str(target), "new")
        assert state(str(target)) in ("absent", "new")
        assert os.listdir(parent) in ([], ["preset"])
        shutil.rmtree(target, ignore_errors=True)


def no_head(data):
    return replace(data, head=None, preprocessor=None)


def no_tokenizer(data):
    return replace(data, tokenizer=None, preprocessor=None)


def tokenizer_only(data):
    return presets.PresetData(data.family, tokenizer=data.tokenizer)


FEWER = {
    "E09_backbone_over_task": (no_head, {"task.json", "task.weights.h5", "preprocessor.json"}),
    "E09_fewer_assets": (no_tokenizer, {"tokenizer.json", "assets/tokenizer/vocabulary.txt"}),
    "E09_tokenizer_over_task": (tokenizer_only, {"config.json", "model.weights.h5"}),
}


@pytest.mark.parametrize(("change", "gone"), FEWER.values(), ids=FEWER)
def test_no_file_of_the_old_preset_stays(change, gone, target):
    assert gone <= contents(target).keys()
    saving.save(target, change(saving_worker._PRESETS["new"]), "0.0.0")
    assert not gone & contents(target).keys()
    presets.load(target)


def test_e09_weights_in_another_format(target):
    save(str(target), "new")
    assert not [name for name in contents(target) if name.endswith(".h5")]


def a_file(target: Path) -> Path:
    target.write_text("mine")
    return target


def a_link(target: Path) -> Path:
    save(str(target.with_name("real")), "old")
    target.symlink_to("real")
    return target


def foreign_files(target: Path) -> Path:
    save(str(target), "old")
    (target / "thesis.txt").write_text("mine")
    return target


def more_shards(target: Path) -> Path:
    save(str(target), "old")
    (target / "model_00001.weights.h5").write_text("whose?")
    return target


def no_manifest(target: Path) -> Path:
    save(str(target), "old")
    (target / "hub_tasks.json").unlink()
    return target


def working_directory(target: Path) -> Path:
    save(str(target), "old")
    os.chdir(target)
    return target


def above_the_working_directory(target: Path) -> str:
    working_directory(target)
    os.chdir("assets")
    return ".."


ODD = {
    "E10_file": a_file,
    "E10_symlink": a_link,
    "E10_foreign_files": foreign_files,
    "E10_foreign_shard": more_shards,
    "E10_no_manifest": no_manifest,
    "E10_cwd": working_directory,
    "E10_above_cwd": above_the_working_directory,
    "E10_root": lambda target: "/",
    "E10_empty": lambda target: "",
    "E10_nul": lambda target: f"{target}\0",
    "E10_bytes": lambda target: os.fsencode(target),
    "E10_number": lambda target: 3,
    "E10_not_utf8": lambda target: f"{target}\udcff",
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_an_odd_target_is_refused(make, parent, monkeypatch):
    monkeypatch.chdir(parent)
    target = make(parent / "target")
    before = contents(parent), os.listdir(parent), (parent / "target").is_symlink()
    with pytest.raises(PresetSaveError, match="Received: directory="):
        save(target, "new")
    assert (contents(parent), os.listdir(parent), (parent / "target").is_symlink()) == before


def with_weight(value):
    def change(data):
        name = next(iter(data.weights))
        return replace(data, weights={**data.weights, name: data.weights[name] * value})

    return change


def without_weights(data):
    return replace(data, weights={})


def without_a_layer(data):
    kept = {name: value for name, value in data.weights.items() if "layer_0" not in name}
    return replace(data, weights=kept)


def unbuilt_head(data):
    return replace(data, head=replace(data.head, weights={}))


def labelled(*labels):
    return lambda data: replace(data, head=replace(data.head, labels=labels))


UNFIT = {
    "E11_nan": (with_weight(np.nan), "holds NaN or infinity"),
    "E11_infinity": (with_weight(np.inf), "holds NaN or infinity"),
    "E11_unbuilt": (without_weights, "token_embedding/embeddings is missing"),
    "E11_half_built": (without_a_layer, "layer_0.* is missing"),
    "E11_unbuilt_head": (unbuilt_head, "logits/kernel is missing"),
    "E11_one_label": (labelled("a"), "1 label names for a head of 2 classes"),
    "E11_three_labels": (labelled("a", "b", "c"), "3 label names for a head of 2 classes"),
    "E11_label_twice": (labelled("a", "a"), "names a label twice"),
    "E11_half_a_character": (labelled("a", "\ud800"), "label names"),
}


@pytest.mark.parametrize(("change", "message"), UNFIT.values(), ids=UNFIT)
def test_what_is_unfit_is_refused_before_anything_is_written(change, message, target):
    never = faults.raising(RuntimeError("a step was taken"))
    with faults.at_step(0, never), pytest.raises(PresetSaveError, match=message):
        saving.save(target, change(saving_worker._PRESETS["new"]), "0.0.0")
    assert state(str(target)) == "old"


@pytest.mark.parametrize("name", FORMATS)
def test_e12_two_saves_differ_by_their_date_alone(name, parent, monkeypatch):
    save(str(parent / "a"), name)
    time.sleep(1.1)  # the date has seconds
    save(str(parent / "b"), name)
    first, second = contents(parent / "a"), contents(parent / "b")
    differing = {key for key in first | second if first.get(key) != second.get(key)}
    assert differing == {"metadata.json", "hub_tasks.json"}
    lines = {
        (key, one)
        for key in differing
        for one, other in zip(first[key].splitlines(), second[key].splitlines(), strict=True)
        if one != other
    }
    assert len(lines) == 2, "the date, and the digest of the file that holds it"
    assert state(str(parent / "a")) == state(str(parent / "b")) == name


def test_e13_the_order_on_the_disk(target, monkeypatch):
    flushed, real, before = [], os.fsync, target.stat().st_ino

    def fsync(descriptor):
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        flushed.append((path, target.stat().st_ino == before))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    save(str(target), "new")
    *staged, (last, still_old) = flushed
    assert (last, still_old) == (target.parent, False), "the parent, after the exchange"
    assert all(old for _, old in staged)
    order = [path for path, _ in staged]
    staging = next(path.parent for path in order if path.name == "hub_tasks.json")
    files = {staging / name for name in contents(target)}
    assert files <= set(order)
    last_file = max(order.index(path) for path in files)
    assert order[last_file].name == "hub_tasks.json"
    folders = {path.parent for path in files} | {staging / "assets"}
    assert folders <= set(order[last_file:])


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_e13_the_order_as_the_system_saw_it(worker, target, parent):
    log = parent.parent / f"{parent.name}.strace"
    worker.call(saving_worker.save_traced, target, log)
    calls = log.read_text().splitlines()
    log.unlink()
    names = [call.split("(")[0].split()[-1] for call in calls]
    exchange = next(i for i, call in enumerate(calls) if "RENAME_EXCHANGE" in call)
    assert names[exchange + 1] == "fsync", "the parent"
    assert set(names[:exchange]) == {"fsync"}
    assert "fsync" not in names[exchange + 2 :]
    assert "unlinkat" in names[exchange + 2 :], "the old preset is removed last"
    assert len(names[:exchange]) >= len(contents(target))


MASKS = {"E15_022": (0o022, 0o644, 0o755), "E15_077": (0o077, 0o600, 0o700)}
MASKS |= {"E15_000": (0o000, 0o644, 0o755), "E15_027": (0o027, 0o640, 0o750)}


@pytest.mark.parametrize(("mask", "file", "folder"), MASKS.values(), ids=MASKS)
def test_permissions_are_what_the_umask_leaves(mask, file, folder, parent):
    before = os.umask(mask)
    try:
        save(str(parent / "new" / "preset"), "old")
    finally:
        os.umask(before)
    for path in (parent / "new").rglob("*"):
        assert path.stat().st_mode & 0o7777 == (folder if path.is_dir() else file), path


def test_e15_a_folder_that_hands_its_group_down(parent):
    group = os.getgroups()[-1] if os.getuid() else 12345
    (parent / "shared").mkdir()
    os.chown(parent / "shared", -1, group)
    (parent / "shared").chmod(0o2775)
    save(str(parent / "shared" / "preset"), "old")
    for path in (parent / "shared").rglob("*"):
        assert path.stat().st_gid == group
        assert path.stat().st_mode & 0o7777 == (0o2755 if path.is_dir() else 0o644)


def test_e15_a_private_preset_stays_private(target):
    target.chmod(0o700)
    save(str(target), "new")
    assert target.stat().st_mode & 0o7777 == 0o700


def test_e16_weights_that_a_thread_changes(parent):
    clf = tiny_classifier()
    stop = threading.Event()
    order = [variable.path for variable in clf.weights]

    def train() -> None:
        for step in range(1, 100_000):
            for variable in clf.weights:
                variable.assign(keras.ops.full(variable.shape, step, variable.dtype))
            if stop.wait(0.02):
                return

    thread = threading.Thread(target=train)
    thread.start()
    time.sleep(0.5)
    saved = []
    for i in range(10):
        with contextlib.suppress(PresetSaveError):
            clf.save_to_preset(parent / str(i))
            saved.append(parent / str(i))
    stop.set()
    thread.join()
    assert saved
    for directory in saved:
        steps = [int(step) for step in steps_read(directory, clf, order)]
        # At any moment the thread has done a step for the first of the weights at most.
        assert steps == sorted(steps, reverse=True)
        assert steps[0] - steps[-1] <= 1


def steps_read(directory, clf, order):
    """The one value that each weight of a preset has."""
    data = presets.load(directory)
    shapes = {v.path: tuple(v.shape) for v in clf.backbone.weights}
    head = {v.path: tuple(v.shape) for v in clf.head_variables()}
    read = dict(data.weights.read(shapes)) | dict(data.head.weights.read(head))
    for name in order:
        (value,) = np.unique(read[name])
        yield value


class Saving(keras.callbacks.Callback):
    def __init__(self, target):
        super().__init__()
        self.target, self.saves = target, 0

    def on_train_batch_end(self, batch, logs=None):
        self.model.save_to_preset(self.target)
        self.saves += 1


def test_e16_during_fit(parent):
    clf, saves = tiny_classifier(), Saving(parent / "preset")
    clf.fit(TEXTS, LABELS, batch_size=3, verbose=0, callbacks=[saves])
    assert saves.saves == 2
    again = type(clf).from_preset(parent / "preset")
    for ours, theirs in zip(clf.weights, again.weights, strict=True):
        np.testing.assert_array_equal(
            *(keras.ops.convert_to_numpy(variable) for variable in (ours, theirs))
        )
    options = {"verbose": 0, "epochs": 20, "batch_size": 3}
    thread = threading.Thread(target=clf.fit, args=(TEXTS, LABELS), kwargs=options)
    thread.start()
    while thread.is_alive():
        with contextlib.suppress(PresetSaveError):
            clf.save_to_preset(parent / "preset")
    thread.join()
    clf.save_to_preset(parent / "preset")


class Restless:
    """A variable that is another whenever it is read."""

    path, shape, reads = "kernel", (2,), 0

    def __array__(self, dtype=None, copy=None):
        self.reads += 1
        return np.full(2, self.reads, "float32")


def test_e16_weights_that_never_rest(monkeypatch):
    monkeypatch.setattr(keras.ops, "convert_to_numpy", np.asarray)
    with pytest.raises(PresetSaveError, match="another thread trains"):
        values([Restless()])
