"""One path to the columns the catalogue needs: no mask is decoded, and few are read.

A memory map would be simpler, but a process that touches a map of a file which another has
just cut short is killed. Here the file is read, so that it ends as an error instead.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.buffers import Bytes, as_bytes
from iidindex.codec import layout
from iidindex.codec.attributes import read_groups, read_meta
from iidindex.codec.reader import (
    Header,
    Ints,
    Lut,
    check_header,
    check_segments,
    heads_at,
    is_range,
    read_iids,
    read_lut,
)
from iidindex.columns import FileColumns
from iidindex.errors import IIDFormatError, SourceError, StaleFileError
from iidindex.files.every_byte import Read, checked_segments, hashed
from iidindex.files.frame_size import size_of
from iidindex.files.metadata import without_nan
from iidindex.files.part import naming
from iidindex.iidwords import IIDRecords
from iidindex.storage.places import storage_at
from iidindex.storage.protocol import Source


def scan(path: str | os.PathLike[str], *, fixity: bool = False) -> FileColumns:
    """Read what the catalogue needs of one file.

    Parameters
    ----------
    path : path-like
        Or the URL of a storage that is known.
    fixity : bool
        Read all bytes, for a BLAKE2b of the file and a checksum of each segment.

    Returns
    -------
    FileColumns

    Raises
    ------
    IIDFormatError
        If the file is not a valid ``.iid`` file.
    SourceNotFoundError, SourceError
        If it is not there, cannot be read, or changes each of the two times it is read.
    """
    location = os.fsdecode(path)
    storage = storage_at(location)
    for _ in range(2):
        with storage.open(location) as source:
            try:
                found = _scanned(source, fixity)
            except StaleFileError:
                continue
            if source.is_current():
                if isinstance(found, IIDFormatError):
                    raise found
                return found
    raise SourceError(f"{location}: changes while it is being read")


def _scanned(source: Source, fixity: bool) -> FileColumns | IIDFormatError:
    try:
        with naming(source.name):
            return _scan(source, fixity)
    except IIDFormatError as error:
        # Damage may only mean that somebody is still writing the file.
        return error


def _scan(source: Source, fixity: bool = False) -> FileColumns:
    size = source.stamp.size
    read = _reader(source)
    header = check_header(read(0, layout.HEADER_SIZE), size)
    # All sections but the masks, in one read: the founding program writes them first.
    front_end = max((where.end for where in header.sections[:-1] if where.length), default=0)
    front = as_bytes(read(0, max(layout.HEADER_SIZE, min(front_end, size))))
    if len(front) < min(front_end, size):
        raise IIDFormatError(f"ends at byte {len(front)}; its size was {size}")
    lut = _by_key(read_lut(front, header))
    heads = _segment_heads(read, lut)
    meta = read_meta(front, header)
    _check_frame(size_of(meta), heads["bbox"], lut)
    return FileColumns(
        stamp=source.stamp,
        digest=_digest(front, header, heads),
        sections=header.sections,
        meta=as_json(meta, header.bufloc_meta.offset),
        key=lut.key,
        bbox=np.ascontiguousarray(heads["bbox"]),
        area=np.ascontiguousarray(heads["area"]),
        offset=lut.seg_offset,
        length=lut.seg_length,
        iids=_iid_records(front, header, lut),
        groups=_rows_of_groups(read_groups(front, header, lut.key), lut.key),
        fixity=hashed(read, size) if fixity else None,
        checksum=checked_segments(read, lut, heads, _spans(lut)) if fixity else None,
    )


def _check_frame(frame: tuple[int, int] | None, bbox: npt.NDArray[np.uint16], lut: Lut) -> None:
    """Refuse a box that reaches outside of the frame that the metadata state."""
    if frame is None:
        return
    outside = np.flatnonzero((bbox[:, 2] > frame[0]) | (bbox[:, 3] > frame[1]))
    if len(outside):
        row = int(outside[0])
        raise IIDFormatError(
            f"the segment of key {lut.key[row]}: bbox {tuple(bbox[row].tolist())} reaches outside "
            f"the frame of height {frame[0]} and width {frame[1]} that the metadata state",
            section="segs",
            offset=int(lut.seg_offset[row]),
        )


def fixity_of(location: str) -> bytes:
    """BLAKE2b of all bytes of a file, 32 bytes.

    Raises
    ------
    SourceNotFoundError, SourceError
        If it is not there or cannot be read.
    """
    with storage_at(location).open(location) as source:
        return hashed(source.read, source.stamp.size)


def _reader(source: Source) -> Read:
    """What reads from a file: a small one is read only once, with its masks."""
    if not is_small(source.stamp.size):
        return source.read
    whole = source.read(0, source.stamp.size)
    return lambda offset, length: whole[offset : offset + length]


def _by_key(lut: Lut) -> Lut:
    """Put rows into the order of their keys, which they have in all but odd files."""
    if is_range(lut.key):
        return lut
    order = np.argsort(lut.key, kind="stable")
    columns = (lut.key, lut.iid_offset, lut.iid_length, lut.seg_offset, lut.seg_length)
    return Lut(*(column[order] for column in columns))


# A range of the file is read whole if its masks are no longer than this on the average;
# above it, only their heads are. A range is no longer than the second number.
_DENSE = 1 << 14
_SPAN = 1 << 22
# Files no longer than this are read whole.
_SMALL = 1 << 15


def is_small(size: int) -> bool:
    """Whether a file of so many bytes is read whole."""
    return size <= _SMALL


def _segment_heads(read: Read, lut: Lut) -> npt.NDArray[np.void]:
    """Read and check the heads of all segments, leaving out the masks where that saves work."""
    heads = np.empty(len(lut), layout.SEGMENT_HEAD)
    for rows in _spans(lut):
        offset = lut.seg_offset[rows]
        base, last = int(offset[0]), int(offset[-1]) + layout.SEGMENT_HEAD_SIZE
        if last - base <= _DENSE * len(rows):
            data = read(base, last - base)
            at = offset - base
        else:
            data = b"".join(read(start, layout.SEGMENT_HEAD_SIZE) for start in offset.tolist())
            at = np.arange(len(rows)) * layout.SEGMENT_HEAD_SIZE
        expected = int(at[-1]) + layout.SEGMENT_HEAD_SIZE
        if len(data) != expected:
            raise IIDFormatError(
                f"{expected} bytes of segments were expected and {len(data)} found",
                section="segs",
                offset=base,
            )
        heads[rows] = heads_at(as_bytes(data), at, layout.SEGMENT_HEAD)
    check_segments(heads["bbox"], heads["area"], lut.key, lut.seg_offset)
    return heads


def _spans(lut: Lut) -> Iterator[Ints]:
    """Rows in the order of their segments' offsets, cut into ranges of bounded length."""
    offset = lut.seg_offset
    is_ordered = np.count_nonzero(offset[1:] < offset[:-1]) == 0
    order = np.arange(len(lut)) if is_ordered else np.argsort(offset, kind="stable")
    offset = offset[order]
    low = 0
    while low < len(order):
        high = int(np.searchsorted(offset, offset[low] + _SPAN))
        yield order[low:high]
        low = high


def _iid_records(front: Bytes, header: Header, lut: Lut) -> IIDRecords:
    read_iids(front, lut)  # for its checks
    where = header.bufloc_iids
    key_size = layout.IID_HEAD["key"].itemsize
    return IIDRecords(
        front[where.offset : where.end],
        lut.iid_offset + (key_size - where.offset),
        lut.iid_length - key_size,
    )


def _rows_of_groups(groups: dict[str, Ints], key: Ints) -> dict[str, Ints]:
    if is_range(key):
        return groups
    order = np.argsort(key)
    ascending = key[order]
    return {name: np.sort(order[np.searchsorted(ascending, keys)]) for name, keys in groups.items()}


def _digest(front: Bytes, header: Header, heads: npt.NDArray[np.void]) -> bytes:
    digest = hashlib.blake2b(front[: layout.HEADER_SIZE].data, digest_size=16)
    for where in header.sections[:-1]:
        digest.update(front[where.offset : where.end].data)
    digest.update(heads.view(np.uint8).data)
    return digest.digest()


def as_json(meta: Any, offset: int) -> str:
    """Write the metadata as JSON that every database reads.

    Python reads the words NaN and Infinity, which JSON does not have. What has such a value is
    left out, as if it were not said: null would be found by those who ask for null. In a list,
    where a question does not reach, null keeps the places of the others.
    """
    try:
        try:
            return json.dumps(meta, allow_nan=False)
        except ValueError:
            return json.dumps(without_nan(meta))
    except RecursionError:
        raise IIDFormatError(
            "JSON is nested too deeply to read", section="meta", offset=offset
        ) from None
