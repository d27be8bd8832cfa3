"""Scanning many small files with the calls that one of them takes.

A file of a hundred entries is some seventy array calls, which take nearly as long for one entry
as for thousands. Small files are read whole and laid one behind the other; their tables are then
decoded and checked together, with offsets that are shifted. Only what is plain is taken here:
files as all programs known write them. A file in which anything is odd or wrong is left to
`scan`, which takes it alone and says what is wrong with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.buffers import as_bytes
from iidindex.codec import layout
from iidindex.codec.attributes import list_groups, parse_meta
from iidindex.codec.reader import Ints, Lut, are_wrong, heads_at
from iidindex.columns import FileColumns
from iidindex.errors import IIDFormatError
from iidindex.files.frame_size import size_of
from iidindex.files.scan import as_json, is_small
from iidindex.iidwords import IIDRecords
from iidindex.model import BufLoc, FileStamp
from iidindex.storage.places import storage_at

# So many small files are decoded together: they are two mebibytes at most.
TOGETHER = 64

# Where the sections of a file begin, and where they end.
_Places = tuple[list[int], list[int]]


class _Whole(NamedTuple):
    """A small file that was read."""

    stamp: FileStamp
    raw: bytes


class _OddFilesError(Exception):
    """Some files are to be scanned by themselves; `plain` says of each whether it is not."""

    def __init__(self, plain: Sequence[bool]) -> None:
        super().__init__()
        self.plain = plain


class _Said(NamedTuple):
    """What is decoded of each file by itself: metadata as JSON, the frame, and the groups."""

    meta: str
    frame: tuple[int, int] | None
    names: list[str]
    keys: list[bytes]


def scan_together(locations: Sequence[str]) -> list[FileColumns | None]:
    """Read what the catalogue needs of some files, those that are small and plain.

    Parameters
    ----------
    locations : sequence of str
        No more than `TOGETHER`.

    Returns
    -------
    list of FileColumns or None
        None for each that is to be scanned by itself; what is wrong with it, if anything is, is
        found there.
    """
    found: list[FileColumns | None] = [None] * len(locations)
    read = [(nth, whole) for nth, at in enumerate(locations) if (whole := _read(at)) is not None]
    while read:
        try:
            decoded = _decoded([whole for _, whole in read])
        except _OddFilesError as left_out:
            # The others are taken anew, without those.
            read = [one for one, keep in zip(read, left_out.plain, strict=True) if keep]
            continue
        for (nth, _), columns in zip(read, decoded, strict=True):
            found[nth] = columns
        break
    return found


def _read(location: str) -> _Whole | None:
    """Read a file whole, if it is small."""
    try:
        with storage_at(location).open(location) as source:
            size = source.stamp.size
            if size < layout.HEADER_SIZE or not is_small(size):
                return None
            raw = source.read(0, size)
            return _Whole(source.stamp, raw) if len(raw) == size and source.is_current() else None
    except OSError:
        return None


def _decoded(files: Sequence[_Whole]) -> list[FileColumns]:
    """The columns of all files.

    Raises
    ------
    _OddFilesError
        If some are odd or wrong.
    """
    start, length = _sections(files)
    end = start + length
    places = list(zip(start.tolist(), end.tolist(), strict=True))
    count = length[:, 0] // layout.LUT_ROW_SIZE
    first = np.cumsum(count) - count
    file_of = np.repeat(np.arange(len(files)), count)
    lut = _tables(files, places, file_of, first, length)

    size = np.array([len(file.raw) for file in files])
    # Where each file begins among all.
    base_of = (np.cumsum(size) - size)[file_of]
    iids_of, segs_of = start[file_of, 1], start[file_of, 4]
    data = as_bytes(b"".join([file.raw for file in files]))
    at = lut.iid_offset + iids_of + base_of
    iid_head = heads_at(data, at, layout.IID_HEAD).view("<u4").reshape(-1, 3).astype(np.int64)
    wrong = iid_head[:, 1] + iid_head[:, 2] != lut.iid_length - layout.IID_HEAD_SIZE
    offset = lut.seg_offset + segs_of
    heads = heads_at(data, offset + base_of, layout.SEGMENT_HEAD)
    bbox, area = np.ascontiguousarray(heads["bbox"]), np.ascontiguousarray(heads["area"])
    wrong |= are_wrong(bbox, area)
    _leave_out(wrong, file_of, len(files))

    said = _all_said(files, places)
    # A frame that is not stated is larger than all.
    frame = np.array([one.frame or (layout.MAX_COORDINATE,) * 2 for one in said])
    reaches = np.maximum.reduceat(bbox[:, 2:], first)
    outside = (reaches[:, 0] > frame[:, 0]) | (reaches[:, 1] > frame[:, 1])
    _leave_out(outside, np.arange(len(files)), len(files))
    groups = _groups(said, count)

    # A packed IID is what lies behind the key in its record.
    key_size = layout.IID_HEAD["key"].itemsize
    packed, packed_length = lut.iid_offset + key_size, lut.iid_length - key_size
    found = []
    last = (first + count).tolist()
    for nth, (low, high) in enumerate(zip(first.tolist(), last, strict=True)):
        (stamp, raw), (begins, ends), rows = files[nth], places[nth], slice(low, high)
        found.append(
            FileColumns(
                stamp=stamp,
                digest=_digest(raw, begins, ends, heads[rows]),
                sections=tuple(map(BufLoc, begins, length[nth].tolist())),
                meta=said[nth].meta,
                key=lut.key[rows],
                bbox=bbox[rows],
                area=area[rows],
                offset=offset[rows],
                length=lut.seg_length[rows],
                iids=IIDRecords(
                    as_bytes(raw[begins[1] : ends[1]]), packed[rows], packed_length[rows]
                ),
                groups=groups[nth],
            )
        )
    return found


def _sections(files: Sequence[_Whole]) -> tuple[Ints, Ints]:
    """Where the sections lie: offset and length, a row for each file, a column for each section.

    Those of a plain file follow each other in the order of the header, and none is empty.
    """
    heads = b"".join([file.raw[: layout.HEADER_SIZE] for file in files])
    numbers = np.frombuffer(heads, "<u4").reshape(len(files), -1).astype(np.int64)
    start, length = numbers[:, 2::2], numbers[:, 3::2]
    end = start + length
    wrong = (numbers[:, :2] != (layout.VERSION, layout.RFORMAT)).any(axis=1)
    wrong |= (length == 0).any(axis=1)
    wrong |= start[:, 0] < layout.HEADER_SIZE
    wrong |= (start[:, 1:] < end[:, :-1]).any(axis=1)
    wrong |= end[:, -1] > [len(file.raw) for file in files]
    wrong |= length[:, 0] % layout.LUT_ROW_SIZE != 0
    _leave_out(wrong, np.arange(len(files)), len(files))
    return start, length


def _tables(
    files: Sequence[_Whole], places: Sequence[_Places], file_of: Ints, first: Ints, length: Ints
) -> Lut:
    """The lookup tables of all files; offsets count from the beginning of their sections.

    In that of a plain file, every key is its row, and records follow each other from the
    beginning of their section.
    """
    tables = [file.raw[at[0] : to[0]] for file, (at, to) in zip(files, places, strict=True)]
    table = np.frombuffer(b"".join(tables), "<u4").reshape(-1, len(layout.LUT_COLUMNS))
    lut = Lut(*table.T.astype(np.int64, order="C"))
    wrong = lut.key != np.arange(len(lut)) - first[file_of]
    last = np.append(first[1:], len(lut)) - 1
    for offset, size, least, section in (
        (lut.iid_offset, lut.iid_length, layout.IID_HEAD_SIZE, 1),
        (lut.seg_offset, lut.seg_length, layout.SEGMENT_HEAD_SIZE, 4),
    ):
        before = np.cumsum(size) - size
        wrong |= size < least
        wrong |= offset != before - before[first][file_of]
        wrong[last] |= (offset + size)[last] > length[:, section]
    _leave_out(wrong, file_of, len(files))
    return lut


def _all_said(files: Sequence[_Whole], places: Sequence[_Places]) -> list[_Said]:
    """Metadata and groups of all files."""
    said = [_said(file.raw, *place) for file, place in zip(files, places, strict=True)]
    known = [one for one in said if one is not None]
    if len(known) < len(said):
        raise _OddFilesError([one is not None for one in said])
    return known


def _said(raw: bytes, start: Sequence[int], end: Sequence[int]) -> _Said | None:
    """Metadata and the list of groups of one file; None if something is wrong with them."""
    try:
        meta = parse_meta(raw[start[2] : end[2]], start[2])
        listed = raw[start[3] : end[3]]
        where, begin = list_groups(listed, start[3])
        names = [name for name, _, _ in where]
        if len(set(names)) < len(names):
            return None
        keys = [listed[begin + offset : begin + offset + size] for _, offset, size in where]
        return _Said(as_json(meta, start[2]), size_of(meta), names, keys)
    except IIDFormatError:
        return None


def _groups(said: Sequence[_Said], count: Ints) -> list[dict[str, Ints]]:
    """The rows of each group of each file, which in a plain file are ascending."""
    arrays = [keys for one in said for keys in one.keys]
    size = np.array([len(keys) for keys in arrays], np.int64) // layout.GROUP_KEY.itemsize
    rows = np.frombuffer(b"".join(arrays), layout.GROUP_KEY).astype(np.int64)
    file_of_array = np.repeat(np.arange(len(said)), [len(one.keys) for one in said])
    array_of = np.repeat(np.arange(len(arrays)), size)
    file_of = file_of_array[array_of]
    wrong = rows >= count[file_of]
    wrong[1:] |= (rows[1:] <= rows[:-1]) & (array_of[1:] == array_of[:-1])
    _leave_out(wrong, file_of, len(said))
    bounds = np.cumsum([0, *size.tolist()]).tolist()
    parts = iter([rows[low:high] for low, high in pairwise(bounds)])
    return [dict(zip(one.names, islice(parts, len(one.names)), strict=True)) for one in said]


def _digest(
    raw: bytes, start: Sequence[int], end: Sequence[int], heads: npt.NDArray[np.void]
) -> bytes:
    """As that of `scan`: of the header, all sections but the masks, and the heads of those."""
    digest = hashlib.blake2b(raw[: layout.HEADER_SIZE], digest_size=16)
    for low, high in zip(start[:-1], end[:-1], strict=True):
        digest.update(raw[low:high])
    digest.update(heads.view(np.uint8).data)
    return digest.digest()


def _leave_out(wrong: npt.NDArray[np.bool_], file_of: Ints, n_files: int) -> None:
    if np.count_nonzero(wrong):
        raise _OddFilesError((np.bincount(file_of[wrong], minlength=n_files) == 0).tolist())
