"""Every error that hub_tasks raises on purpose.

Each message says what is wrong, what is accepted, and `Received: name=value`.
"""

_SHOWN = 120  # characters of a received value that a message repeats


class HubTasksError(Exception):
    """Base class of all errors of this package."""


class PresetError(HubTasksError, ValueError):
    """A preset cannot be found, read, trusted or written."""


class PresetNotFoundError(PresetError):
    """The handle, the directory or a file that the preset needs is not there."""


class PresetFormatError(PresetError):
    """A JSON, vocabulary or configuration file does not say what it must."""


class PresetVersionError(PresetError):
    """The preset was written by a newer schema than this version reads."""


class UnsafePresetError(PresetError):
    """The preset contains something that a legitimate preset never contains."""


class PresetWeightsError(PresetError):
    """Weights are missing, left over, misshapen, of a wrong type or not finite."""


class PresetIntegrityError(PresetError):
    """A file differs from what a manifest, a lock or a hub records of it, or changed meanwhile.

    Args:
        message: what is wrong.
        file: the name of the file, where it is one alone.
    """

    def __init__(self, message: str, file: str | None = None):
        super().__init__(message)
        self.file = file


class PresetSaveError(PresetError):
    """A preset could not be written; what stood at the target is unchanged."""


class DataError(HubTasksError, ValueError):
    """Texts, labels or weights are not of a documented form."""


class VectorsError(DataError):
    """A file of word vectors is not there, or is not of a documented format."""


class CommandError(HubTasksError, ValueError):
    """The arguments of a command do not fit together, or name what is not there."""


class NotFiniteError(HubTasksError, ArithmeticError):
    """A model's numbers are NaN or infinite, so that nothing can be said of them."""


class TrainingError(NotFiniteError):
    """Training cannot go on: the loss is NaN or infinite."""


class PredictionError(NotFiniteError):
    """A model's outputs are NaN or infinite."""


def received(**values: object) -> str:
    """Renders `Received: name=value, ...` with long values shortened and escaped."""
    return "Received: " + ", ".join(f"{name}={shorten(value)}" for name, value in values.items())


def shorten(value: object) -> str:
    """A one-line `repr` of at most 120 characters."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def printable(text: str) -> str:
    """A text on one line, with escape codes and all else that cannot be printed spelt out."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )
