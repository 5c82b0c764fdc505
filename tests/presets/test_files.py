"""Files of a preset that are swapped or changed between their check and their use."""

import gc
import hashlib
import os
import shutil
import threading
import time

import numpy as np
import pytest

from hub_tasks import presets
from hub_tasks.errors import PresetIntegrityError, PresetNotFoundError, UnsafePresetError
from hub_tasks.presets.files import PresetFiles
from tests.checks.broken_presets import read_weights


def replace(path):
    shutil.copy(path, path.with_suffix(".other"))
    os.replace(path.with_suffix(".other"), path)


def overwrite(path):
    """In place, with the size and the time of the file as they were."""
    status, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def lengthen(path):
    with open(path, "ab") as file:
        file.write(b" ")


def link(path):
    path.rename(path.with_suffix(".other"))
    path.symlink_to(path.with_suffix(".other").name)


def swap_directory(path):
    directory = path.parent
    shutil.copytree(directory, directory.with_name("other"))
    directory.rename(directory.with_name("old"))
    directory.with_name("other").rename(directory)


SWAPS = [replace, overwrite, lengthen, link, swap_directory]


@pytest.mark.parametrize("swap", [replace, swap_directory])
def test_d14_what_was_checked_is_what_is_read(swap, tiny, signed_preset):
    expected = read_weights(presets.load(signed_preset), tiny.backbone, tiny.head)
    with presets.opened(signed_preset) as data:
        swap(signed_preset / "model.weights.h5")
        values = read_weights(data, tiny.backbone, tiny.head)
    for name, value in expected.items():
        np.testing.assert_array_equal(values[name], value)


@pytest.mark.parametrize("change", [overwrite, lengthen, link])
def test_d14_a_file_that_was_changed_after_its_check_is_not_used(change, tiny, signed_preset):
    data = presets.load(signed_preset)
    time.sleep(0.02)  # longer than a tick of the clock that stamps files
    change(signed_preset / "model.weights.h5")
    with pytest.raises(PresetIntegrityError, match=r"model\.weights\.h5"):
        read_weights(data, tiny.backbone, tiny.head)


@pytest.mark.parametrize("swap", SWAPS)
def test_d14_nothing_is_read_of_a_file_that_was_swapped(swap, signed_preset):
    files = PresetFiles(signed_preset, "p")
    files.digest("config.json")
    time.sleep(0.02)
    swap(signed_preset / "config.json")
    with pytest.raises((PresetIntegrityError, UnsafePresetError), match=r"config\.json"):
        files.open("config.json")


def test_d14_files_of_two_directories_are_not_mixed(transformers_preset):
    files = PresetFiles(transformers_preset, "p")
    files.open("config.json").close()
    swap_directory(transformers_preset / "model.safetensors")
    with pytest.raises(PresetIntegrityError, match="changed while"):
        files.open("model.safetensors")


@pytest.mark.parametrize("change", [overwrite, lengthen])
def test_d14_a_file_that_changes_while_it_is_read(change, signed_preset):
    file = PresetFiles(signed_preset, "p").open("model.weights.h5")
    file.read(100)
    time.sleep(0.02)
    change(signed_preset / "model.weights.h5")
    with pytest.raises(PresetIntegrityError, match="changed while"):
        file.close()
    assert file.closed


def test_d14_an_unlink_that_shows_as_a_touch_first(signed_preset):
    """As on tmpfs, where the time of the change is noted before the count of links."""
    path = signed_preset / "model.weights.h5"
    file = PresetFiles(signed_preset, "p").open("model.weights.h5")
    time.sleep(0.02)
    path.chmod(0o600)
    unlink = threading.Timer(0.02, path.unlink)
    unlink.start()
    file.close()
    unlink.join()


def test_d14_a_thread_that_swaps_files_all_the_time(tiny, signed_preset, tmp_path):
    """Either version, which differ in one weight, is read whole, or there is an error."""
    path, stop = signed_preset / "task.weights.h5", threading.Event()
    versions = [path.read_bytes(), path.read_bytes()[:-1] + b"\1"]

    def swap():
        while not stop.is_set():
            for content in versions:
                (tmp_path / "next").write_bytes(content)
                os.replace(tmp_path / "next", path)

    thread = threading.Thread(target=swap)
    thread.start()
    right = hashlib.sha256(versions[0]).hexdigest()
    try:
        for _ in range(40):
            try:
                data = presets.load(signed_preset)
                read_weights(data, tiny.backbone, tiny.head)
                assert data.source.digests["task.weights.h5"] == right
            except (PresetIntegrityError, PresetNotFoundError):
                pass
    finally:
        stop.set()
        thread.join()


def test_a_file_that_is_removed_while_it_is_read_is_read_to_its_end(signed_preset):
    with PresetFiles(signed_preset, "p").open("config.json") as file:
        (signed_preset / "config.json").unlink()
        assert file.read().startswith(b"{")


def test_digests_are_those_of_what_was_read(tiny, transformers_preset):
    data = presets.load(transformers_preset)
    digests = data.source.digests
    read_weights(data, tiny.backbone, tiny.head)
    assert {*digests} == {"config.json", "vocab.txt", "model.safetensors"}
    for name, digest in digests.items():
        assert digest == hashlib.sha256((transformers_preset / name).read_bytes()).hexdigest()


def test_digests_do_not_speak_of_another_file(tiny, transformers_preset):
    data = presets.load(transformers_preset)
    read_weights(data, tiny.backbone, tiny.head)
    time.sleep(0.02)
    lengthen(transformers_preset / "model.safetensors")
    assert len(data.source.digests["config.json"]) == 64
    with pytest.raises(PresetIntegrityError, match="changed"):
        data.source.digests["model.safetensors"]


def test_no_descriptor_outlives_a_load(tiny, signed_preset):
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    with presets.opened(signed_preset) as data:
        read_weights(data, tiny.backbone, tiny.head)
    link(signed_preset / "config.json")
    with pytest.raises(UnsafePresetError):
        presets.load(signed_preset)
    assert len(os.listdir("/proc/self/fd")) == before
