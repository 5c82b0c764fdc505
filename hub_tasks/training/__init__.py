"""What people train a task with."""

from hub_tasks.training.classification_report import ClassificationReport
from hub_tasks.training.distillation import distill_vectors

__all__ = ["ClassificationReport", "distill_vectors"]
