"""The named classes of every family: `BertBackbone`, `BertTokenizer`, ...

Made from the family's record, all in this place. `named.pyi` beside this file states
them for editors and type checkers; `tools/write_stubs.py` writes it.
"""

import inspect
from typing import Any

import keras

from hub_tasks.backbones import BACKBONES, TransformerBackbone
from hub_tasks.families import FAMILIES, REQUIRED, Family
from hub_tasks.tasks.preprocessor import PREPROCESSORS, TextClassifierPreprocessor
from hub_tasks.tasks.text_classifier import CLASSIFIERS, TextClassifier
from hub_tasks.tokenizers import TOKENIZERS

__all__: list[str] = []


def _make(base: type, family: Family, kind: str) -> type:
    name = family.prefix + kind
    first, _, rest = (base.__doc__ or "").partition("\n")
    doc = f"{family.title}: {first[0].lower()}{first[1:]}\n\n    Reference: {family.paper}.\n{rest}"
    contents = {"__doc__": doc, "__module__": __name__, "family": family}
    if kind == "Backbone":
        contents["__signature__"] = backbone_signature(family)
    made = type(name, (base,), contents)
    if issubclass(made, keras.Model):
        made = keras.saving.register_keras_serializable(package="hub_tasks")(made)
    globals()[name] = made
    __all__.append(name)
    return made


def backbone_signature(family: Family) -> inspect.Signature:
    """The arguments of a family's backbone, which its configuration says."""

    def parameter(name: str, default: Any) -> inspect.Parameter:
        empty = inspect.Parameter.empty
        default = empty if default is REQUIRED else default
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)

    entries = [parameter(field.name, field.default) for field in family.config]
    common = {"dtype": None, "name": None, "trainable": True}
    return inspect.Signature([*entries, *(parameter(*item) for item in common.items())])


for _family in FAMILIES.values():
    BACKBONES.register(_family.name, _make(TransformerBackbone, _family, "Backbone"))
    _tokenizer = _make(TOKENIZERS[_family.tokenizer], _family, "Tokenizer")
    TOKENIZERS.register(_family.name, _tokenizer)
    PREPROCESSORS.register(
        _family.name, _make(TextClassifierPreprocessor, _family, "TextClassifierPreprocessor")
    )
    CLASSIFIERS.register(_family.name, _make(TextClassifier, _family, "TextClassifier"))
