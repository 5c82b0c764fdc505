"""Callbacks for `fit`; every callback of Keras's works as well."""

from hub_tasks.training import ClassificationReport

__all__ = ["ClassificationReport"]
