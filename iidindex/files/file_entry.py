"""What an IIDFile hands out: entries, and the segments behind them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from iidindex.files.file_records import Records
from iidindex.files.siblings import Siblings
from iidindex.masks.regions import Bool2D
from iidindex.model import IID, BBox, BBoxLike, BufLoc


class Segment:
    """The mask of an entry, and its place in the image; read when it is asked for.

    Attributes
    ----------
    key : int
    """

    __slots__ = ("_head", "_row", "_siblings", "key")

    def __init__(self, siblings: Siblings, row: int, key: int) -> None:
        self._siblings = siblings
        self._row = row
        self._head: tuple[BBox, int] | None = None
        self.key = key

    @property
    def bbox(self) -> BBox:
        """``(minr, minc, maxr, maxc)``, half-open, pixels, as given when it was added."""
        return self._load()[0]

    @property
    def area(self) -> int:
        """Pixels in the mask, as the file states it."""
        return self._load()[1]

    @property
    def bufloc(self) -> BufLoc:
        """Where the encoded segment lies, from the start of the file, in bytes."""
        part, row = self._siblings.records.locate(self._row)
        return BufLoc(int(part.lut.seg_offset[row]), int(part.lut.seg_length[row]))

    def mask(self, bbox: BBoxLike | None = None) -> Bool2D:
        """Decode the mask.

        Small ones that are asked for one after the other, in the order of the entries, are
        decoded many at a time and share memory: copy one that is to be kept alone for long.

        Parameters
        ----------
        bbox : sequence of int, optional
            ``(minr, minc, maxr, maxc)`` in image coordinates. Only the part of the mask that
            lies inside is decoded and returned.

        Returns
        -------
        ndarray of bool, shape (height, width)
            Of the segment's box, or of what it has in common with `bbox`. Yours to change.

        Raises
        ------
        IIDFormatError
            If the segment's regions are not valid.
        QueryError
            If `bbox` is not a box.
        """
        siblings, row = self._siblings, self._row
        crop = None
        if bbox is not None:
            crop = BBox.of(bbox)
        else:
            mask = siblings.records.ahead.pop(row, None)
            if mask is None:
                mask = siblings.read_ahead(row)
            if mask is not None:
                return mask
        part, local = siblings.records.locate(row)
        return part.mask(local, self.bbox, crop)

    def bbox_xywh(self, center: bool = False) -> tuple[float, float, int, int]:
        """The box as x, y, width and height; with `center`, x and y are its middle."""
        return self.bbox.xywh(center)

    def bbox_polygon(self) -> list[tuple[int, int]]:
        """The box's corners as (x, y), clockwise from the one of least row and column."""
        return self.bbox.polygon()

    def _load(self) -> tuple[BBox, int]:
        if self._head is None:
            heads = self._siblings.heads
            self._head = self._siblings.head(self._row) if heads is None else heads[self._row]
        return self._head

    def __reduce__(self) -> tuple[Callable[..., Segment], tuple[Records, int, int]]:
        return _segment_alone, (self._siblings.records, self._row, self.key)

    def __repr__(self) -> str:
        return f"Segment(key={self.key}, bbox={tuple(self.bbox)}, area={self.area})"


class Entry:
    """One row of a file's lookup table: an IID and a segment. Two of one row are equal.

    Attributes
    ----------
    key : int
        The key in the lookup table.
    row : int
        The position in the lookup table; the same number, in files of the founding program.
    """

    __slots__ = ("_iid", "_seg", "_siblings", "key", "row")

    def __init__(self, siblings: Siblings, row: int, key: int) -> None:
        self._siblings = siblings
        self.row = row
        self.key = key
        self._iid: IID | None = None
        self._seg: Segment | None = None

    @property
    def iid(self) -> IID:
        """The IID: ``entry.iid.address`` and ``entry.iid.domain``, bytes (or None)."""
        iids = self._siblings.iids
        if iids is not None:
            return iids[self.row]
        if self._iid is None:
            self._iid = self._siblings.iid(self.row)
        return self._iid

    @property
    def seg(self) -> Segment:
        """The segment: ``entry.seg.bbox``, ``.area``, ``.mask()``."""
        if self._seg is None:
            self._seg = Segment(self._siblings, self.row, self.key)
        return self._seg

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entry):
            return NotImplemented
        return self.row == other.row and self._siblings.records is other._siblings.records

    def __hash__(self) -> int:
        return hash((id(self._siblings.records), self.row))

    def __reduce__(self) -> tuple[Callable[..., Entry], tuple[Records, int, int]]:
        return _entry_alone, (self._siblings.records, self.row, self.key)

    def __repr__(self) -> str:
        return f"Entry(key={self.key}, iid={self.iid}, bbox={tuple(self.seg.bbox)})"


def _entry_alone(records: Records, row: int, key: int) -> Entry:
    return Entry(Siblings(records, np.array([row])), row, key)


def _segment_alone(records: Records, row: int, key: int) -> Segment:
    return Segment(Siblings(records, np.array([row])), row, key)
