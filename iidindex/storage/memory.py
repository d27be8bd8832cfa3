"""Bytes that are in memory already."""

from __future__ import annotations

from typing import Self

from iidindex.buffers import Bytes, as_bytes
from iidindex.model import FileStamp


class MemoryFile:
    """Bytes that are in memory already.

    Parameters
    ----------
    content : bytes-like
        It must not change while the source is in use.
    """

    def __init__(self, content: object, name: str = "<memory>") -> None:
        self.name = name
        self._data = as_bytes(content)
        self.stamp = FileStamp(len(self._data), 0)

    def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset`; fewer only where the content ends."""
        return self._data[offset : offset + length].tobytes()

    def data(self) -> Bytes:
        """The content itself."""
        return self._data

    def check_whole(self) -> None:
        """Do nothing: the content stays."""

    def is_current(self) -> bool:
        """Whether the content is what it was: always."""
        return True

    def close(self) -> None:
        """Do nothing: the content belongs to the caller."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing, as `close`."""
