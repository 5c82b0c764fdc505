"""Whether the parts of a preset fit one another, without building any of them."""

from hub_tasks.errors import PresetFormatError
from hub_tasks.presets.data import PresetData
from hub_tasks.presets.files import PresetFiles
from hub_tasks.presets.formats import read_files
from hub_tasks.presets.shapes import data_shapes
from hub_tasks.presets.whole_file import WholeFile


def check_preset(files: PresetFiles) -> PresetData:
    """Reads all of a preset against its configuration, every weight included.

    Raises:
        PresetError: what is wrong with it.
    """
    data = read_files(files)
    problems = misfits(data)
    if problems:
        raise PresetFormatError(f"preset {files}: {' '.join(problems)}")
    weights = data.weights, data.head and data.head.weights
    for part, shapes in zip(weights, data_shapes(data), strict=True):
        if isinstance(part, WholeFile):
            part.check_sizes(data.backbone)
            with part.checked():
                pass
        elif shapes:
            for _ in part.read(shapes):
                pass
    return data


def misfits(data: PresetData) -> list[str]:
    """Where the parts of a preset contradict one another, weights aside: a sentence each."""
    if data.tokenizer is None:
        return []
    found, vocabulary = [], data.tokenizer.vocabulary
    special = data.tokenizer_family.special_tokens.values()
    missing = sorted(set(special) - set(vocabulary))
    if missing:
        found.append(f"The vocabulary lacks the special tokens {', '.join(missing)}.")
    if data.backbone is not None:
        rows = data.backbone.get("vocabulary_size", len(vocabulary))
        if data.tokenizer.ids > rows:
            found.append(
                f"The vocabulary has {data.tokenizer.ids} tokens, the embedding only {rows} rows."
            )
        length = (data.preprocessor or {}).get("sequence_length") or 0
        positions = data.backbone.get("max_sequence_length") or length
        if length > positions:
            found.append(f"The sequence length is {length}, the positions are only {positions}.")
    return found
