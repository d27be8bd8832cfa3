"""What every verb tells the terminal and the shell: text without control characters, exit codes."""

from __future__ import annotations

import re

# What an error adds for those who called a function.
_FOR_PYTHON = re.compile(r" \(in Python: [^()]*(\([^()]*\)[^()]*)*\)")

# What Python and the shell have other words for.
_IN_THE_SHELL = (
    (re.compile(r"(?<![\w./-])order_by(?![\w./-])"), "--order-by"),
    (re.compile(r"\bTrue, False or None\b"), "true, false or null"),
    (re.compile(r"\bexpected \(min, max\)"), "expected MIN..MAX"),
)

# Exit codes.
DONE, NOTHING_FOUND, ERROR, STALE, SOME_FAILED, SCHEMA, GONE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130
# What was looked at is not as it should be: of `verify`, originals; of `identities`, names.
FAULTS_FOUND = STALE


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


def for_shell(text: str) -> str:
    """An error as the shell tells it: in its words, without what it adds for Python.

    Examples
    --------
    >>> for_shell("use one: --jobs 1 (in Python: jobs=1)")
    'use one: --jobs 1'
    >>> for_shell("after works only in the order of ids; leave order_by out")
    'after works only in the order of ids; leave --order-by out'
    """
    text = _FOR_PYTHON.sub("", text)
    for python, shell in _IN_THE_SHELL:
        text = python.sub(shell, text)
    return text
