"""The text classifier: strings in, labelled predictions out."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import keras

from hub_tasks import presets
from hub_tasks.backbones import (
    BACKBONES,
    Backbone,
    EncoderBackbone,
    KerasHubBackbone,
    assign,
    is_keras_hub,
    random_state_kept_on_failure,
    shapes,
)
from hub_tasks.data import LabelSpace
from hub_tasks.errors import PresetFormatError, received
from hub_tasks.families import Family, Head, family_of
from hub_tasks.layers import to_be_loaded
from hub_tasks.presets.schema import infer_problem_type
from hub_tasks.registry import Registry
from hub_tasks.tasks import persistence
from hub_tasks.tasks.arguments import (
    check_arguments,
    check_parts,
    check_vocabulary,
    count_classes,
)
from hub_tasks.tasks.heads import classification_head
from hub_tasks.tasks.keras_hub import KerasHubPreprocessor
from hub_tasks.tasks.preprocessor import TextClassifierPreprocessor, preprocessor_class
from hub_tasks.tasks.scratch import ScratchTask

CLASSIFIERS: "Registry[type[TextClassifier]]" = Registry("text classifier", PresetFormatError)
_FROM_PRESET: Any = object()


@keras.saving.register_keras_serializable(package="hub_tasks")
class TextClassifier(ScratchTask):
    """Classifies texts: one label each, several labels each, or a number (regression).

    Build one with `from_preset`, or from a backbone:

    Args:
        backbone: an encoder with `sequence_output` and `pooled_output` among its outputs, or
            a text backbone of KerasHub.
        num_classes: the number of outputs; follows from `labels` where they are given.
        preprocessor: texts -> the backbone's inputs, ours or KerasHub's; None for data already
            tokenised.
        activation: of the outputs; None for logits.
        dropout: share of the pooled output dropped in training.
        labels: label names in the order of ids.
        problem_type: "single_label_classification", "multi_label_classification" or
            "regression"; None infers it from the number of classes and, in `fit`, from
            the form of the labels.
        pooling: what stands for the text: "family" (the encoder family's own way), "cls"
            (its first token), "mean", "max" or "attention" over its tokens.
        name: of the Keras model.

    Attributes:
        presets: the built-in presets of the class: name -> record.
        preset_source: where the weights came from: `handle`, `revision` (a commit or version) and
            `digests` (name -> sha256 of every file that was read); None without a preset.

    Example:

    >>> import hub_tasks
    >>> clf = hub_tasks.TextClassifier.from_preset("bert_tiny_en_sentiment")
    >>> clf.classify("a warm, funny and moving film").label
    'positive'
    """

    family: ClassVar[Family | None] = None
    presets = persistence.BuiltInPresets()

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int | None = None,
        preprocessor: TextClassifierPreprocessor | None = None,
        activation: str | None = None,
        dropout: float = 0.1,
        labels: Sequence[str] | None = None,
        problem_type: str | None = None,
        pooling: str = "family",
        name: str | None = None,
    ):
        if is_keras_hub(preprocessor):
            preprocessor = KerasHubPreprocessor(preprocessor)
        if isinstance(preprocessor, KerasHubPreprocessor):
            preprocessor.keys = tuple(backbone.input)
        if is_keras_hub(backbone):
            backbone = KerasHubBackbone(backbone)
        num_classes = count_classes(num_classes, labels)
        activation = check_arguments(num_classes, activation, problem_type, pooling)
        check_parts(backbone, preprocessor)
        if isinstance(backbone, EncoderBackbone) and preprocessor is not None:
            backbone.read_vocabulary(preprocessor.to_data())
        family_head = self.family.classifier if self.family else Head()
        outputs, head = classification_head(
            backbone, family_head, num_classes, activation, dropout, pooling
        )
        super().__init__(inputs=backbone.input, outputs=outputs, name=name)
        self.dtype_policy = backbone.dtype_policy
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.num_classes = num_classes
        self.activation = activation
        self.dropout = dropout
        self.pooling = pooling
        self.preset_source: presets.PresetSource | None = None
        self._head = head
        self._named_labels = labels is not None
        self._fixed_problem_type = problem_type is not None
        self.label_space = LabelSpace(
            labels or [f"LABEL_{i}" for i in range(num_classes)],
            problem_type or infer_problem_type(num_classes, activation),
        )
        self.compile()

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in the order of the outputs."""
        return self.label_space.names

    @property
    def problem_type(self) -> str:
        """ "single_label_classification", "multi_label_classification" or "regression"."""
        return self.label_space.problem_type

    @classmethod
    def from_preset(
        cls,
        preset: str | os.PathLike[str],
        load_weights: bool = True,
        *,
        labels: Sequence[str] | None = None,
        num_classes: int | None = None,
        problem_type: str | None = None,
        backbone: Backbone | None = None,
        preprocessor: TextClassifierPreprocessor | None = _FROM_PRESET,
        sequence_length: int | None = None,
        dtype: Any = None,
        load_task_weights: bool | None = None,
        max_parameters: int | None = None,
        allow_nonfinite: bool = False,
        local_files_only: bool = False,
        lock: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> "TextClassifier":
        """Loads a classifier, or an encoder under a fresh head.

        With neither `labels` nor `num_classes` the preset's own head and label names are
        loaded; with either, the head is fresh, and a warning says so where one was saved.

        Args:
            preset: a built-in name, a directory (written by hub_tasks, KerasHub or
                `transformers`), `"hf://org/model@revision"` or
                `"kaggle://org/model/keras/variant/3"`.
            load_weights: False leaves all weights at random.
            labels: label names of a fresh head, in the order of ids.
            num_classes: the number of classes of a fresh head.
            problem_type: of a fresh head; see the class.
            backbone: used in place of the preset's.
            preprocessor: used in place of the preset's; None for tokenised data.
            sequence_length: the most tokens of a text, special tokens included.
            dtype: a Keras dtype or dtype policy for the backbone, or "auto": bfloat16 where
                this machine is measured to be faster in it, else float32. The head computes
                in float32.
            load_task_weights: True insists on the saved head, whose classes `labels` may then
                name; False makes the head fresh; by default see above.
            max_parameters, allow_nonfinite: see `Backbone.from_preset`.
            local_files_only: ask no hub; read what is on this machine, or say what is missing.
            lock: a lock file of `hub-tasks fetch`; anything that it does not record is refused.
            **kwargs: `dropout`, `activation`, `pooling`, `name`, as in the constructor.

        Raises:
            PresetError: see its subclasses in `hub_tasks.errors`.
        """
        with presets.opened(preset, local_files_only, lock) as data:
            cls = cls._class_of(data.family, preset)
            named = persistence.named_classes(labels, num_classes, problem_type)
            is_saved = persistence.chooses_saved_head(data, named, load_weights, load_task_weights)
            head = persistence.head_arguments(data, named, is_saved, kwargs)
            if preprocessor is _FROM_PRESET:
                settings = {} if sequence_length is None else {"sequence_length": sequence_length}
                preprocessor = preprocessor_class(data.family).from_data(data, **settings)
            with random_state_kept_on_failure():
                if backbone is None:
                    check_vocabulary(data, preset)
                    backbone = BACKBONES[data.family.name].from_data(
                        data, load_weights, dtype, max_parameters, allow_nonfinite
                    )
                with to_be_loaded() if is_saved and load_weights else nullcontext():
                    clf = cls(backbone, preprocessor=preprocessor, **head)
                if is_saved and load_weights:
                    wanted = clf.head_variables()
                    assign(wanted, data.head.weights.read(shapes(wanted), allow_nonfinite))
            clf.preset_source = data.source
            return clf

    @classmethod
    def _class_of(cls, family: Family, preset: Any) -> "type[TextClassifier]":
        if cls.family is None:
            return CLASSIFIERS.get(family.name, cls)
        if cls.family is not family:
            raise PresetFormatError(
                f"{cls.__name__} cannot be loaded from a preset of the {family.title} family; use "
                f"TextClassifier, which finds the right class. {received(preset=preset)}"
            )
        return cls

    def save_to_preset(
        self,
        preset_dir: str | os.PathLike[str],
        weights_format: str = "h5",
        verify: bool | Sequence[str] = False,
    ) -> None:
        """Writes a preset that `from_preset` loads, here and in KerasHub.

        Args:
            preset_dir: a directory that does not exist, is empty, or holds a preset saved by
                hub_tasks, which is then replaced in one step.
            weights_format: "h5" (KerasHub reads it too) or "safetensors"; "float16" or
                "int8" for a file of half or about a quarter of the size, whose numbers are
                rounded. They are widened again when they are loaded.
            verify: True, or texts to do it with: the written preset is loaded and must give
                equal outputs before it takes the place of an older one, and every weight
                must be the one to be stored. Where the format rounds, outputs may differ by
                1 % ("float16") or 10 % ("int8") of the largest. That each file reads back as
                it was written is checked in any case.

        Raises:
            PresetSaveError: what stood at `preset_dir` is unchanged.
        """
        persistence.save(self, preset_dir, weights_format, verify)

    def get_config(self) -> dict[str, Any]:
        return persistence.get_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "TextClassifier":
        config = dict(config)
        family = cls.family or family_of(config.pop("family"))
        backbone = BACKBONES[family.name].from_config(config.pop("backbone"))
        settings = config.pop("preprocessor")
        preprocessor = settings and preprocessor_class(family).from_config(settings)
        return cls(backbone, preprocessor=preprocessor, **config)

    def get_compile_config(self) -> None:
        """Nothing: a classifier that is loaded is compiled with "auto", as a new one is."""

    def head_variables(self) -> list[Any]:
        """The weights of the head alone."""
        return [variable for layer in self._head for variable in layer.weights]
