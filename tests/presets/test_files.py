"""Files of a preset: regular ones, inside it; whatever else stands there is refused at once."""

import os
import shutil

import pytest

from hub_tasks import presets
from hub_tasks.errors import UnsafePresetError
from tests.checks.broken_presets import read_weights

SPECIAL_FILES = {
    "link out": lambda path, outside: path.symlink_to(outside),
    "link to a neighbour": lambda path, outside: path.symlink_to("hub_tasks.json"),
    "dangling link": lambda path, outside: path.symlink_to("nowhere"),
    "link to a device": lambda path, outside: path.symlink_to("/dev/zero"),
    "FIFO": lambda path, outside: os.mkfifo(path),
    "directory": lambda path, outside: path.mkdir(),
}
FILES = [
    "config.json",
    "tokenizer.json",
    "preprocessor.json",
    "task.json",
    "assets/tokenizer/vocabulary.txt",
    "model.weights.h5",
    "task.weights.h5",
]


@pytest.fixture
def read(tiny, keras_preset):
    return lambda: read_weights(presets.load(keras_preset), tiny.backbone, tiny.head)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", SPECIAL_FILES.values(), ids=SPECIAL_FILES)
@pytest.mark.parametrize("name", FILES)
def test_b19_b20_only_regular_files_are_opened(name, make, keras_preset, read, tmp_path):
    outside = tmp_path / "outside"
    shutil.copy(keras_preset / name, outside)
    (keras_preset / name).unlink()
    make(keras_preset / name, outside)
    with pytest.raises(UnsafePresetError, match=name):
        read()


def test_b19_a_folder_that_is_a_link(keras_preset, read, tmp_path):
    (keras_preset / "assets").rename(tmp_path / "elsewhere")
    (keras_preset / "assets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafePresetError, match="symbolic link"):
        read()
