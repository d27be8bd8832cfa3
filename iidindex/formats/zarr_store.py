"""What zarr is given to read chunks from: the files of a source. It is imported when used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest

from iidindex.formats.reading import SourceFiles


class SourceStore(Store):  # type: ignore[misc, unused-ignore]
    """Files by name; nothing can be written, and nothing need be listed.

    Parameters
    ----------
    source : SourceFiles
    lead : str
        What stands before zarr's keys: a folder and ``/``, or nothing.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __init__(self, source: SourceFiles, lead: str) -> None:
        super().__init__(read_only=True)
        self._source = source
        self._lead = lead

    def __eq__(self, other: object) -> bool:
        return self is other

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """The bytes of a key, or some of them; None if there are none."""
        name = self._lead + key
        if not self._source.holds(name):
            return None
        return prototype.buffer.from_bytes(self._bytes(name, byte_range))

    def _bytes(self, name: str, wanted: Any) -> bytes:
        if isinstance(wanted, RangeByteRequest):
            return self._source.range(name, wanted.start, wanted.end - wanted.start)
        size = self._source.size(name)
        if isinstance(wanted, OffsetByteRequest):
            return self._source.range(name, wanted.offset, size)
        if isinstance(wanted, SuffixByteRequest):
            return self._source.range(name, max(0, size - wanted.suffix), size)
        return self._source.read(name)

    async def get_partial_values(
        self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]
    ) -> list[Any]:
        """The same for several keys."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether there is something under a key."""
        return self._source.holds(self._lead + key)

    async def set(self, key: str, value: Any) -> None:  # noqa: ARG002
        """Refuse to write."""
        raise PermissionError(f"{key} is only read")

    async def delete(self, key: str) -> None:
        """Refuse to delete."""
        raise PermissionError(f"{key} is only read")

    def list(self) -> AsyncIterator[str]:
        """Refuse to list, as `supports_listing` says."""
        raise NotImplementedError

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Refuse to list."""
        raise NotImplementedError(prefix)

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Refuse to list."""
        raise NotImplementedError(prefix)
