"""One file as a whole: the masks of its entries, and the frame that holds them."""

from __future__ import annotations

from collections.abc import Sequence

from iidindex.masks.regions import Bool2D
from iidindex.query.answers.entry import Entry, segments_of
from iidindex.query.pixels.frames import Frame, largest
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.pixels.segments import Original
from iidindex.query.pixels.sift import read_masks


def masks_of_file(
    originals: Originals, entries: Sequence[Entry], on_stale: OnStale
) -> dict[int, Bool2D]:
    """The masks of entries of one file by their positions, those that cannot be read left out."""
    if not entries:
        return {}
    place = {entries[0].file_id: Original(entries[0].location, entries[0].stamp)}
    return dict(read_masks(originals, place, segments_of(entries), on_stale))


def extent_of(frame: Frame, entries: Sequence[Entry]) -> tuple[int, int]:
    """Height and width that the metadata state, or at least what holds all boxes and a pixel."""
    sizes = [frame.size or (1, 1), *((one.bbox.maxr, one.bbox.maxc) for one in entries)]
    return largest(sizes, (1, 1))
