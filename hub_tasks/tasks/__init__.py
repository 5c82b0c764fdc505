"""Tasks: a preprocessor, a backbone and a head as one Keras model."""

from hub_tasks.tasks import named
from hub_tasks.tasks.predictions import Prediction
from hub_tasks.tasks.preprocessor import TextClassifierPreprocessor
from hub_tasks.tasks.task import Task
from hub_tasks.tasks.text_classifier import TextClassifier

__all__ = ["Prediction", "Task", "TextClassifier", "TextClassifierPreprocessor", "named"]
