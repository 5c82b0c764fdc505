"""What a hub's client library raises, for messages."""


def reason(error: BaseException) -> str:
    """The first line of what a client says went wrong."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
