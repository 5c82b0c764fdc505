"""What becomes of a classifier outside of Keras."""

from hub_tasks.export.transformers import save_to_transformers

__all__ = ["save_to_transformers"]
