"""What a classifier gets right, class by class."""

from hub_tasks.evaluation.class_scores import ClassScores, class_scores

__all__ = ["ClassScores", "class_scores"]
