"""What people train a task with."""

from hub_tasks.training.classification_report import ClassificationReport

__all__ = ["ClassificationReport"]
