"""Listing a directory, and looking at what lies in it by the shortest way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from iidindex.system.portable import FORCED


@contextmanager
def list_open(place: str) -> Iterator[Iterator[os.DirEntry[Any]]]:
    """List a directory that is open, so that to look at a file does not begin at the top.

    The ``path`` of what is found is its name alone.
    """
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(fd) as found:
            yield found
    finally:
        os.close(fd)


def list_by_path(place: str) -> AbstractContextManager[Iterator[os.DirEntry[Any]]]:
    """List a directory by its path."""
    return os.scandir(place)


_CAN_BE_OPEN = os.scandir in os.supports_fd and hasattr(os, "O_DIRECTORY") and not FORCED

# List a directory.
listed = list_open if _CAN_BE_OPEN else list_by_path
