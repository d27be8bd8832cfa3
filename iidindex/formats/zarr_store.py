"""What zarr is given to read chunks from: the files of a source. It is imported when used."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable
from typing import Any

import numpy as np
import zarr
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.codecs import BloscCodec
from zarr.registry import register_codec

from iidindex.formats.identity import field_of
from iidindex.formats.json_ranges import decode
from iidindex.formats.reading import SourceFiles
from iidindex.formats.zarr_codecs import check_blosc, check_codecs, is_blosc


def array_of(source: SourceFiles, place: str, is_v3: bool) -> Any:
    """Open an array whose codecs are known, and look at what Blosc is given.

    Parameters
    ----------
    source : SourceFiles
    place : str
        Path of the array within the source.
    is_v3 : bool

    Raises
    ------
    ExchangeError
        If its metadata are other than label images have.
    """
    meta = decode(source.read(f"{place}/{'zarr.json' if is_v3 else '.zarray'}"))
    check_codecs(meta, is_v3)
    n_bytes = None if is_v3 or not is_blosc(meta) else _chunk_bytes(meta)
    store = SourceStore(source, f"{place}/", n_bytes)
    # Zarr 3 takes its codecs by name while it reads the metadata.
    with zarr.config.set({"codecs.blosc": f"{__name__}.{CheckedBlosc.__qualname__}"}):
        return zarr.open_array(store, mode="r", zarr_format=3 if is_v3 else 2)


def _chunk_bytes(meta: Any) -> int:
    n_values: int = math.prod(field_of(meta, "chunks"))
    return n_values * int(np.dtype(field_of(meta, "dtype")).itemsize)


class CheckedBlosc(BloscCodec):  # type: ignore[misc, unused-ignore]
    """Zarr's own, which refuses a chunk that has other bytes than it says."""

    def _decode_sync(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        _check_chunk(chunk_bytes, chunk_spec)
        return super()._decode_sync(chunk_bytes, chunk_spec)

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        _check_chunk(chunk_bytes, chunk_spec)
        return await super()._decode_single(chunk_bytes, chunk_spec)


def _check_chunk(chunk: Any, spec: Any) -> None:
    # What it holds of a number has had two names in zarr.
    size = getattr(spec.dtype, "item_size", None) or spec.dtype.itemsize
    check_blosc(chunk.to_bytes(), math.prod(spec.shape) * size)


register_codec("blosc", CheckedBlosc)


class SourceStore(Store):  # type: ignore[misc, unused-ignore]
    """Files by name; nothing can be written, and nothing need be listed.

    Parameters
    ----------
    source : SourceFiles
    lead : str
        What stands before zarr's keys: a folder and ``/``, or nothing.
    blosc_bytes : int, optional
        How many bytes a chunk comes to, if chunks are Blosc's.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __init__(self, source: SourceFiles, lead: str, blosc_bytes: int | None = None) -> None:
        super().__init__(read_only=True)
        self._source = source
        self._lead = lead
        self._blosc_bytes = blosc_bytes

    def __eq__(self, other: object) -> bool:
        return self is other

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """The bytes of a key, or some of them; None if there are none."""
        name = self._lead + key
        if not self._source.holds(name):
            return None
        found = self._bytes(name, byte_range)
        # Zarr 2 names what is no chunk with a dot in front.
        if self._blosc_bytes is not None and not key.rpartition("/")[2].startswith("."):
            check_blosc(found, self._blosc_bytes)
        return prototype.buffer.from_bytes(found)

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
