"""Presets changed at random, for a short time; and all that was ever found that way."""

import pytest

from tests.trust.fuzz import CORPUS, check, fuzz, place, reader

SECONDS = 15
ENTRIES = sorted(path for path in CORPUS.iterdir() if "~" in path.name)


def test_b25_fuzz():
    count, failures = fuzz(SECONDS, seed=0)
    assert count > 50
    assert failures == []


@pytest.mark.timeout(60)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_b25_what_was_found_before(entry, good, reads, tmp_path):
    base, preset = place(entry, good, tmp_path)
    if base not in reads:
        reads[base] = reader(good[base])
    assert check(reads[base], preset) is None


@pytest.fixture(scope="module")
def reads():
    return {}


def test_b25_every_kind_of_failure_is_seen(good, tmp_path):
    def fails(error):
        def read(preset):
            raise error

        return check(read, tmp_path)

    assert "KeyError at test_fuzz.py" in fails(KeyError("raw"))
    assert "MemoryError" in fails(MemoryError())
    assert "SystemExit" in fails(SystemExit(1))
    assert check(reader(good["keras"]), good["keras"]) is None
