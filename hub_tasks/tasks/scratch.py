"""A classifier whose vocabulary and labels come from the texts at hand."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hub_tasks.backbones import BACKBONES, encoder_defaults
from hub_tasks.data import Rows, infer_labels, open_data
from hub_tasks.errors import DataError, received
from hub_tasks.families import ENCODERS
from hub_tasks.registry import close_matches
from hub_tasks.tasks.preprocessor import TextClassifierPreprocessor
from hub_tasks.tokenizers import TrainedTokenizer

if TYPE_CHECKING:
    from hub_tasks.tasks.text_classifier import TextClassifier

_HEAD = ("activation", "dropout", "name")


def from_scratch(
    cls: "type[TextClassifier]",
    encoder: str,
    texts: Any,
    labels: Any,
    label_names: Sequence[str] | None,
    problem_type: str | None,
    dtype: Any,
    settings: Mapping[str, Any],
) -> "TextClassifier":
    """See `TextClassifier.from_scratch`."""
    family = ENCODERS[encoder]
    settings = _complete(encoder, settings)
    rows = open_data(texts, labels, None, 1, tokens=True)
    if not isinstance(rows, Rows):
        raise DataError(
            "The vocabulary is made from all texts, so they must be in memory: pass a list, an "
            f"array or a column, and stream in `fit`. {received(texts=type(texts))}"
        )
    space = infer_labels(rows.labels, label_names, problem_type)
    space.encode(rows.labels)
    text = {key: settings.pop(key) for key in BACKBONES[encoder].text_defaults}
    tokenizer = TrainedTokenizer.train(
        (text for column in rows.texts for text in column), family, **text
    )
    head = {key: settings.pop(key) for key in _HEAD if key in settings}
    backbone = BACKBONES[encoder](
        vocabulary_size=tokenizer.vocabulary_size(), dtype=dtype, **settings
    )
    preprocessor = TextClassifierPreprocessor(
        tokenizer, backbone.config["max_sequence_length"], family=family
    )
    return cls(
        backbone,
        preprocessor=preprocessor,
        labels=space.names,
        problem_type=space.problem_type,
        **head,
    )


def _complete(encoder: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of an encoder, of its texts and of the head that are stated."""
    defaults = encoder_defaults(encoder)
    known = [*defaults, *_HEAD]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise DataError(
            f"The encoder {encoder} has no {unknown[0]!r}.{close_matches(unknown[0], known)} It "
            f"has {', '.join(known)}. {received(**{unknown[0]: given[unknown[0]]})}"
        )
    return {**defaults, **given}
