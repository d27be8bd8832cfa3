"""An object of a store, opened to be indexed: its first bytes come with its stamp."""

from __future__ import annotations

from typing import Self

from iidindex.buffers import Bytes, as_bytes
from iidindex.errors import SourceError
from iidindex.model import FileStamp
from iidindex.storage import object_stores
from iidindex.storage.object_ranges import read_ranges

# What the first request brings: all of most objects. Nearly all bytes of a file of small masks are
# needed to index it, and a store sends so many in the time that it takes to answer once more.
_FIRST = 1 << 20


class ObjectFile:
    """An object of a store. All that is read of it is of one content.

    Parameters
    ----------
    location : str

    Raises
    ------
    SourceNotFoundError, SourceError
        If it is not there or cannot be read.
    """

    def __init__(self, location: str) -> None:
        self.name = location
        self._first, self.stamp = _begin(location)

    def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset`; fewer only where the object ends.

        Raises
        ------
        SourceError
            If that cannot be done.
        StaleFileError
            If another content is there by now.
        """
        end = min(offset + length, self.stamp.size)
        if end <= len(self._first):
            return self._first[offset:end]
        known = self._first[offset:]
        begin = offset + len(known)
        if begin >= end:
            return known
        (rest,) = read_ranges(self.name, self.stamp, [(begin, end - begin)])
        return known + rest if known else rest

    def data(self) -> Bytes:
        """All bytes, which are read now."""
        content = self.read(0, self.stamp.size)
        if len(content) < self.stamp.size:
            raise SourceError(f"{self.name}: fewer bytes came than it has")
        return as_bytes(content)

    def check_whole(self) -> None:
        """Do nothing: what was read stays."""

    def is_current(self) -> bool:
        """Whether all that was read is of one content: always, or to read it had failed."""
        return True

    def close(self) -> None:
        """Give up what was read."""
        self._first = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _begin(location: str) -> tuple[bytes, FileStamp]:
    try:
        return object_stores.get(location, 0, _FIRST)
    except object_stores.PastEndError:
        # Of an object without bytes, none can be asked for.
        stamp = object_stores.head(location)
        if stamp.size:
            raise
        return b"", stamp
