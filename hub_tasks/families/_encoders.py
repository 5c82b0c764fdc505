"""The small encoders that are trained from scratch, as families.

Their records are made from their classes (`hub_tasks.EncoderBackbone`), which register
them here: what the class says once need not be said again.
"""

from hub_tasks.errors import PresetFormatError
from hub_tasks.families._family import Encoder, Family, Field
from hub_tasks.families._weights import dense
from hub_tasks.registry import Registry

ENCODERS: Registry[Family] = Registry("encoder", PresetFormatError)

SPECIAL_TOKENS = {"pad": "[PAD]", "unknown": "[UNK]", "between": "[SEP]"}
FLAG = {False: False, True: True}
IMPORT_FIRST = "For an encoder of your own, import the module that defines its class first."

COMMON = (
    Field("vocabulary_size", "", 1, 4_000_000),
    Field("embedding_dim", "", 1, 65_536, default=128),
    Field("max_sequence_length", "", 3, 1_048_576, default=512),
    Field("embedding", "", default=None, nested=True),
    Field("trainable_embedding", "", default=True, choices=FLAG),
    Field("bigram_buckets", "", 0, 4_000_000, default=0),
    Field("part_buckets", "", 0, 4_000_000, default=0),
    Field("run_buckets", "", 0, 4_000_000, default=0),
    Field("ngram_rows", "", 0, 4_000_000, default=0),
    Field("pair_separator", "", 0, 4_000_000, default=0),
    Field("overlap_entries", "", 0, 65_536, default=0),
    Field("wide_dim", "", 0, 65_536, default=0),
    Field("wide_buckets", "", 0, 4_000_000, default=0),
    Field("wide_runs", "", 0, 3, default=0),
    Field("word_dropout", "", 0.0, 0.99, default=0.1),
    Field("embedding_dropout", "", 0.0, 0.99, default=0.3),
)


def encoder_family(name: str, prefix: str, title: str, fields: tuple[Field, ...]) -> Family:
    """The record of an encoder.

    Args:
        name: in `from_scratch`.
        prefix: what the class names begin with.
        title: for messages.
        fields: its hyper-parameters.
    """
    return Family(
        name=name,
        prefix=prefix,
        title=title,
        paper="",
        tokenizer="trained",
        config=(*COMMON, *fields),
        layers=None,
        head=(dense("logits", "", "dense"),),
        base="",
        architecture="",
        encoder=Encoder(positions=False, segments=False),
        special_tokens=SPECIAL_TOKENS,
        tiny={},
        keras_hub=(),
        pairs="separated",
    )
