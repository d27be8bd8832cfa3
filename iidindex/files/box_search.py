"""Spatial questions within one file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iidindex.codec.layout import MAX_COORDINATE
from iidindex.codec.reader import Ints
from iidindex.files.part import Part
from iidindex.masks.boxes import BoxIndex
from iidindex.masks.intersections import overlapping
from iidindex.masks.measure import any_in
from iidindex.masks.regions import Regions, join, pixel_in
from iidindex.model import BBox

# All pixels that the format can name; a question may reach beyond.
_PLANE = BBox(0, 0, MAX_COORDINATE, MAX_COORDINATE)


class SegmentSpace:
    """The segments of one file in the plane of its picture.

    Parameters
    ----------
    parts : sequence of Part
        Rows count through them in this order.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        bbox = [part.segments.bbox for part in parts]
        self._first_row = np.cumsum([0, *map(len, bbox)])
        self._boxes = BoxIndex(np.concatenate([np.empty((0, 4), np.uint16), *bbox]))

    def hits(self, box: BBox, among: Ints | None) -> Ints:
        """Rows whose mask has a pixel inside `box`, ascending; only rows `among`, if given."""
        box = box & _PLANE
        rows = self._boxes.meeting(box)
        if among is not None:
            rows = np.intersect1d(rows, among)
        found = [np.empty(0, np.int64)]
        for which, local in self._by_part(rows):
            table = self._parts[which].regions(local)
            hit = (
                pixel_in(table.regions, box.minr, box.minc)
                if box.n_pixels == 1
                else any_in(table.regions, box)
            )
            found.append(local[np.unique(table.segment[hit])] + self._first_row[which])
        return np.concatenate(found)

    def overlaps(self, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """Overlapping pairs among `rows`, by position in `rows`, and their shared pixels."""
        regions: list[Regions] = []
        owners: list[Ints] = []
        order = np.argsort(rows, kind="stable")
        done = 0
        for which, local in self._by_part(rows[order]):
            table = self._parts[which].regions(local)
            regions.append(table.regions)
            owners.append(order[table.segment + done])
            done += len(local)
        if not regions:
            empty = np.empty(0, np.int64)
            return empty, empty, empty
        owner = np.concatenate(owners)
        together = regions[0] if len(regions) == 1 else join(regions)
        return overlapping(together, owner)

    def _by_part(self, rows: Ints) -> list[tuple[int, Ints]]:
        """Cut ascending rows at the parts' bounds: which part, and the rows within it."""
        cuts = np.searchsorted(rows, self._first_row)
        return [
            (which, rows[cuts[which] : cuts[which + 1]] - self._first_row[which])
            for which in range(len(self._parts))
            if cuts[which + 1] > cuts[which]
        ]
