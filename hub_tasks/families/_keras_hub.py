"""What stands in a family's place where KerasHub computes the encoder."""

from hub_tasks.families._family import Family
from hub_tasks.families._weights import dense

KERAS_HUB = Family(
    name="keras_hub",
    prefix="KerasHub",
    title="KerasHub",
    paper="",
    tokenizer="keras_hub",
    config=(),
    layers=(),
    head=(dense("logits", "", "dense"),),
    base="",
    architecture="",
    special_tokens={},
    tiny={},
    keras_hub=(),
)
