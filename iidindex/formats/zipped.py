"""Bytes of a file by range, also of one that was packed with gzip (RFC 1952)."""

from __future__ import annotations

import zlib

from iidindex.errors import ExchangeError
from iidindex.formats.json_ranges import ByteRange
from iidindex.formats.reading import SourceFiles

# A packed file has to be held; this much of it at most, as a few bytes can be made a thousand.
_LARGEST = 1 << 30
_GZIP = 31


def byte_range(source: SourceFiles, name: str, limit: int = _LARGEST) -> ByteRange:
    """What bytes of a file can be asked of, as they were before it was packed.

    Parameters
    ----------
    source : SourceFiles
    name : str
        It is packed if it ends in ``.gz``.
    limit : int
        How many bytes there may be; more are an error, or left out if the file is only looked at.

    Returns
    -------
    callable
        Gives bytes by offset and length.

    Raises
    ------
    ExchangeError
        If it is not gzip, or more is in it than may be held.
    """
    if not name.lower().endswith(".gz"):
        return lambda offset, length: source.range(name, offset, length)
    data = _unpacked(source, name, limit)
    return lambda offset, length: data[offset : offset + length]


def _unpacked(source: SourceFiles, name: str, limit: int) -> bytes:
    is_a_look = limit < _LARGEST
    packed = source.range(name, 0, limit) if is_a_look else source.read(name)
    found: list[bytes] = []
    n_bytes = 0
    while packed and n_bytes < limit:
        member = zlib.decompressobj(_GZIP)
        try:
            found.append(member.decompress(packed, limit - n_bytes))
        except zlib.error as error:
            raise ExchangeError(f"is not gzip: {error}", source=name) from error
        n_bytes += len(found[-1])
        if not member.eof:
            if not is_a_look:
                problem = "ends within" if n_bytes < limit else f"holds over {limit} bytes in"
                raise ExchangeError(f"{problem} its gzip data", source=name)
            break
        packed = member.unused_data.lstrip(b"\0")
    return b"".join(found)
