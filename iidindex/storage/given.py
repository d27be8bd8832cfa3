"""What people give as a file: a path, the URL of an object, bytes, or a file object."""

from __future__ import annotations

import mmap
import os

import numpy as np

from iidindex.errors import WrongTypeError
from iidindex.storage.local import LocalFile
from iidindex.storage.local_storage import LOCAL
from iidindex.storage.memory import MemoryFile
from iidindex.storage.places import storage_at
from iidindex.storage.protocol import Source


def open_source(file: object) -> Source:
    """Open a path, the URL of an object, bytes, or a binary file object.

    Raises
    ------
    SourceNotFoundError, SourceError
        If it is not there or cannot be read.
    WrongTypeError
        If `file` is none of these.
    """
    if isinstance(file, str) and storage_at(file) is not LOCAL:
        storage = storage_at(file)
        return storage.open(storage.ways(file)[-1])
    if isinstance(file, (str, os.PathLike)):
        return LocalFile(file)
    if isinstance(file, (bytes, bytearray, memoryview, mmap.mmap, np.ndarray)):
        return MemoryFile(file)
    read = getattr(file, "read", None)
    if callable(read):
        content = read()
        if isinstance(content, bytes):
            return MemoryFile(content, name=str(getattr(file, "name", "<file object>")))
        raise WrongTypeError(
            f"the file object gives {type(content).__name__}, not bytes; open it with mode 'rb'"
        )
    raise WrongTypeError(
        f"expected a path, bytes or a binary file object, not {type(file).__name__}"
    )
