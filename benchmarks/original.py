"""The original library, iidfile 0.2.0, made to do what the works ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from iidfile import IIDFile

NAME = "iidfile 0.2.0"


def new() -> Any:
    """Make an empty file."""
    return IIDFile()


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file and close it again."""
    file = IIDFile(str(path))
    try:
        yield file
    finally:
        close(file)


def close(file: Any) -> None:
    """Close a file that was opened or saved; the library has no call for it."""
    file.mmap.close()
    file.file.close()


def mend(file: Any) -> None:
    """Make a file with new entries fit to be saved.

    scikit-image measures an area as a float, and the library writes integers only. Without
    this, its `save` raises.
    """
    for entry in file.lut.entries:
        entry.seg.area = int(entry.seg.area)
