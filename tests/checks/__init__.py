"""Assertions and small random models that tests share."""
