"""The standard streams as they may be: closed, or of an encoding that lacks most characters."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

import click


def prepare_streams() -> None:
    """Make ready the standard streams of this program, before it opens anything."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Else the next file that is opened has this number, and whatever a library or another
            # process writes to its standard output goes into it: the index, say.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            # What is left without a character of its own is written as Python writes it.
            stream.reconfigure(errors="backslashreplace")


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody may be looking at a stream, which may be closed."""
    return stream is not None and stream.isatty()


def require_output() -> None:
    """Refuse to go on where rows are to be written and standard output is closed.

    Raises
    ------
    ClickException
        If it is.
    """
    if sys.stdout is None:
        raise click.ClickException("standard output is closed, and there are rows to write to it")
