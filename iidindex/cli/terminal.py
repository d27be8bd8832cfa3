"""What every verb tells the terminal and the shell: text without control characters, exit codes."""

from __future__ import annotations

# Exit codes.
DONE, NOTHING_FOUND, ERROR, STALE, SOME_FAILED, SCHEMA, GONE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130


def printable(text: str) -> str:
    r"""Text without control characters, which could command the terminal it is shown on.

    Examples
    --------
    >>> printable("a" + chr(27) + "[2J b")
    'a\\x1b[2J b'
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
