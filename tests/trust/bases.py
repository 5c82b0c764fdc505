"""Good presets of every layout, to be broken."""

from pathlib import Path

import hub_tasks
from hub_tasks.tasks.persistence import to_data
from tests.checks.broken_presets import copy_preset, write_transformers_preset
from tests.checks.tiny import LABELS, TEXTS, from_scratch, tiny_classifier

_WIDE = {"hidden_dim": 32, "intermediate_dim": 64}  # so that kernels are stored as int8, too


def make_bases(folder: Path) -> dict[str, Path]:
    """Name -> a preset that loads; those without "signed" have no digests that mask a change."""
    clf = tiny_classifier("bert")
    found = {}
    for name, made, options in (
        ("keras", clf, {}),
        ("safetensors", clf, {"weights_format": "safetensors"}),
        ("int8", tiny_classifier(sizes=_WIDE), {"weights_format": "int8"}),
        ("byte_pair", tiny_classifier("roberta"), {}),
        ("sentencepiece", tiny_classifier("albert"), {}),
        ("encoder", from_scratch("kim_cnn", TEXTS, LABELS, bigram_buckets=16, min_frequency=1), {}),
    ):
        signed = folder / ("signed" if name == "keras" else f"{name} signed")
        made.save_to_preset(signed, **options)
        found[name] = copy_preset(signed, folder / name)
        if name in ("byte_pair", "sentencepiece"):
            found[f"{name} transformers"] = folder / f"{name} transformers"
            hub_tasks.save_to_transformers(made, found[f"{name} transformers"])
    data = to_data(clf)
    values = {**data.weights, **data.head.weights}
    found["transformers"] = write_transformers_preset(folder / "transformers", values)
    hub_tasks.save_to_transformers(clf, folder / "fast")
    found["encoder signed"] = folder / "encoder signed"
    return {**found, "signed": folder / "signed", "fast": folder / "fast"}
