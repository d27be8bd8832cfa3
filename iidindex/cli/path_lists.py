"""Lists of paths and URLs in text files, one on each line."""

from __future__ import annotations

import os
import sys

from iidindex.errors import SourceError
from iidindex.storage.given import open_source
from iidindex.storage.places import is_absolute, is_remote, storage_at

# Bytes of a list: of a million long URLs.
_LONGEST = 1 << 28


def listed_paths(file: str) -> list[str]:
    """The paths and URLs in a list; empty lines and those that begin with `#` are none.

    Parameters
    ----------
    file : str
        A path, `-` for standard input, or the URL of an object. What a list at a URL says
        relatively lies beside it.

    Raises
    ------
    SourceNotFoundError, SourceError
        If the list cannot be read.
    """
    if file == "-":
        content = sys.stdin.buffer.read()
    else:
        with open_source(file) as source:
            if source.stamp.size > _LONGEST:
                raise SourceError(
                    f"{file}: has {source.stamp.size} bytes; expected a list of {_LONGEST} at most"
                )
            content = source.read(0, source.stamp.size)
    lines = [os.fsdecode(line.strip()) for line in content.splitlines()]
    paths = [line for line in lines if line and not line.startswith("#")]
    if file == "-" or not is_remote(file):
        return paths
    storage = storage_at(file)
    beside = storage.parent(storage.ways(file)[-1])
    return [path if is_absolute(path) else storage.join(beside, path) for path in paths]
