"""What entries that were handed out together share, so that what is done for one serves all."""

from __future__ import annotations

import numpy as np

from iidindex.codec.reader import Ints
from iidindex.files.file_records import Records
from iidindex.masks.regions import Bool2D
from iidindex.model import IID, BBox


class Siblings:
    """Entries of one file, in the order in which they were handed out.

    Parameters
    ----------
    records : Records
    rows : ndarray of int64, shape (n,)

    Attributes
    ----------
    records : Records
    iids : list of IID, or None
        Of all rows, from when the first is asked for after all were loaded.
    heads : list of (BBox, int), or None
        Boxes and areas, likewise, from the second on.
    """

    __slots__ = ("_has_read_ahead", "_next", "_one_head", "_rows", "heads", "iids", "records")

    def __init__(self, records: Records, rows: Ints) -> None:
        self.records = records
        self.iids: list[IID] | None = None
        self.heads: list[tuple[BBox, int]] | None = None
        self._rows = rows
        self._one_head = False
        self._has_read_ahead = False
        # Position of the row behind the last one whose mask was asked for.
        self._next = 0

    def iid(self, row: int) -> IID:
        """The IID of a row; it alone is decoded, unless all are loaded."""
        records = self.records
        if records.iids_are_loaded:
            self.iids = records.iids
            return self.iids[row]
        part, local = records.locate(row)
        return part.iid(local)

    def head(self, row: int) -> tuple[BBox, int]:
        """Box and area of a row; they alone are decoded, unless all are loaded."""
        records = self.records
        # Whoever asks for masks alone asks for one box, that of the first.
        if self._one_head and records.segments_are_loaded:
            self.heads = records.heads
            return self.heads[row]
        self._one_head = True
        part, local = records.locate(row)
        return part.bbox_and_area(local)

    def read_ahead(self, row: int) -> Bool2D | None:
        """Decode the mask of a row and those behind it, if it seems that they are wanted in turn.

        One alone is not read ahead from: only from the second that is asked for in this order.

        Returns
        -------
        ndarray of bool, shape (height, width), or None
            None, if nothing was decoded. The masks behind it wait in `Records.ahead`.
        """
        records = self.records
        if records.ahead and self._has_read_ahead:
            return None  # What was handed out is asked for again, or the order is another.
        rows, nth = self._rows, self._next
        if not nth or nth >= len(rows) or rows[nth] != row:
            self._next = int(np.argmax(rows == row)) + 1
            return None
        part, local = records.locate(row)
        masks = part.masks_ahead(rows[nth:] - (row - local))
        self._next = nth + max(1, len(masks))
        self._has_read_ahead = bool(masks)
        records.ahead = dict(zip(rows[nth : self._next].tolist(), masks, strict=False))
        return records.ahead.pop(row, None)
