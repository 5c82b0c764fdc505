"""Handles: four forms, everything else refused in words; and which links are followed."""

import os
from pathlib import Path

import pytest

import hub_tasks
from hub_tasks import presets
from hub_tasks.errors import PresetNotFoundError, UnsafePresetError
from hub_tasks.presets import PresetRecord, sources
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.sources._failures import reason
from hub_tasks.registry import Registry
from tests.checks.broken_presets import copy_preset, read_weights

COMMIT, BLOB = "c" * 40, "b" * 64
FOUR_FORMS = (
    "built-in name",
    "a directory",
    "'hf://org/model@revision'",
    "'kaggle://org/model/keras/variant/3'",
)
NO_FORM = {
    "nothing": "",
    "a plain name": "no_such_preset",
    "a path": "./no/such/directory",
    "a path with a slash": "no/such/directory/",
    "of another user": "~no_such_user/preset",
    "in the home directory": "~/no_such_preset_of_hub_tasks",
    "file": "file:///etc",
    "http": "http://127.0.0.1/preset",
    "https": "https://huggingface.co/org/model",
    "gs": "gs://bucket/preset",
    "s3": "s3://bucket/preset",
    "ram": "ram://preset",
    "upper case": "HF://org/model",
    "NUL": "a\0b",
    "NUL in a hub": "hf://a/b\0",
    "newline": "a\nb",
    "a megabyte": "a" * 2**20,
    "a name too long": "a" * 500,
    "lone surrogate": "\ud800",
    "integer": 3,
    "None": None,
    "bytes": b"preset",
    "list": ["preset"],
}
MALFORMED = [
    "hf://",
    "hf:///",
    "hf://org/",
    "hf:///model",
    "hf://a/b/c",
    "hf://a/b/../../c",
    "hf://../b",
    "hf://a/..",
    "hf://a/b@",
    "hf://a/b@../../x",
    "hf://a/b@main@main",
    "hf://a/b@/etc/x",
    "hf://a/b@x/",
    "hf://a/b@x//y",
    "hf://a/b@-x",
    "hf://a/b@" + "x" * 300,
    "hf://a/b ",
    "hf://a/b\n",
    "hf://a/b?x=1",
    "hf://user:token@host/b",
    "hf://-a/b",
    "kaggle://",
    "kaggle://x",
    "kaggle://org/model",
    "kaggle://org/model/keras",
    "kaggle://org/model/keras/variant/",
    "kaggle://org/model/keras/variant/three",
    "kaggle://org/model/keras/variant/3/4",
    "kaggle://org/model/keras/../x",
    "kaggle://org/model/keras/variant\n",
]


@pytest.fixture
def no_network(monkeypatch):
    def connect(*arguments):
        pytest.fail("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", connect)
    monkeypatch.setattr("socket.getaddrinfo", connect)


@pytest.fixture
def catalogue(tiny, monkeypatch):
    """A catalogue of two: one that ships, one that points to where the first is."""
    about = {"task": "classifier", "description": "", "parameters": 1}
    about |= {"languages": ("en",), "licence": "Apache-2.0"}
    table = Registry("built-in preset", PresetNotFoundError)
    here = {"directory": tiny.keras}
    there = {"handle": str(tiny.keras)}
    for name, place in (("bert_tiny_test", here), ("bert_tiny_elsewhere", there)):
        table.register(name, PresetRecord(name, "bert", **about, **place))
    monkeypatch.setattr(sources, "CATALOGUE", table)
    return table


def test_every_form_of_a_directory(tiny, monkeypatch):
    monkeypatch.chdir(tiny.keras.parent)
    monkeypatch.setenv("HOME", str(tiny.keras.parent))
    for handle in ("keras", "./keras", "keras/", "~/keras", str(tiny.keras), tiny.keras):
        data = presets.load(handle)
        assert data.head.labels == ("negative", "positive")
        assert data.source.handle == str(handle)
        assert data.source.revision is None
    assert presets.load(Path("~/keras")).head is not None


def test_built_in_names(tiny, catalogue):
    for name in catalogue:
        assert presets.load(name).tokenizer.vocabulary == tiny.data.tokenizer.vocabulary


@pytest.mark.parametrize(
    ("name", "hub", "place", "revision"),
    [
        ("bert_base_en", sources.kaggle, "keras/bert/keras/bert_base_en", "3"),
        ("bert_base_de", sources.hugging_face, "google-bert/bert-base-german-cased", "main"),
    ],
)
def test_a_built_in_name_stands_for_a_revision(name, hub, place, revision):
    address = sources.parse(name)
    assert (address.hub, address.place, address.revision) == (hub, place, revision)
    assert address.base == hub.SCHEME + place


def test_close_matches_are_offered(catalogue):
    with pytest.raises(PresetNotFoundError, match=r"Did you mean 'bert_tiny_test'") as caught:
        presets.load("bert_tny_test")
    assert "preset='bert_tny_test'" in str(caught.value)


@pytest.mark.parametrize("handle", NO_FORM.values(), ids=NO_FORM)
def test_other_handles_are_refused_with_the_forms(handle, no_network):
    with pytest.raises(PresetNotFoundError) as caught:
        presets.load(handle)
    message = str(caught.value)
    assert all(form in message for form in FOUR_FORMS)
    assert "Received: preset=" in message
    assert len(message) < 1000
    message.encode()


@pytest.mark.parametrize("handle", MALFORMED, ids=repr)
def test_malformed_hub_handles_are_refused_without_a_connection(handle, no_network):
    scheme = handle.partition(":")[0]
    with pytest.raises(PresetNotFoundError, match=f"'{scheme}://org/model") as caught:
        presets.load(handle)
    assert "Received: preset=" in str(caught.value)


CLASSES = (
    hub_tasks.TextClassifier,
    hub_tasks.BertTextClassifier,
    hub_tasks.BertBackbone,
    hub_tasks.BertTokenizer,
    hub_tasks.TextClassifierPreprocessor,
)


@pytest.mark.parametrize("handle", ["hf://org/model", "kaggle://org/model/keras/v/3"])
@pytest.mark.parametrize("cls", CLASSES)
def test_d05_every_class_can_be_kept_from_the_network(
    cls, handle, no_network, tmp_path, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    with pytest.raises(PresetNotFoundError, match="is not in the cache"):
        cls.from_preset(handle, local_files_only=True)
    hub_tasks.set_offline()
    try:
        with pytest.raises(PresetNotFoundError, match="is not in the cache"):
            cls.from_preset(handle)
    finally:
        hub_tasks.set_offline(False)


def test_a_file_is_no_directory(tiny, no_network):
    for handle in (tiny.keras / "config.json", str(tiny.keras / "config.json")):
        with pytest.raises(PresetNotFoundError, match="A preset is a directory"):
            presets.load(handle)


@pytest.mark.parametrize("path", ["a" * 2**20, "a\0b", "nowhere", "~no_such_user/x"])
def test_paths_that_are_no_directory(path):
    with pytest.raises(PresetNotFoundError, match="A preset is a directory"):
        presets.load(Path(path))


SECRETS = {
    "hf://someone:hf_0123456789012345678901234567890123@host/model": "hf_0123",
    "hf://someone:swordfish@host/model": "swordfish",
    "https://someone:swordfish@host/model": "swordfish",
    "https://host/model?token=swordfish": "swordfish",
    "kaggle://org/model/keras/v?key=swordfish": None,
}


@pytest.mark.parametrize(("handle", "secret"), SECRETS.items(), ids=SECRETS)
def test_d12_a_handle_that_holds_a_secret_is_not_repeated(handle, secret, no_network):
    with pytest.raises(PresetNotFoundError) as caught:
        presets.load(handle)
    assert secret is None or secret not in f"{caught.value} {caught.value!r}"


LEAKS = {
    "bad token hf_of_the_environment": "bad token ***",
    "bad token hf_0123456789012345678901234567890123": "bad token hf_***",
    "key kaggle_key_of_the_environment is wrong": "key *** is wrong",
    "Authorization: Bearer abc.def": "Authorization: Bearer ***",
    "403 for http://someone:swordfish@proxy:3128/x": "403 for http://***@proxy:3128/x",
    "403 for 'https://cdn/x?X-Amz-Signature=1&y=2'": "403 for 'https://cdn/x?***'",
    "no secret of hf://org/hf_model@main": "no secret of hf://org/hf_model@main",
    "first\nsecond": "first",
    "": "ValueError",
}


@pytest.mark.parametrize(("said", "repeated"), LEAKS.items(), ids=LEAKS)
def test_d12_what_a_client_says_is_repeated_without_secrets(said, repeated, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_environment")
    monkeypatch.setenv("KAGGLE_KEY", "kaggle_key_of_the_environment")
    assert reason(ValueError(said)) == repeated


@pytest.fixture
def cache(tiny, tmp_path):
    """A snapshot as a hub's cache keeps it: every file a link to a blob."""
    repository = tmp_path / "models--a--b"
    snapshot = copy_preset(tiny.keras, repository / "snapshots" / COMMIT, manifest=True)
    (repository / "blobs").mkdir()
    for i, path in enumerate(sorted(p for p in snapshot.rglob("*") if p.is_file())):
        blob = repository / "blobs" / f"{i:064x}"
        path.rename(blob)
        path.symlink_to(os.path.relpath(blob, path.parent))
    return snapshot


def test_the_links_of_a_hubs_cache_are_followed(cache, tiny, monkeypatch):
    files = PresetFiles(cache, "hf://a/b", COMMIT)
    assert COMMIT in str(files)
    assert set(read_weights(presets.load(cache), tiny.backbone, tiny.head)) == set(tiny.values)
    monkeypatch.chdir(cache)
    assert presets.load(".").head.labels == ("negative", "positive")


def outside(repository: Path) -> str:
    (repository.parent / "secret").write_text("{}")
    return "../../../secret"


def other_repository(repository: Path) -> str:
    blob = repository.parent / "models--c--d" / "blobs" / BLOB
    blob.parent.mkdir(parents=True)
    blob.write_text("{}")
    return f"../../../models--c--d/blobs/{BLOB}"


def blobs_of_another(repository: Path) -> str:
    blob = repository.parent / "blobs" / BLOB
    blob.parent.mkdir()
    blob.write_text("{}")
    return f"../../../blobs/{BLOB}"


def absolute(repository: Path) -> str:
    return str(repository / "blobs" / f"{0:064x}")


def chained(repository: Path) -> str:
    (repository.parent / "secret").write_text("{}")
    (repository / "blobs" / BLOB).symlink_to(repository.parent / "secret")
    return f"../../blobs/{BLOB}"


def missing(repository: Path) -> str:
    return "../../blobs/no-digest"


LINKS = [outside, other_repository, blobs_of_another, absolute, chained, missing]


@pytest.fixture(params=["descriptors", "paths"])
def how_files_are_opened(request, monkeypatch):
    """Relative to a descriptor of their folder, or where a system has none, by path."""
    if request.param == "paths":
        monkeypatch.setattr("hub_tasks.presets.folder.DESCRIPTORS", False)


def test_files_are_read_in_either_way(how_files_are_opened, cache, tiny):
    assert presets.load(cache).head.labels == ("negative", "positive")
    assert presets.load(tiny.keras).head.labels == ("negative", "positive")
    (cache / "assets").rename(cache / "elsewhere")
    (cache / "assets").symlink_to("elsewhere")
    with pytest.raises(UnsafePresetError, match="symbolic link"):
        presets.load(cache)


@pytest.mark.parametrize("target", LINKS)
def test_other_links_are_not_followed(target, cache, how_files_are_opened):
    (cache / "config.json").unlink()
    (cache / "config.json").symlink_to(target(cache.parents[1]))
    with pytest.raises(UnsafePresetError, match=r"config\.json of preset hf://a/b"):
        PresetFiles(cache, "hf://a/b", COMMIT).open("config.json")


def test_a_blob_that_is_gone_is_a_missing_file(cache):
    os.unlink((cache / "config.json").resolve())
    with pytest.raises(PresetNotFoundError, match=r"config\.json is missing"):
        presets.load(cache)
