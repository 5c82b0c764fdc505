"""A classifier as a checkpoint of Hugging Face `transformers`."""

import os
from collections.abc import Sequence

from tokenizers import Tokenizer, processors

from hub_tasks import presets
from hub_tasks.errors import PresetSaveError, received
from hub_tasks.tasks import TextClassifier, TextClassifierPreprocessor
from hub_tasks.tasks.persistence import to_data, verification

_IN_STRINGS = {"special_tokens_in_strings": True}


def save_to_transformers(
    clf: TextClassifier,
    directory: str | os.PathLike[str],
    verify: bool | Sequence[str] = False,
) -> None:
    """Writes a directory that `transformers` loads, with equal logits, labels and token ids.

    Args:
        clf: a classifier of an encoder family.
        directory: a directory that does not exist, is empty, or holds a checkpoint or a
            preset, which is then replaced in one step.
        verify: as in `TextClassifier.save_to_preset`; the checkpoint is read by hub_tasks.

    Raises:
        PresetSaveError: nothing was written; also for a pooling that the family does not
            have in `transformers`, or an activation of the outputs.

    Example:

    >>> import os, tempfile, hub_tasks
    >>> clf = hub_tasks.TextClassifier.from_preset("bert_tiny_en_sentiment")
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     hub_tasks.save_to_transformers(clf, directory)
    ...     sorted(os.listdir(directory))
    ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']
    """
    if clf.family is None:
        raise PresetSaveError(
            "Only a classifier of a known family can be saved for transformers. "
            f"{received(type=type(clf).__name__)}"
        )
    poolings = ("family", "mean") if clf.family.pooling else ("family",)
    if clf.pooling not in poolings or clf.activation != "linear":
        raise PresetSaveError(
            f"transformers has no {clf.family.architecture} with such a head; accepted are "
            f"pooling={' or '.join(poolings)} and outputs without activation. "
            f"{received(pooling=clf.pooling, activation=clf.activation)}"
        )
    tokenizer = None if clf.preprocessor is None else _tokenizer_json(clf.preprocessor)
    check = verification(clf, TextClassifier, verify)
    presets.save_to_transformers(directory, to_data(clf), tokenizer, check)


def _tokenizer_json(preprocessor: TextClassifierPreprocessor) -> str:
    """The tokenizer with the template of special tokens that `transformers` expects in it."""
    packer, config = preprocessor.packer, preprocessor.tokenizer.get_config()
    # transformers always finds special tokens in a text.
    tokenizer = type(preprocessor.tokenizer).from_config({**config, **_IN_STRINGS})
    special = tokenizer.family.special_tokens
    start, end = special["start"], special["end"]
    rust = Tokenizer.from_str(tokenizer.rust.to_str())
    middle = f"{end}:0 {end}:0" if packer.double_end else f"{end}:0"
    second = int(packer.numbered and "segment_ids" in packer.keys)
    rust.post_processor = processors.TemplateProcessing(
        single=f"{start}:0 $A:0 {end}:0",
        pair=f"{start}:0 $A:0 {middle} $B:{second} {end}:{second}",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (start, end)],
    )
    return rust.to_str()
