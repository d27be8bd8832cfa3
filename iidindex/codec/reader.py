"""Decoding a ``.iid`` file from any buffer: checked once, then NumPy columns.

Every offset, length and count read from a file passes through this module and is checked here
before it is used; what leaves it may be indexed without a further check. No allocation is
larger than a small multiple of the buffer: sections may not overlap, and the records of a
section together may not be longer than the section.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.buffers import Bytes
from iidindex.codec import layout
from iidindex.errors import IIDFormatError
from iidindex.model import BBox, BufLoc
from iidindex.plural import counted

Ints = npt.NDArray[np.int64]


class Header(NamedTuple):
    """The 48 bytes that every file begins with. Buflocs count from the start of the file."""

    version: int
    rformat: int
    bufloc_lut: BufLoc
    bufloc_iids: BufLoc
    bufloc_meta: BufLoc
    bufloc_groups: BufLoc
    bufloc_segs: BufLoc

    @property
    def sections(self) -> tuple[BufLoc, BufLoc, BufLoc, BufLoc, BufLoc]:
        """The five sections in the order of ``layout.SECTIONS``."""
        return self[2:]


EMPTY_HEADER = Header(layout.VERSION, layout.RFORMAT, *[BufLoc(0, 0)] * 5)


# Made for every file that is opened; a frozen class takes many times as long to fill.
@dataclass(slots=True)
class Lut:
    """The lookup table as columns, one element per entry.

    Attributes
    ----------
    key : ndarray of int64, shape (n,)
        The key each row carries; in files of the founding program, the row's position.
    iid_offset, iid_length, seg_offset, seg_length : ndarray of int64, shape (n,)
        Where each record lies, from the start of the **file**, in bytes.
    """

    key: Ints
    iid_offset: Ints
    iid_length: Ints
    seg_offset: Ints
    seg_length: Ints

    def __len__(self) -> int:
        return len(self.key)


class IIDColumns(NamedTuple):
    """Where the bytes of every IID lie, from the start of the file: int64, shape (n,)."""

    domain_offset: Ints
    domain_length: Ints
    address_offset: Ints
    address_length: Ints

    @property
    def end(self) -> Ints:
        """Where the bytes of every IID end."""
        return self.address_offset + self.address_length


class SegmentColumns(NamedTuple):
    """The heads of the segments as columns.

    Attributes
    ----------
    key : ndarray of uint32, shape (n,)
        The key the segment itself carries.
    bbox : ndarray of uint16, shape (n, 4)
        ``(minr, minc, maxr, maxc)``, half-open, pixels.
    area : ndarray of uint32, shape (n,)
        Pixels, as the file states it.
    """

    key: npt.NDArray[np.uint32]
    bbox: npt.NDArray[np.uint16]
    area: npt.NDArray[np.uint32]


def read_header(data: Bytes) -> Header:
    """Decode and check the header of a whole file.

    Parameters
    ----------
    data : ndarray of uint8, shape (size,)
        The file. Only its first 48 bytes are read.

    Returns
    -------
    Header

    Raises
    ------
    IIDFormatError
        If the version is unknown, or sections reach outside the file or into each other.
    """
    return check_header(data[: layout.HEADER_SIZE].tobytes(), len(data))


def check_header(head: bytes, size: int) -> Header:
    """Decode and check the header of a file of `size` bytes from its first 48."""
    if len(head) < layout.HEADER_SIZE:
        raise IIDFormatError(
            f"the file has {counted(size, 'byte')}; expected at least the "
            f"{layout.HEADER_SIZE} of the header",
            section="header",
        )
    numbers = layout.HEADER.unpack(head)
    version, rformat = numbers[:2]
    if version != layout.VERSION:
        raise _header_error(
            f"version is {version}; expected {layout.VERSION}, as every .iid file has", 0
        )
    if rformat != layout.RFORMAT:
        raise _header_error(f"rformat is {rformat}; expected {layout.RFORMAT}", 4)
    # Without the constructor that a named tuple has in Python, of which little would be left.
    sections = [*map(tuple.__new__, repeat(BufLoc), zip(numbers[2::2], numbers[3::2], strict=True))]
    end = layout.HEADER_SIZE
    for offset, length in sections:
        if not length:
            continue
        if offset < end:
            _check_any_order(sections, size)
            break
        end = offset + length
    else:
        if end > size:
            _check_any_order(sections, size)
    return Header(version, rformat, *sections)


def _check_any_order(sections: list[BufLoc], size: int) -> None:
    """Check sections that do not follow the order of the header, or reach too far."""
    taken, taken_by = BufLoc(0, layout.HEADER_SIZE), "the header"
    for start, length, name in sorted(
        (where.offset, where.length, name)
        for where, name in zip(sections, layout.SECTIONS, strict=True)
        if where.length
    ):
        at = 8 + 8 * layout.SECTIONS.index(name)
        if start + length > size:
            raise _header_error(
                f"section {name} is bytes {start} to {start + length}; the file has {size}", at
            )
        if start < taken.end:
            raise _header_error(
                f"section {name} begins at byte {start}, inside {taken_by}, "
                f"which ends at byte {taken.end}",
                at,
            )
        taken, taken_by = BufLoc(start, length), f"section {name}"


def _header_error(problem: str, offset: int) -> IIDFormatError:
    return IIDFormatError(problem, section="header", offset=offset)


def read_lut(data: Bytes, header: Header) -> Lut:
    """Decode the lookup table and check where it points.

    Parameters
    ----------
    data : ndarray of uint8, shape (size,)
        The whole file.
    header : Header
        From the same file.

    Returns
    -------
    Lut

    Raises
    ------
    IIDFormatError
        If the table is not made of whole rows, a record is shorter than its head or reaches
        outside its section, the records of a section are longer together than the section, or
        two rows have the same key.
    """
    start, length = header.bufloc_lut
    n, rest = divmod(length, layout.LUT_ROW_SIZE)
    if rest:
        raise IIDFormatError(
            f"its {counted(length, 'byte is', 'bytes are')} not a whole number of "
            f"{layout.LUT_ROW_SIZE}-byte rows",
            section="lut",
            offset=start,
        )
    if n == 0:
        empty = np.empty(0, np.int64)
        return Lut(empty, empty, empty, empty, empty)
    table = data[start : start + length].view(_UINT32).reshape(n, len(layout.LUT_COLUMNS))
    columns = table.T.astype(np.int64, order="C")
    iids, segs = header.bufloc_iids, header.bufloc_segs
    # What is asked of both kinds of records is asked once: of IIDs, and of segments.
    offsets, lengths = columns[1::2], columns[2::2]
    ends = offsets + lengths
    if (
        np.count_nonzero(lengths < _LEAST)
        # One behind the other, as all programs known write them: the last one tells of all.
        or np.count_nonzero(ends[:, :-1] != offsets[:, 1:])
        or ends[0, -1] > iids.length
        or ends[1, -1] > segs.length
    ):
        for name, where, least, offset, size in zip(
            ("iids", "segs"), (iids, segs), _LEAST[:, 0].tolist(), offsets, lengths, strict=True
        ):
            if not _fit(offset, size, least, where):
                raise _lut_error(name, least, where, start, offset, size)
    key, iid_offset, iid_length, seg_offset, seg_length = columns
    if not is_range(key):
        _check_unique(key, start)
    iid_offset += iids.offset
    seg_offset += segs.offset
    return Lut(key, iid_offset, iid_length, seg_offset, seg_length)


_LEAST = np.array([[layout.IID_HEAD_SIZE], [layout.SEGMENT_HEAD_SIZE]])


def _fit(offset: Ints, length: Ints, least: int, section: BufLoc) -> bool:
    """Whether records have their least length and lie within their section, and so together."""
    if np.count_nonzero(length < least):
        return False
    return max(int((offset + length).max()), int(length.sum())) <= section.length


def is_range(keys: Ints) -> bool:
    """Whether every key equals its row, as in all files of the founding program."""
    return not np.count_nonzero(keys != np.arange(len(keys)))


def _check_unique(keys: Ints, start: int) -> None:
    order = np.argsort(keys, kind="stable")
    again = np.flatnonzero(np.diff(keys[order]) == 0)
    if len(again):
        first, row = order[again[0]], order[again[0] + 1]
        raise IIDFormatError(
            f"key {keys[row]} of row {row} is that of row {first}, too",
            section="lut",
            offset=start + int(row) * layout.LUT_ROW_SIZE,
        )


def _lut_error(
    section: str, least: int, limit: BufLoc, start: int, offsets: Ints, lengths: Ints
) -> IIDFormatError:
    """Name the first wrong row of a table that is known to be wrong."""
    column = "iid" if section == "iids" else "seg"
    bad = np.flatnonzero((lengths < least) | (offsets + lengths > limit.length))
    if not len(bad):
        return IIDFormatError(
            f"the {column} records are {int(lengths.sum())} bytes long together and so overlap; "
            f"section {section} has {limit.length}",
            section="lut",
            offset=start,
        )
    row = int(bad[0])
    found, end = int(lengths[row]), int(offsets[row] + lengths[row])
    problem = (
        f"has {counted(found, 'byte')}; expected at least {least}"
        if found < least
        else f"ends at byte {end} of section {section}, which has {limit.length}"
    )
    return IIDFormatError(
        f"the {column} record of row {row} {problem}",
        section="lut",
        offset=start + row * layout.LUT_ROW_SIZE,
    )


def heads_at(data: Bytes, offsets: Ints, head: np.dtype[np.void]) -> npt.NDArray[np.void]:
    """Gather one packed record at each byte offset; the offsets must be checked before.

    A view with a stride of one byte makes every offset an index, so that one fancy index
    copies whole records: as plain bytes, since NumPy copies a record field by field.
    """
    size = head.itemsize
    every = np.ndarray((len(data) - size + 1,), _PLAIN[size], data, strides=(1,))
    return every[offsets].view(head)


_UINT32 = np.dtype("<u4")
_PLAIN = {
    head.itemsize: np.dtype((np.void, head.itemsize))
    for head in (layout.IID_HEAD, layout.SEGMENT_HEAD, layout.REGION_HEAD)
}


def read_iids(data: Bytes, lut: Lut) -> IIDColumns:
    """Decode the heads of the IIDs that `lut` points to.

    Parameters
    ----------
    data : ndarray of uint8, shape (size,)
        The whole file.
    lut : Lut
        From the same file: all rows, or any choice of them.

    Returns
    -------
    IIDColumns

    Raises
    ------
    IIDFormatError
        If a record's domain and address do not fill it exactly.
    """
    if not len(lut):
        empty = np.empty(0, np.int64)
        return IIDColumns(empty, empty, empty, empty)
    head = heads_at(data, lut.iid_offset, layout.IID_HEAD)
    # Its fields are of one type: converted together, and without those of a record.
    _, domain_length, address_length = head.view(_UINT32).reshape(-1, 3).T.astype(np.int64)
    domain_offset = lut.iid_offset + layout.IID_HEAD_SIZE
    address_offset = domain_offset + domain_length
    wrong = domain_length + address_length != lut.iid_length - layout.IID_HEAD_SIZE
    if np.count_nonzero(wrong):
        row = int(np.argmax(wrong))
        raise IIDFormatError(
            f"the record of key {lut.key[row]} has "
            f"{counted(lut.iid_length[row], 'byte')}; its head of {layout.IID_HEAD_SIZE}, "
            f"its domain of {domain_length[row]} and its address of {address_length[row]} make "
            f"{layout.IID_HEAD_SIZE + domain_length[row] + address_length[row]}",
            section="iids",
            offset=int(lut.iid_offset[row]),
        )
    return IIDColumns(domain_offset, domain_length, address_offset, address_length)


def read_segments(data: Bytes, lut: Lut) -> SegmentColumns:
    """Decode the heads of the segments that `lut` points to; no mask is touched.

    Parameters
    ----------
    data : ndarray of uint8, shape (size,)
        The whole file.
    lut : Lut
        From the same file: all rows, or any choice of them.

    Returns
    -------
    SegmentColumns

    Raises
    ------
    IIDFormatError
        If a bounding box is reversed, or an area is larger than its box.
    """
    if not len(lut):
        return SegmentColumns(
            np.empty(0, np.uint32), np.empty((0, 4), np.uint16), np.empty(0, np.uint32)
        )
    head = heads_at(data, lut.seg_offset, layout.SEGMENT_HEAD)
    columns = SegmentColumns(head["key"], head["bbox"], head["area"])
    check_segments(columns.bbox, columns.area, lut.key, lut.seg_offset)
    return columns


def are_wrong(bbox: npt.NDArray[np.uint16], area: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Which boxes are reversed, or have an area that does not fit them."""
    minr, minc, maxr, maxc = bbox.T.astype(np.uint32, order="C")
    height, width = maxr - minr, maxc - minc
    # What is negative becomes more than any coordinate; of other boxes, the pixels fit a uint32.
    wrong: npt.NDArray[np.bool_] = (height | width) > layout.MAX_COORDINATE
    wrong |= area > height * width
    return wrong


def check_segments(
    bbox: npt.NDArray[np.uint16], area: npt.NDArray[np.uint32], key: Ints, offset: Ints
) -> None:
    """Refuse boxes that are reversed and areas that do not fit their box."""
    if not len(bbox):
        return
    wrong = are_wrong(bbox, area)
    if not np.count_nonzero(wrong):
        return
    row = int(np.argmax(wrong))
    box = BBox(*bbox[row].tolist())
    problem = (
        f"bbox {tuple(box)} is reversed; expected minr <= maxr and minc <= maxc"
        if min(box.height, box.width) < 0
        else f"area is {area[row]}; its bbox {tuple(box)} has {counted(box.n_pixels, 'pixel')}"
    )
    raise IIDFormatError(
        f"the segment of key {key[row]}: {problem}", section="segs", offset=int(offset[row])
    )
