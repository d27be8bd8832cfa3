"""Segments that were added and are encoded many at a time."""

from __future__ import annotations

from iidindex.codec.encode import encode_segment, encode_segments
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

# Masks up to so many pixels wait for others: the smaller they are, the more of their time is
# that of calls that could serve many. They wait until they fill a canvas of so many pixels.
_SMALL = 1 << 12
_CANVAS = 1 << 16


class Pending:
    """Segments in the order in which they were added; the last small ones still as masks."""

    def __init__(self) -> None:
        self._encoded: list[bytes] = []
        # Those that wait, and where their records belong.
        self._places: list[int] = []
        self._keys: list[int] = []
        self._boxes: list[BBox] = []
        self._masks: list[Bool2D] = []
        self._height = self._width = 0

    def append(self, key: int, bbox: BBox, mask: Bool2D) -> None:
        """Add a segment, checked by `check_segment`; the mask is copied."""
        if mask.size > _SMALL:
            self._encoded.append(encode_segment(key, bbox, mask))
            return
        height, width = mask.shape
        if (self._height + height + 1) * (max(self._width, width) + 1) > _CANVAS:
            self._encode()
        copy = mask.copy()
        self._places.append(len(self._encoded))
        self._encoded.append(b"")
        self._keys.append(key)
        self._boxes.append(bbox)
        self._masks.append(copy)
        self._height += height + 1
        self._width = max(self._width, width)

    def encoded(self) -> list[bytes]:
        """The records of all segments."""
        self._encode()
        return self._encoded

    def _encode(self) -> None:
        if not self._masks:
            return
        records = encode_segments(self._keys, self._boxes, self._masks)
        for place, record in zip(self._places, records, strict=True):
            self._encoded[place] = record
        self._places, self._keys, self._boxes, self._masks = [], [], [], []
        self._height = self._width = 0
