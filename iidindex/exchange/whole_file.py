"""One file as a whole: the masks of its entries, and the frame that holds them."""

from __future__ import annotations

from collections.abc import Sequence

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.lookup import numbers
from iidindex.masks.regions import Bool2D
from iidindex.query.answers.entry import Entry, segments_of
from iidindex.query.pixels.frames import largest
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.pixels.segments import Original
from iidindex.query.pixels.sift import read_masks
from iidindex.query.single_entry import FileHits

_CORNER = (
    "SELECT coalesce(max(maxr), 0), coalesce(max(maxc), 0) FROM entries WHERE id BETWEEN ? AND ?"
)


def masks_of_file(
    originals: Originals, entries: Sequence[Entry], on_stale: OnStale
) -> dict[int, Bool2D]:
    """The masks of entries of one file by their positions, those that cannot be read left out."""
    if not entries:
        return {}
    place = {entries[0].file_id: Original(entries[0].location, entries[0].stamp)}
    return dict(read_masks(originals, place, segments_of(entries), on_stale))


def extent_of(catalog: Catalog, file: FileHits) -> tuple[int, int]:
    """Height and width that the metadata state; without them, what holds all boxes of the file."""
    first, n_entries = file.span.first_entry_id, file.span.n_entries
    with catalog.reading() as connection:
        corner = numbers(connection, _CORNER, first, first + n_entries - 1)[0].tolist()
    return largest([file.frame.size or (1, 1)], (corner[0], corner[1]))
