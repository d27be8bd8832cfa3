"""Which codecs of Zarr are let in, and what is looked at before Blosc gets to see a chunk.

Whoever writes the metadata of an array chooses what is run over its chunks. numcodecs has codecs
that run whatever they are given (`pickle`), and C-Blosc reads as many bytes as a chunk says that it
has (``cbytes``), so a wrong number ends the process.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from iidindex.errors import ExchangeError
from iidindex.formats.identity import field_of

# Zarr 2: https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html, names of numcodecs.
_COMPRESSORS = {"blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd"}
_FILTERS = {"adler32", "crc32", "crc32c", "delta", "fletcher32", "shuffle"}
_DTYPE = re.compile(r"[<>|][biuf][1248]")
# Zarr 3: https://zarr-specs.readthedocs.io/en/latest/v3/codecs/index.html
_CODECS = {"blosc", "bytes", "crc32c", "gzip", "sharding_indexed", "transpose", "zstd"}
_TYPE = re.compile(r"bool|u?int(8|16|32|64)|float(32|64)")

# Version, version of the codec, flags, size of a number; bytes, bytes of a block, bytes stored:
# https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
_BLOSC_HEAD = struct.Struct("<4B3I")
# What checksums of filters add to the bytes of a chunk.
_MOST_MORE = 64


def check_codecs(meta: Any, is_v3: bool) -> None:
    """Check what the metadata of an array let run over its chunks.

    Parameters
    ----------
    meta : object
        Of ``.zarray`` or ``zarr.json``, parsed.
    is_v3 : bool

    Raises
    ------
    ExchangeError
        If a codec is none that label images are stored with, or the values are no numbers.
    """
    if is_v3:
        _check("data_type", field_of(meta, "data_type"), _TYPE)
        _check_chain(field_of(meta, "codecs"))
        return
    _check("dtype", field_of(meta, "dtype"), _DTYPE)
    compressor = field_of(meta, "compressor")
    if compressor is not None:
        _check_name("compressor", field_of(compressor, "id"), _COMPRESSORS)
    filters = field_of(meta, "filters")
    for one in filters if isinstance(filters, list) else [filters] if filters else []:
        _check_name("filter", field_of(one, "id"), _FILTERS)


def _check_chain(codecs: Any) -> None:
    if not isinstance(codecs, list):
        raise ExchangeError(f"codecs are {codecs!r:.60}; expected a list")
    for one in codecs:
        _check_name("codec", field_of(one, "name"), _CODECS)
        if field_of(one, "name") == "sharding_indexed":
            _check_chain(field_of(one, "configuration.codecs"))
            if (index := field_of(one, "configuration.index_codecs")) is not None:
                _check_chain(index)


def _check(what: str, value: Any, expected: re.Pattern[str]) -> None:
    if not isinstance(value, str) or not expected.fullmatch(value):
        raise ExchangeError(f"{what} is {value!r:.60}; expected one of whole numbers")


def _check_name(what: str, name: Any, known: set[str]) -> None:
    if not isinstance(name, str) or name not in known:
        raise ExchangeError(f"{what} is {name!r:.60}; expected one of {', '.join(sorted(known))}")


def is_blosc(meta: Any) -> bool:
    """Whether the chunks of an array of Zarr 2 are Blosc's, by its metadata."""
    return bool(field_of(field_of(meta, "compressor"), "id") == "blosc")


def check_blosc(chunk: bytes, n_bytes: int | None = None) -> None:
    """Check that a chunk of Blosc has as many bytes as it says.

    Parameters
    ----------
    chunk : bytes
    n_bytes : int, optional
        How many it may come to.

    Raises
    ------
    ExchangeError
        If it has not.
    """
    if len(chunk) < _BLOSC_HEAD.size:
        raise ExchangeError(f"a chunk of Blosc has {len(chunk)} bytes; expected at least 16")
    *_, n_decoded, _, stored = _BLOSC_HEAD.unpack_from(chunk)
    if stored != len(chunk):
        raise ExchangeError(f"a chunk of Blosc has {len(chunk)} bytes; its header says {stored}")
    if n_bytes is not None and n_decoded > n_bytes + _MOST_MORE:
        raise ExchangeError(f"a chunk of Blosc holds {n_decoded} bytes; expected {n_bytes}")
