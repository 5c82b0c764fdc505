"""TRUST.md, section E: killed and competing writers. The old preset or the new one."""

import functools
import os
import signal
import time
from pathlib import Path

import pytest

from hub_tasks.errors import PresetSaveError
from hub_tasks.presets.saving import locking
from tests.checks import faults, saving_worker
from tests.checks.saving_worker import save, state


def only_the_preset(parent: Path) -> bool:
    """Whether the next save leaves nothing but the preset."""
    save(str(parent / "preset"), "old")
    return state(str(parent / "preset")) == "old" and os.listdir(parent) == ["preset"]


@pytest.mark.parametrize(
    ("exists", "before"), [(True, "old"), (False, "absent")], ids=["E01_kill9", "E03_kill9_fresh"]
)
def test_killed_at_each_step(exists, before, worker, parent):
    found = worker.call(saving_worker.kill_at_each_step, parent / "preset", exists)
    assert len(found) > 50
    changed = found.index("new")
    assert found == [before] * changed + ["new"] * (len(found) - changed)
    assert only_the_preset(parent)


def test_e01_killed_where_directories_cannot_be_exchanged(worker, parent):
    found = worker.call(saving_worker.kill_at_each_step, parent / "preset", True, False)
    back, changed = found.index("old, put back"), found.index("new")
    assert found == ["old"] * back + ["old, put back"] + ["new"] * (len(found) - changed)
    assert only_the_preset(parent)


@pytest.mark.parametrize("times", [50, pytest.param(1000, marks=pytest.mark.fuzz)])
def test_e02_killed_at_random(times, worker, parent):
    found = worker.call(saving_worker.kill_at_random, parent / "preset", times, times)
    assert found.keys() == {"old", "new"}
    assert only_the_preset(parent)


@pytest.mark.parametrize("handled", [True, False], ids=["with a handler", "without"])
def test_e06_terminated(handled, worker, parent):
    code = 3 if handled else -signal.SIGTERM
    for n in range(0, 60, 8):
        save(str(parent / "preset"), "old")
        found = worker.call(saving_worker.terminate_at_step, parent / "preset", n, handled)
        assert found == code
        assert state(str(parent / "preset")) in ("old", "new")
        assert not handled or os.listdir(parent) == ["preset"]
    assert only_the_preset(parent)


@pytest.mark.parametrize("seconds", [5, pytest.param(20, marks=pytest.mark.fuzz)])
def test_e07_e08_two_writers_and_a_reader(seconds, worker, parent):
    seen = worker.call(saving_worker.contest, parent / "preset", seconds, seconds)
    assert seen["codes"] == [0, 0]
    assert seen["read"].keys() == {"old", "new"}
    assert seen["saved"].keys() == {"old", "new"}
    assert min(seen["saved"].values()) > seconds
    assert not seen["refused"]
    assert only_the_preset(parent)


def test_e07_who_waits_too_long_is_told_who_saves(worker, target, monkeypatch):
    monkeypatch.setattr(locking, "_PATIENCE", 0.1)
    pid = worker.call(saving_worker.hold_lock, target, 60, target.parent / "ready")
    with pytest.raises(PresetSaveError, match=f"locked by pid {pid}"):
        save(str(target), "new")
    assert state(str(target)) == "old"
    worker.call(saving_worker.end, pid)
    (target.parent / "ready").unlink()
    assert only_the_preset(target.parent)


def test_e07_a_lock_that_was_removed_meanwhile_is_none(target):
    beside = []
    another_save = functools.partial(save, str(target), "old")
    with faults.at_step(1, another_save) as steps:  # between opening the lock and taking it
        save(str(target), "new", lambda _: beside.extend(os.listdir(target.parent)))
    assert steps[:2] == ["open", "flock"]
    assert ".preset.hub_tasks-lock" in beside
    assert only_the_preset(target.parent)


def test_e07_who_waits_saves_next(worker, target):
    worker.call(saving_worker.hold_lock, target, 0.3, target.parent / "ready")
    began = time.monotonic()
    save(str(target), "old")
    assert time.monotonic() - began > 0.2
    (target.parent / "ready").unlink()
    assert only_the_preset(target.parent)


def test_e14_what_a_killed_writer_left(worker, target):
    ready = target.parent / "ready"
    other = worker.call(saving_worker.hold_lock, target.with_name("preset.2"), 60, ready)
    ready.unlink()
    pid = worker.call(saving_worker.hold_lock, target, 60, ready)
    ready.unlink()
    worker.call(saving_worker.end, pid)
    left = {name for name in os.listdir(target.parent) if name.startswith(".preset.hub_tasks")}
    assert left
    assert state(str(target)) == "old"
    save(str(target), "new")
    assert state(str(target)) == "new"
    kept = {name for name in os.listdir(target.parent) if name != "preset"}
    assert not left & kept
    assert len(kept) == 2, "the lock and the staging directory of a writer that is alive"
    worker.call(saving_worker.end, other)
    save(str(target.with_name("preset.2")), "new")
    assert sorted(os.listdir(target.parent)) == ["preset", "preset.2"]


def test_e17_forks_while_a_thread_saves(worker, parent):
    assert worker.call(saving_worker.fork_while_saving, parent / "preset", 30) == [0]
    assert state(str(parent / "preset")) in ("old", "new")
    assert only_the_preset(parent)


def test_e17_a_fork_does_not_keep_its_parents_lock(worker, target, parent):
    orphan = worker.call(saving_worker.orphan_with_lock, target, parent)
    began = time.monotonic()
    save(str(target), "new")
    assert time.monotonic() - began < 5
    os.kill(orphan, signal.SIGKILL)
    (parent / "ready").unlink()
    assert only_the_preset(parent)
