"""The version of hub_tasks, stated once."""

__version__ = "0.1.0"
