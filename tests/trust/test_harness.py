"""The harness: good presets load under it, and it sees what it must."""

import pytest

from tests.trust.harness import Case, Worker, check
from tests.trust.sabotage import ACTS

BASES = [
    "keras",
    "signed",
    "safetensors",
    "transformers",
    "fast",
    "byte_pair",
    "byte_pair transformers",
    "sentencepiece",
    "sentencepiece transformers",
]
WARNING = {"keras": "LABEL_0", "safetensors": "LABEL_0", "byte_pair": "LABEL_0"}
WARNING["sentencepiece"] = "LABEL_0"


@pytest.mark.parametrize("base", BASES)
def test_good_presets_load_and_do_nothing_else(base, holds):
    holds(Case(lambda preset, outside: None, base=base, message=WARNING.get(base, "")))


@pytest.mark.parametrize("act", [act for act in ACTS if act not in ("I2 wait", "I1 crash")])
def test_what_a_load_may_not_do_is_seen(act, good, tmp_path, spoiled, monkeypatch):
    monkeypatch.setattr("tests.trust.harness.SECONDS", 1.0)
    case = Case(lambda preset, outside: None, loader=act)
    with pytest.raises(AssertionError, match=act.split()[0]):
        check(case, good["keras"], spoiled, tmp_path)


def test_a_load_that_hangs_or_crashes_is_seen(good, tmp_path, spoiled, monkeypatch):
    monkeypatch.setattr("tests.trust.harness.HARD_SECONDS", 1.0)
    for act, message in (("I2 wait", "hangs"), ("I1 crash", "crashed")):
        case = Case(lambda preset, outside: None, loader=act)
        with pytest.raises(AssertionError, match=message):
            check(case, good["keras"], spoiled, tmp_path / act)


@pytest.fixture(scope="module")
def spoiled(good, tmp_path_factory):
    """A process of its own, which these acts leave in disorder."""
    with Worker(tmp_path_factory.mktemp("spoiled")) as made:
        made.warm = [(good["keras"], {})]
        yield made
