"""Records in one buffer and their columns, decoded when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import repeat

import numpy as np

from iidindex.buffers import Bytes, as_bytes, bytes_behind
from iidindex.codec import layout
from iidindex.codec.decode import decode_ahead, decode_mask, decode_masks, rows_ahead
from iidindex.codec.reader import (
    Header,
    IIDColumns,
    Ints,
    Lut,
    SegmentColumns,
    is_range,
    read_iids,
    read_lut,
    read_segments,
)
from iidindex.codec.region_table import RegionTable, read_regions
from iidindex.errors import IIDFormatError
from iidindex.masks.regions import Bool2D
from iidindex.model import IID, BBox
from iidindex.storage.protocol import Source


class naming:  # noqa: N801  (it is read as a verb: with naming(file): ...)
    """Let format errors from within say which file they are about.

    A class, since a generator costs as much as decoding a small file's header.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, IIDFormatError) and error.source is None:
            raise error.in_file(self._name) from None


class Part:
    """A buffer with records in it, and the table that says where.

    A loaded file is one part; the entries added since are another. Columns of the whole part
    are decoded together; the first question about a single row decodes that row alone.

    Parameters
    ----------
    data : ndarray of uint8
    lut : Lut
    name : str
        The file, for errors.
    check : callable, optional
        Called before the buffer is read; raises an error if it is not whole any more.
    """

    def __init__(
        self, data: Bytes, lut: Lut, name: str, check: Callable[[], object] | None = None
    ) -> None:
        self._data = data
        self._check = check
        self.lut = lut
        self.name = name

    @classmethod
    def of_file(cls, source: Source, header: Header) -> Part:
        """Take the records of a whole file."""
        data = source.data()
        with naming(source.name):
            return cls(data, read_lut(data, header), source.name, source.check_whole)

    @property
    def data(self) -> Bytes:
        """The buffer, which is to be read now rather than kept."""
        if self._check is not None:
            self._check()
        return self._data

    @classmethod
    def of_records(
        cls, first_key: int, iids: Sequence[bytes], segs: Sequence[bytes], name: str
    ) -> Part:
        """Take encoded records that are in no file yet; their keys count from `first_key`."""
        # Reading the bits of a region looks at some bytes before them, which a segment's own
        # head provides.
        data = as_bytes(b"".join([*iids, *segs]))
        lengths = np.array([*map(len, iids), *map(len, segs)], np.int64)
        offsets = np.cumsum(lengths) - lengths
        n = len(iids)
        keys = np.arange(first_key, first_key + n)
        return cls(data, Lut(keys, offsets[:n], lengths[:n], offsets[n:], lengths[n:]), name)

    def __len__(self) -> int:
        return len(self.lut)

    @cached_property
    def keys_are_rows(self) -> bool:
        """Whether every key is its row in the file."""
        return is_range(self.lut.key)

    @cached_property
    def iid_columns(self) -> IIDColumns:
        """Where the bytes of all IIDs lie."""
        with naming(self.name):
            return read_iids(self.data, self.lut)

    @cached_property
    def segments(self) -> SegmentColumns:
        """The heads of all segments."""
        with naming(self.name):
            return read_segments(self.data, self.lut)

    @cached_property
    def _view(self) -> memoryview:
        return self._data.data

    @cached_property
    def iid_bytes(self) -> tuple[bytes, int]:
        """Bytes in which all IIDs are, copied from the buffer if need be, and where they begin."""
        columns = self.iid_columns
        if (whole := bytes_behind(self.data)) is not None:
            return whole, 0
        if not len(columns.domain_offset):
            return b"", 0
        low = int(np.minimum.reduce(columns.domain_offset))
        high = int(np.maximum.reduce(columns.end))
        return self.data[low:high].tobytes(), low

    @property
    def iids_are_loaded(self) -> bool:
        """Whether the bytes of all IIDs are at hand."""
        return "iid_bytes" in self.__dict__

    @cached_property
    def iids(self) -> list[IID]:
        """All IIDs."""
        columns = self.iid_columns
        # One copy of the section makes every slice a bytes object at once.
        raw, low = self.iid_bytes
        starts = (columns.domain_offset - low).tolist()
        middles = (columns.address_offset - low).tolist()
        stops = (columns.end - low).tolist()
        domains = [raw[start:stop] or None for start, stop in zip(starts, middles, strict=True)]
        addresses = [raw[start:stop] for start, stop in zip(middles, stops, strict=True)]
        # What the constructors check is so; made this way, they take a third of the time.
        return [*map(tuple.__new__, repeat(IID), zip(domains, addresses, strict=True))]

    def iid(self, row: int) -> IID:
        """The IID of one row; no other is decoded."""
        with naming(self.name):
            where = read_iids(self.data, _rows_of(self.lut, slice(row, row + 1)))
        start, middle = int(where.domain_offset[0]), int(where.address_offset[0])
        end = middle + int(where.address_length[0])
        return IID(bytes(self._view[start:middle]), bytes(self._view[middle:end]))

    @property
    def segments_are_loaded(self) -> bool:
        """Whether the heads of all segments are at hand."""
        return "segments" in self.__dict__

    @cached_property
    def heads(self) -> list[tuple[BBox, int]]:
        """Boxes and areas of all segments."""
        bbox, area = self.segments.bbox.tolist(), self.segments.area.tolist()
        return list(zip(map(tuple.__new__, repeat(BBox), bbox), area, strict=True))

    def bbox_and_area(self, row: int) -> tuple[BBox, int]:
        """The head of one segment; no other is decoded."""
        if self.segments_are_loaded:
            box = self.segments.bbox[row].tolist()
            return tuple.__new__(BBox, box), int(self.segments.area[row])
        with naming(self.name):
            head = read_segments(self.data, _rows_of(self.lut, slice(row, row + 1)))
        return BBox(*head.bbox[0].tolist()), int(head.area[0])

    def regions(self, rows: Ints) -> RegionTable:
        """The regions of the segments of some rows."""
        lut, bbox = self.lut, self.segments.bbox
        with naming(self.name):
            return read_regions(self.data, lut.seg_offset[rows], lut.seg_length[rows], bbox[rows])

    def mask(self, row: int, bbox: BBox, crop: BBox | None) -> Bool2D:
        """The mask of one segment whose box is `bbox`, or the part of it inside `crop`."""
        offset, length = int(self.lut.seg_offset[row]), int(self.lut.seg_length[row])
        with naming(self.name):
            return decode_mask(self.data, offset, length, bbox, crop)

    def masks(self, rows: Ints) -> Iterator[Bool2D]:
        """The masks of some segments, many decoded at a time."""
        lut, bbox = self.lut, self.segments.bbox
        with naming(self.name):
            yield from decode_masks(
                self.data, lut.seg_offset[rows], lut.seg_length[rows], bbox[rows]
            )

    def masks_ahead(self, rows: Ints) -> list[Bool2D]:
        """Masks of the first of some rows, decoded together; none, if that would gain nothing.

        It is no error if a row is not in this part, or its segment is not valid: then none is
        decoded, and whoever asks for that mask alone is told.
        """
        inside = (rows >= 0) & (rows < len(self))
        if not inside.all():
            rows = rows[: int(np.argmin(inside))]
        rows = rows[: rows_ahead(self.lut.seg_length[rows])]
        if not len(rows):
            return []
        # Most often they are neighbours, which need not be gathered.
        low, high = int(rows[0]), int(rows[-1]) + 1
        are_neighbours = high - low == len(rows) and not np.count_nonzero(rows[1:] <= rows[:-1])
        chosen = slice(low, high) if are_neighbours else rows
        lut = _rows_of(self.lut, chosen)
        data = self.data
        try:
            bbox = (
                self.segments.bbox[chosen]
                if self.segments_are_loaded
                else read_segments(data, lut).bbox
            )
            return decode_ahead(data, lut.seg_offset, lut.seg_length, bbox)
        except IIDFormatError:
            return []

    def records(self, section: str) -> list[bytes]:
        """The encoded records of section ``iids`` or ``segs``, in order.

        Neighbours in the buffer come in one piece.
        """
        lut = self.lut
        offset, length = (
            (lut.iid_offset, lut.iid_length)
            if section == layout.SECTIONS[1]
            else (lut.seg_offset, lut.seg_length)
        )
        if not len(offset):
            return []
        end = offset + length
        opens = np.flatnonzero(np.append(True, offset[1:] != end[:-1]))
        closes = np.append(opens[1:], len(offset)) - 1
        data = self.data
        return [
            data[start:stop].tobytes()
            for start, stop in zip(offset[opens].tolist(), end[closes].tolist(), strict=True)
        ]


def _rows_of(lut: Lut, rows: slice | Ints) -> Lut:
    return Lut(
        lut.key[rows],
        lut.iid_offset[rows],
        lut.iid_length[rows],
        lut.seg_offset[rows],
        lut.seg_length[rows],
    )
