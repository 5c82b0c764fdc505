"""Compares a checkpoint as hub_tasks loads it with the same one in `transformers`.

    python tools/parity.py DIR_OR_HANDLE [--texts FILE]

Prints a table: token ids, hidden states, logits, labels, and the weights on the way back.
Exits with 1 where anything differs by more than 1e-4. A handle is `hf://org/model@revision`.
Wants `torch` and `transformers`; computes with whatever backend Keras is set to.
"""

import argparse
import pathlib
import sys
import tempfile
from typing import Any

import numpy as np

TOLERANCE = 1e-4
TEXTS = [
    "A warm, funny and moving film.",
    "dull",
    "It's neither good nor bad; it is 3.5 stars -- at most!",
    "",
    "Äußerst schön, très beau, 非常に良い, 很好 \U0001f600 e\u0301",
    "one sentence that is much longer than all of the others, so that a batch needs padding " * 3,
]
Row = tuple[str, str, bool]


def directory_of(preset: str) -> pathlib.Path:
    """Where the files of a preset are on this machine."""
    from hub_tasks.presets.sources import resolve

    return resolve(preset).directory


def compare_ids(clf: Any, tokenizer: Any, texts: list[str]) -> Row:
    """Token ids, special tokens included, of texts and of pairs."""
    packer = clf.preprocessor.packer
    limit = packer.sequence_length
    equal = 0
    for columns in ((texts,), (texts, texts[::-1])):
        ids = [clf.preprocessor.tokenizer.tokenize(list(column)) for column in columns]
        rows = list(zip(*ids, strict=True))
        ours = packer.pack(rows, limit)
        theirs = tokenizer(*columns, truncation=True, max_length=limit)["input_ids"]
        for i, row in enumerate(theirs):
            length = int(ours["padding_mask"][i].sum())
            equal += ours["token_ids"][i, :length].tolist() == list(row)
    return "token ids", f"{equal} of {2 * len(texts)} rows equal", equal == 2 * len(texts)


def compare_outputs(clf: Any, model: Any, tokenizer: Any, texts: list[str]) -> list[Row]:
    """Hidden states at real tokens, and logits."""
    import keras
    import torch

    limit = clf.preprocessor.sequence_length
    theirs = tokenizer(texts, padding=True, truncation=True, max_length=limit, return_tensors="pt")
    with torch.no_grad():
        hidden = model.base_model(**theirs).last_hidden_state.numpy()
        logits = model(**theirs).logits.numpy()
    names = {"token_ids": "input_ids", "segment_ids": "token_type_ids"}
    inputs = {
        key: theirs[names.get(key, "attention_mask")].numpy().astype("int32")
        for key in clf.backbone.input
    }
    outputs = keras.ops.convert_to_numpy(clf.backbone(inputs)["sequence_output"])
    real = inputs["padding_mask"].astype(bool)
    rows = []
    for name, difference in (
        ("hidden states", np.abs(outputs[real] - hidden[real]).max()),
        ("logits", np.abs(clf.predict(texts, verbose=0) - logits).max()),
    ):
        rows.append((name, f"{difference:.1e} at most", bool(difference < TOLERANCE)))
    return rows


def compare_weights(clf: Any, directory: pathlib.Path) -> Row:
    """The weights that `save_to_transformers` writes, with those that were there."""
    from safetensors.numpy import load_file

    import hub_tasks

    before = load_file(directory / "model.safetensors")
    with tempfile.TemporaryDirectory() as back:
        hub_tasks.save_to_transformers(clf, pathlib.Path(back) / "back")
        after = load_file(pathlib.Path(back) / "back" / "model.safetensors")
    equal = sum(
        np.array_equal(before[name], value) for name, value in after.items() if name in before
    )
    return "weights on the way back", f"{equal} of {len(after)} equal", equal == len(after)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", help="a directory or a handle")
    parser.add_argument("--texts", type=pathlib.Path, help="a file with a text in each line")
    args = parser.parse_args()
    import transformers

    import hub_tasks

    texts = args.texts.read_text(encoding="utf-8").splitlines() if args.texts else TEXTS
    directory = directory_of(args.preset)
    config = transformers.AutoConfig.from_pretrained(directory)
    encoder = not any("SequenceClassification" in name for name in config.architectures or [])
    clf = hub_tasks.TextClassifier.from_preset(
        args.preset, num_classes=config.num_labels if encoder else None
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    with tempfile.TemporaryDirectory() as back:
        source = directory
        if encoder:  # compare under the head that is fresh here
            source = pathlib.Path(back) / "with_head"
            hub_tasks.save_to_transformers(clf, source)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(source).eval()
    rows = [compare_ids(clf, tokenizer, texts), *compare_outputs(clf, model, tokenizer, texts)]
    if not encoder:
        labels = tuple(config.id2label[i] for i in range(config.num_labels))
        rows.append(("labels", ", ".join(clf.labels)[:60], labels == clf.labels))
        rows.append(compare_weights(clf, directory))
    width = max(len(name) for name, _, _ in rows)
    for name, found, good in rows:
        print(f"{name:<{width}}  {found:<40}  {'ok' if good else 'DIFFERS'}")
    return int(not all(good for _, _, good in rows))


if __name__ == "__main__":
    sys.exit(main())
