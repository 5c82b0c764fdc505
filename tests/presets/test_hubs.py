"""Both hubs through their real clients, against servers on this machine."""

import itertools
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest

from hub_tasks.presets.files import KNOWN
from tests.checks.broken_presets import content
from tests.checks.hub_client import Client, hub_client
from tests.checks.hub_server import COMMIT, HubServer, hub_server
from tests.checks.kaggle_server import KaggleServer, kaggle_server
from tests.checks.loopback import Fault

OTHER = "f" * 40
NUMBERS = itertools.count()


@dataclass
class Hub:
    """One of the two hubs, with the client that asks it.

    Args:
        scheme: of its handles.
        server, client: what answers and what asks.
        cache: the client's cache.
        pin: handle, revision -> the handle of that revision.
    """

    scheme: str
    server: HubServer | KaggleServer
    client: Client
    cache: Path
    pin: Callable[[str, object], str]

    def hold(self, files) -> str:
        """Serves a new repository; its handle."""
        name = f"someone/tiny{next(NUMBERS)}" + ("/keras/base" if self.kaggle else "")
        self.server.hold(name, files)
        return f"{self.scheme}://{name}"

    def load(self, handle: str, **settings) -> dict:
        return self.client("load", handle, **settings)

    @property
    def kaggle(self) -> bool:
        return self.scheme == "kaggle"

    @property
    def first(self) -> str:
        return "1" if self.kaggle else COMMIT

    def cached(self, handle: str, revision: object, name: str) -> Path:
        """Where the cache has a file."""
        place = handle.partition("://")[2]
        if self.kaggle:
            return self.cache / "models" / place / str(revision) / name
        return self.cache / f"models--{place.replace('/', '--')}/snapshots/{revision}" / name


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    directory = tmp_path_factory.mktemp("hubs")
    with ExitStack() as stack:
        hub, kaggle = map(stack.enter_context, (hub_server(), kaggle_server()))
        client = stack.enter_context(hub_client(directory, **hub.settings, **kaggle.settings))
        yield {
            "hf": Hub("hf", hub, client, directory / "hf/hub", "{}@{}".format),
            "kaggle": Hub("kaggle", kaggle, client, directory / "kaggle", "{}/{}".format),
        }


@pytest.fixture
def preset(tiny) -> dict[str, bytes]:
    return content(tiny.keras)


@pytest.fixture
def newer(preset) -> dict[str, bytes]:
    """Another version of the preset, which differs in a description alone."""
    other = {name: data for name, data in preset.items() if name != "hub_tasks.json"}
    other["preprocessor.json"] = preset["preprocessor.json"] + b"\n"
    return other


@pytest.fixture(params=["hf", "kaggle"])
def hub(request, world) -> Hub:
    return world[request.param]


@pytest.fixture
def hf(world) -> Hub:
    return world["hf"]


@pytest.fixture
def kaggle(world) -> Hub:
    return world["kaggle"]


def digests(files: dict[str, bytes]) -> dict[str, str]:
    import hashlib

    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def test_a_preset_says_where_it_came_from(hub, preset):
    handle = hub.hold(preset)
    for asked in (handle, hub.pin(handle, hub.first)):
        loaded = hub.load(asked)["value"]
        assert loaded["handle"] == asked
        assert loaded["revision"] == hub.first
        assert loaded["digests"] == digests(preset)
        assert loaded["labels"] == ["negative", "positive"]
    assert any("secret" in token or "Basic" in token for token in hub.server.tokens)


def test_the_hugging_face_token_stays_at_the_hub(hf, preset):
    handle = hf.hold(preset)
    assert "value" in hf.load(handle)
    stored = [line for line in hf.server.requests if "/stored/" in line]
    assert stored
    assert hf.server.tokens == {"Bearer hf_secret", ""}


def test_d02_all_files_are_of_one_revision(hub, preset, newer):
    handle = hub.hold(preset)
    moved = []

    def move(line: str) -> None:
        if "tokenizer.json" in line and not moved:
            moved.append(hub.server.move(newer))

    hub.server.before = move
    loaded = hub.load(handle)["value"]
    assert loaded["revision"] == hub.first
    assert loaded["digests"] == digests(preset)
    assert {place.partition("/")[0] for place in hub.server.fetched()} == {hub.first}
    assert hub.load(handle)["value"]["revision"] == str(moved[0])
    assert hub.load(hub.pin(handle, hub.first))["value"]["digests"] == digests(preset)


def test_a_revision_in_the_cache_needs_no_hub(hub, preset):
    handle = hub.hold(preset)
    hub.load(handle)
    hub.server.begin()
    again = hub.load(hub.pin(handle, hub.first))
    assert again["value"]["digests"] == digests(preset)
    assert again["sockets"] == 0
    assert hub.server.requests == []


@pytest.mark.parametrize("status", [0, 503])
def test_a_hub_that_fails_leaves_the_cache(hub, preset, status):
    handle = hub.hold(preset)
    hub.load(handle)
    hub.server.faults = [Fault("", status)]
    again = hub.load(handle)
    assert again["value"]["revision"] == hub.first
    assert len(again["warnings"]) == 1
    assert hub.first in again["warnings"][0]


def test_access_that_was_withdrawn_is_not_replaced_by_the_cache(hub, preset):
    handle = hub.hold(preset)
    hub.load(handle)
    hub.server.faults = [Fault("", 403)]
    assert hub.load(handle)["error"] == "PresetNotFoundError"


def test_a_branch_and_a_tag(hf, preset, newer):
    handle = hf.hold(preset)
    commit = hf.server.move(newer, "refs/pr/1")
    for _ in range(2):
        assert hf.load(f"{handle}@refs/pr/1")["value"]["revision"] == commit
        assert hf.load(f"{handle}@main")["value"]["revision"] == COMMIT
        assert hf.load(f"{handle}@refs/pr/1", local_files_only=True)["value"]["revision"] == commit


HOSTILE = ["../../x", "/x", "C:\\x", "\\\\host\\share", "CONFIG.JSON", "a" * 300]
HOSTILE += ["assets/tokenizer/../../x", "config.json/../../x", "evil.py", "pytorch_model.bin"]


def test_d03_only_the_files_of_a_preset_are_asked_for(hf, preset):
    handle = hf.hold(preset)
    hf.server.listed = dict.fromkeys(HOSTILE, b"x")
    assert hf.load(handle)["value"]["digests"] == digests(preset)
    asked = {place.partition("/")[2] for place in hf.server.fetched("")}
    assert asked == set(preset) <= set(KNOWN)


def test_d03_d07_kaggle_is_asked_for_no_listing_and_no_archive(kaggle, preset):
    handle = kaggle.hold({**preset, **dict.fromkeys(HOSTILE, b"x")})
    assert kaggle.load(handle)["value"]["digests"] == digests(preset)
    asked = [line for line in kaggle.server.requests if "/api/" in line]
    names = {line.split(" ", 3)[3] for line in asked if "DownloadModelInstanceVersion" in line}
    assert names == set(KNOWN)
    services = {line.split(" ")[1].rpartition("/")[2] for line in asked}
    assert services == {"GetModelInstance", "DownloadModelInstanceVersion"}


def archive(members: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


ARCHIVES = {
    "../x": {"../x": b"x"},
    "absolute": {"/tmp/hub_tasks_x": b"x"},
    "1000:1": {"config.json": b" " * 30_000_000},
    "another name": {"x": b"x"},
}


@pytest.mark.parametrize("members", ARCHIVES.values(), ids=ARCHIVES)
def test_d07_an_archive_in_place_of_a_file(members, kaggle, preset):
    """The client unpacks what Kaggle has compressed; of that, the one member asked for."""
    handle = kaggle.hold({**preset, "config.json.zip": archive(members)})
    kaggle.server.location["config.json"] = "1/config.json.zip"
    before = {path for path in kaggle.cache.parent.rglob("*") if path.is_file()}
    refused = kaggle.load(handle)
    assert refused["error"] in ("PresetNotFoundError", "PresetFormatError", "PresetIntegrityError")
    new = {path for path in kaggle.cache.parent.rglob("*") if path.is_file()} - before
    inside = kaggle.cached(handle, 1, "config.json").parents[1]
    assert all(path.is_relative_to(inside) for path in new)
    assert not Path("/tmp/hub_tasks_x").exists()


DAMAGE = {
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "replaced": lambda data: bytes(255 - byte for byte in data),
}


def damage(path: Path, change: Callable[[bytes], bytes]) -> None:
    path = path.resolve()
    path.chmod(0o644)
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "change"),
    [("config.json", "cut"), ("task.json", "empty"), ("model.weights.h5", "replaced")],
)
def test_d04_a_poisoned_cache_is_noticed(name, change, hub, preset):
    handle = hub.hold(preset)
    pinned = hub.pin(handle, hub.first)
    hub.load(handle)
    damage(hub.cached(handle, hub.first, name), DAMAGE[change])
    offline = hub.load(pinned, local_files_only=True)
    assert (offline["error"], offline["sockets"]) == ("PresetIntegrityError", 0)
    assert name in offline["message"]
    hub.server.begin()
    assert hub.load(pinned)["value"]["digests"] == digests(preset)
    assert [place.partition("/")[2] for place in hub.server.fetched()] in ([name], [])
    assert hub.load(pinned, local_files_only=True)["value"]["digests"] == digests(preset)


def test_d04_what_cannot_be_mended_is_refused(hub, preset):
    handle = hub.hold(preset)
    hub.load(handle)
    damage(hub.cached(handle, hub.first, "model.weights.h5"), DAMAGE["replaced"])
    poisoned = dict(preset, **{"model.weights.h5": DAMAGE["cut"](preset["model.weights.h5"])})
    held = hub.server.versions if hub.kaggle else hub.server.history
    held[int(hub.first) if hub.kaggle else COMMIT] = poisoned
    hub.server.begin()
    refused = hub.load(hub.pin(handle, hub.first))
    assert refused["error"] == "PresetIntegrityError"
    assert "model.weights.h5" in refused["message"]
    fetched = [line for line in hub.server.requests if line.startswith("GET")]
    assert len(fetched) == 1
    hub.server.faults = [Fault("", 503)]
    assert hub.load(hub.pin(handle, hub.first))["error"] == "PresetIntegrityError"


def test_d04_without_a_manifest_hugging_faces_digests_count(hf, newer):
    handle = hf.hold(newer)
    hf.load(handle)
    path = hf.cached(handle, COMMIT, "preprocessor.json")
    damage(path, lambda data: data.replace(b"round_robin", b"waterfall"))
    assert hf.load(handle, local_files_only=True)["error"] == "PresetIntegrityError"
    assert hf.load(handle)["value"]["digests"] == digests(newer)


@pytest.fixture
def switched_off(hub):
    hub.client("offline", True)
    yield
    hub.client("offline", False)


def test_d05_one_switch_for_all_hubs(hub, preset, switched_off):
    handle = hub.hold(preset)
    assert hub.load(handle)["sockets"] == 0
    hub.client("offline", False)
    assert "value" in hub.load(handle)
    hub.client("offline", True)
    for asked in (handle, hub.pin(handle, hub.first)):
        warm = hub.load(asked)
        assert (warm["value"]["revision"], warm["sockets"]) == (hub.first, 0)
    assert hub.load(hub.pin(handle, OTHER if not hub.kaggle else 7))["sockets"] == 0


def test_d05_a_cold_cache_names_what_is_missing(hub, preset):
    handle = hub.hold(preset)
    cold = hub.load(handle, local_files_only=True)
    assert (cold["error"], cold["sockets"]) == ("PresetNotFoundError", 0)
    assert "config.json" in cold["message"]
    assert f"hub-tasks fetch {handle}" in cold["message"]
    assert hub.server.requests == []


def test_d05_one_file_that_is_gone_is_named(hub, preset):
    handle = hub.hold(preset)
    hub.load(handle)
    hub.cached(handle, hub.first, "model.weights.h5").unlink()
    cold = hub.load(hub.pin(handle, hub.first), local_files_only=True)
    assert (cold["error"], cold["sockets"]) == ("PresetNotFoundError", 0)
    assert "model.weights.h5" in cold["message"]
    assert hub.load(hub.pin(handle, hub.first))["value"]["digests"] == digests(preset)


@dataclass(frozen=True)
class Case:
    """A fault, and what the error must say of it."""

    says: tuple[str, ...]
    fault: Fault | None = None
    hubs: tuple[str, ...] = ("hf", "kaggle")
    handle: Callable[[Hub, str], str] = lambda hub, handle: handle


GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."}
ECHO = {"X-Error-Message": "Not with the token hf_secret"}
CASES = {
    "401": Case(("log in", "401"), Fault("", 401)),
    "403": Case(("does not allow it", "403", "log in"), Fault("", 403)),
    "403 with the token in it": Case(("403",), Fault("", 403, ECHO), ("hf",)),
    "a signed address": Case(("418",), Fault("/stored/", 418), ("hf",)),
    "gated": Case(("gated", "403", "Ask for it at"), Fault("/resolve/", 403, GATED), ("hf",)),
    "404 repository": Case(("has no 'someone/other", "404"), handle=lambda hub, handle: "OTHER"),
    "404 revision": Case(
        ("404",), handle=lambda hub, handle: hub.pin(handle, 7 if hub.kaggle else OTHER)
    ),
    "404 branch": Case(
        ("has no revision 'nowhere'", "404"), None, ("hf",), lambda hub, handle: f"{handle}@nowhere"
    ),
    "404 file": Case(
        ("a file that", "404"),
        Fault("/task.json", 404, {"X-Error-Code": "EntryNotFound"}),
        ("hf",),
    ),
    "429": Case(("fewer requests", "429", "7 seconds"), Fault("", 429, {"Retry-After": "7"})),
    "500": Case(("fails (500)", "later"), Fault("", 500)),
    "503": Case(("fails (503)", "later"), Fault("", 503)),
    "timeout": Case(("in time", "TIMEOUT"), Fault("", stall=1.3), ("hf",)),
    "hung up": Case(("broke off",), Fault("", 0)),
    "cut body": Case(("broke off",), Fault("GET", None, cut=20)),
}


@pytest.mark.parametrize(
    ("scheme", "case"),
    [
        pytest.param(scheme, case, id=f"{scheme} {name}")
        for name, case in CASES.items()
        for scheme in case.hubs
    ],
)
def test_d06_d12_each_failure_has_its_words_and_no_secrets(scheme, case, world, preset):
    hub = world[scheme]
    handle = hub.hold(preset)
    hub.server.faults = [case.fault] if case.fault else []
    asked = case.handle(hub, handle).replace("OTHER", handle.replace("tiny", "other"))
    failed = hub.load(asked)
    assert failed["error"] == "PresetNotFoundError", failed
    assert failed["message"].startswith(f"{asked} could not be fetched: ")
    for part in case.says:
        assert part in failed["message"]
    assert failed["behind"] == [], "a client's error, which holds the request"
    assert len(hub.server.requests) <= 120
    cold = hub.load(handle, local_files_only=True)
    assert cold["error"] == "PresetNotFoundError", "half a preset loads"
    hub.server.faults = []
    assert hub.load(handle)["value"]["digests"] == digests(preset)


def test_d06_the_messages_differ():
    said = [case.says for name, case in CASES.items() if name not in ("403 with the token in it",)]
    assert len({says[0] for says in said}) >= len(said) - 2


@pytest.mark.parametrize("status", [429, 500, 0])
def test_d06_a_failure_that_passes_is_waited_for(status, hub, preset):
    handle = hub.hold(preset)
    hub.server.faults = [Fault("/revision/main", status, times=1)]
    hub.server.faults += [Fault("GetModelInstance", status, times=1)]
    hub.server.faults += [Fault("DownloadModelInstanceVersion 1 task.json", status, times=1)]
    assert hub.load(handle)["value"]["digests"] == digests(preset)


def test_d06_a_download_that_breaks_is_resumed(hub, preset):
    handle = hub.hold(preset)
    hub.server.faults = [Fault("model.weights.h5", None, cut=5_000, times=3)]
    assert hub.load(handle)["value"]["digests"] == digests(preset)


@pytest.mark.parametrize("name", ["preprocessor.json", "model.weights.h5"])
def test_half_a_preset_never_loads(name, hub, newer):
    """Not even one without a manifest, which would say what is missing."""
    handle = hub.hold(newer)
    hub.server.faults = [Fault(name, 403)]
    assert hub.load(handle)["error"] == "PresetNotFoundError"
    for asked in (handle, hub.pin(handle, hub.first)):
        assert hub.load(asked, local_files_only=True)["error"] == "PresetNotFoundError"
    hub.server.faults = []
    assert hub.load(handle)["value"]["digests"][name] == digests(newer)[name]


def test_nothing_there_that_is_a_preset(hub):
    handle = hub.hold({"README.md": b"# Hello", "pytorch_model.bin": b""})
    failed = hub.load(handle)
    assert failed["error"] == "PresetNotFoundError"
    assert "neither config.json nor tokenizer.json" in failed["message"]


def test_a_tokenizer_alone(hub, tiny, tmp_path):
    from tests.checks.tiny import tiny_tokenizer

    tiny_tokenizer().save_to_preset(tmp_path / "tokenizer")
    files = content(tmp_path / "tokenizer")
    handle = hub.hold(files)
    for settings in ({}, {"local_files_only": True}):
        assert hub.load(handle, **settings)["value"]["digests"] == digests(files)


def test_what_other_tools_left_in_the_cache(hf, kaggle, preset):
    """All files, but nothing that says which others there are not."""
    handle = hf.hold(preset)
    hf.load(handle)
    shutil.rmtree(hf.cached(handle, COMMIT, "").parents[1] / ".no_exist")
    assert hf.load(handle, local_files_only=True)["value"]["digests"] == digests(preset)
    handle = kaggle.hold(preset)
    kaggle.load(handle)
    folder = kaggle.cached(handle, 1, "").parent
    (folder / ".complete" / "1" / ".hub_tasks").unlink()
    assert kaggle.load(handle, local_files_only=True)["error"] == "PresetNotFoundError"
    (folder / "1.complete").touch()
    assert kaggle.load(handle, local_files_only=True)["value"]["digests"] == digests(preset)


def test_a_cache_that_shares_blobs_between_repositories(hf, preset):
    """As the client keeps files that it fetched through Xet."""
    handle = hf.hold(preset)
    hf.load(handle)
    blob = hf.cached(handle, COMMIT, "model.weights.h5").resolve()
    shared = hf.cache / "blobs" / "ab" / ("ab" + "0" * 62)
    shared.parent.mkdir(parents=True, exist_ok=True)
    blob.rename(shared)
    blob.symlink_to(os.path.relpath(shared, blob.parent))
    assert hf.load(handle, local_files_only=True)["value"]["digests"] == digests(preset)
    blob.unlink()
    blob.symlink_to("../../../outside")
    assert hf.load(handle, local_files_only=True)["error"] in (
        "UnsafePresetError",
        "PresetNotFoundError",
    )


def test_without_any_network(world, preset, tmp_path):
    """Nobody listens; and then the variable that says so."""
    warm = [(hub, hub.hold(preset)) for hub in world.values()]
    for hub, handle in warm:
        assert "value" in hub.load(handle)
    directory = world["kaggle"].cache.parent
    closed = "http://127.0.0.1:9"
    settings = {"HF_ENDPOINT": closed, "KAGGLE_API_ENVIRONMENT": "LOCALHOST", "http_proxy": closed}
    with hub_client(directory, no_proxy="127.0.0.1", **settings) as client:
        for hub, handle in warm:
            refused = client("load", handle.replace("tiny", "cold"))
            assert "cannot be reached" in refused["message"]
            assert len(client("load", handle)["warnings"]) == 1
            assert client("load", hub.pin(handle, hub.first))["sockets"] == 0
        client("environment", HF_HUB_OFFLINE="1")
        for _, handle in warm:
            assert client("load", handle)["sockets"] == 0
            cold = client("load", handle.replace("tiny", "cold"))
            assert (cold["error"], cold["sockets"]) == ("PresetNotFoundError", 0)


@pytest.fixture
def brought(hub, preset, tmp_path):
    """A hub's preset, fetched into a directory, and its lock."""
    handle = hub.hold(preset)
    lock = tmp_path / "presets.lock"
    assert hub.client("fetch", handle, "--into", tmp_path / "all", "--lock", lock)["value"] == 0
    return handle, tmp_path / "all", lock


def test_fetched_presets_are_plain_files(hub, preset, brought):
    handle, into, lock = brought
    (directory,) = into.iterdir()
    assert content(directory) == preset
    assert not any(path.is_symlink() for path in directory.rglob("*"))
    entry = json.loads(lock.read_text())["presets"][handle]
    assert (entry["revision"], entry["files"]) == (hub.first, digests(preset))
    assert f"from_preset({str(directory)!r}, lock={str(lock)!r})" in hub.client.printed
    loaded = hub.load(str(directory), lock=str(lock))
    assert (loaded["value"]["digests"], loaded["sockets"]) == (digests(preset), 0)


def test_fetching_again_verifies(hub, preset, brought):
    handle, into, lock = brought
    (directory,) = into.iterdir()
    fetch = ("fetch", hub.pin(handle, hub.first), "--into", into, "--lock", lock)
    before = lock.read_text()
    for change, word in ((lambda: None, "verified"), (lambda: damage_in(directory), "fetched")):
        change()
        hub.server.begin()
        done = hub.client(*fetch)
        assert (done["value"], done["sockets"]) == (0, 0)
        assert f"{word}  {handle}" in hub.client.printed
        assert hub.server.requests == []
        assert content(directory) == preset
    assert lock.read_text() == before


def damage_in(directory: Path) -> None:
    damage(directory / "model.weights.h5", DAMAGE["replaced"])


def test_fetching_without_a_network_verifies(hub, preset, brought):
    handle, into, lock = brought
    fetch = ("--into", into, "--lock", lock, "--local-files-only")
    shutil.rmtree(hub.cached(handle, hub.first, "").parent)  # the cache is on another machine
    done = hub.client("fetch", handle, *fetch)
    assert (done["value"], done["sockets"]) == (0, 0)
    assert f"verified  {handle}" in hub.client.printed
    done = hub.client("fetch", hub.pin(handle, 7 if hub.kaggle else "v2"), *fetch)
    assert (done["value"], done["sockets"]) == (2, 0)


def test_fetching_again_takes_what_is_new(hub, newer, brought):
    handle, into, lock = brought
    revision = str(hub.server.move(newer))
    hub.client("fetch", handle, "--into", into, "--lock", lock)
    assert json.loads(lock.read_text())["presets"][handle]["revision"] == revision
    (directory,) = into.iterdir()
    assert content(directory) == newer


def test_a_lock_pins_a_handle_without_revision(hub, preset, newer, brought):
    handle, _, lock = brought
    moved = hub.server.move(newer)
    assert hub.load(handle)["value"]["revision"] == str(moved)
    locked = hub.load(handle, lock=str(lock))["value"]
    assert (locked["revision"], locked["digests"]) == (hub.first, digests(preset))
    assert "value" in hub.load(hub.pin(handle, hub.first), lock=str(lock))
    refused = hub.load(hub.pin(handle, moved), lock=str(lock))
    assert refused["error"] == "PresetIntegrityError"
    assert str(moved) in refused["message"]


def test_a_lock_refuses_another_digest_of_the_same_revision(hub, newer, brought):
    handle, _, lock = brought
    document = json.loads(lock.read_text())
    document["presets"][handle]["files"]["config.json"] = "0" * 64
    lock.write_text(json.dumps(document))
    refused = hub.load(handle, lock=str(lock))
    assert refused["error"] == "PresetIntegrityError"
    assert "config.json has sha256" in refused["message"]
