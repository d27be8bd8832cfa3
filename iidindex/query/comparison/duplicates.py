"""Masks that are there twice: nearly the same in one picture, or the same in several files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.masks.batching import portions
from iidindex.masks.digests import Words, digests, random_key
from iidindex.masks.regions import Regions
from iidindex.masks.unions import united
from iidindex.processes import in_order
from iidindex.query.overlaps.counting import check_order, told_of
from iidindex.query.overlaps.overlap import Overlaps
from iidindex.query.overlaps.pairs import NOTHING
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.pixels.segments import Ints, Original, Segments
from iidindex.query.pixels.sift import Bools, regions_of
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question, files_of, segments_with

# Bytes whose masks are read together, of which each entry takes some at the least, and pairs
# that are made together.
_BYTES = 8 << 20
_LEAST_BYTES = 1024
_PAIRS = 1 << 18
# Masks lie so far apart, in a picture of all, that no two meet.
_APART = 1 << 17


def equal_masks(catalog: Catalog, originals: Originals, filters: Filters) -> Overlaps:
    """Find entries of different files that have equal pixels at the same place.

    Parameters
    ----------
    catalog : Catalog
    originals : Originals
    filters : Filters
        Among which entries.

    Returns
    -------
    Overlaps
        Every two of them, by file, then by the keys of `a` and `b`; `a` was indexed before.
        Masks without a pixel are equal to none.

    Raises
    ------
    QueryError
        If the question has an order or a limit of its own.
    SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
        As `Entry.mask`.

    Notes
    -----
    Boxes and areas of all are compared first, of which six numbers are kept for each entry. Only
    masks that agree in these with one of another file are read, a bounded part at a time; of each,
    a digest is kept.
    """
    check_order(filters)

    def pairs(connection: Connection) -> Iterator[Ints]:
        return _pairs(*_classes(connection, originals, filters))

    return told_of(catalog, originals, pairs)


def _classes(
    connection: Connection, originals: Originals, filters: Filters
) -> tuple[Ints, Ints, Ints, Ints]:
    """Ids, files and areas of masks that may be equal to others, and a number for equal ones."""
    entry, file_id, length, area, code = _candidates(connection, originals, filters)
    key = random_key()
    found = np.zeros((len(entry), 2), np.uint64)
    is_read = np.zeros(len(entry), np.bool_)

    def tasks() -> Iterator[tuple[slice, tuple[object, ...]]]:
        for some in portions(length + _LEAST_BYTES, _BYTES):
            segments = segments_with(connection, entry[some])
            files = files_of(connection, segments.file_id)
            yield some, (originals, files, segments, key, filters.on_stale)

    for some, (told, read) in in_order(_digested, tasks(), filters.jobs):
        found[some], is_read[some] = told, read
    bad = ~is_read
    if bad.any():
        # Nothing of a file is believed of which a part is not.
        bad = np.isin(file_id, file_id[bad])
    every = np.column_stack([code.view(np.uint64), found])[~bad]
    _, number = np.unique(every, axis=0, return_inverse=True)
    return entry[~bad], file_id[~bad], area[~bad], number.reshape(-1).astype(np.int64)


def _candidates(
    connection: Connection, originals: Originals, filters: Filters
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Ids, files, lengths and areas of entries that have box and area of one of another file.

    With a number for each box and area, in the order of ids.
    """
    parts = [np.empty((0, 6), np.int64)]
    for segments in Question(connection, originals, filters).segments():
        minr, minc, maxr, maxc = segments.bbox.T
        # Corners have seventeen bits each, an area has thirty-two.
        low, high = minr << 17 | minc, maxr << 17 | maxc
        columns = (segments.id, segments.file_id, segments.length, segments.area, low, high)
        parts.append(np.column_stack(columns)[segments.area > 0])
    entry, file_id, length, area, low, high = np.concatenate(parts).T
    order = np.lexsort((file_id, high, low, area))
    alike = np.ones(len(order), np.bool_)
    for column in (area, low, high):
        alike[1:] &= column[order][1:] == column[order][:-1]
    alike[:1] = False
    group = np.cumsum(~alike)
    other_file = np.zeros(len(order), np.bool_)
    other_file[1:] = alike[1:] & (file_id[order][1:] != file_id[order][:-1])
    has_other = np.zeros(int(group[-1]) + 1 if len(group) else 1, np.bool_)
    has_other[group[other_file]] = True
    chosen = order[has_other[group]]
    code = np.empty(len(order), np.int64)
    code[order] = group
    chosen.sort()
    return entry[chosen], file_id[chosen], length[chosen], area[chosen], code[chosen]


def _digested(
    originals: Originals,
    files: dict[int, Original],
    segments: Segments,
    key: tuple[int, ...],
    on_stale: OnStale,
) -> tuple[Words, Bools]:
    """Digests of masks, and which could be read."""
    found = np.zeros((len(segments), 2), np.uint64)
    is_read = np.zeros(len(segments), np.bool_)
    for rows, table in regions_of(originals, files, segments, np.arange(len(segments)), on_stale):
        laid, owner = united(_moved(table.regions, table.segment, _APART), table.segment)
        # Each back to its own place.
        found[rows] = digests(_moved(laid, owner, -_APART), owner, len(rows), key)
        is_read[rows] = True
    return found, is_read


def _moved(regions: Regions, owner: Ints, apart: int) -> Regions:
    """Regions farther down, by the number of their owner."""
    down = owner[:, np.newaxis] * np.array([apart, 0, apart, 0])
    return Regions(regions.data, regions.start, regions.bbox + down)


def _pairs(entry: Ints, file_id: Ints, area: Ints, number: Ints) -> Iterator[Ints]:
    """Rows of two ids, of different files, and shared pixels; in the order of the ids."""
    order = np.lexsort((entry, number))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    behind = np.searchsorted(number[order], number, side="right") - place - 1
    by_id = np.argsort(entry)
    for part in portions(behind[by_id], _PAIRS):
        rows = by_id[part]
        n = behind[rows]
        a = np.repeat(rows, n)
        nth = np.arange(len(a)) - np.repeat(np.cumsum(n) - n, n)
        b = order[place[a] + 1 + nth] if len(a) else NOTHING
        across = file_id[a] != file_id[b]
        a, b = a[across], b[across]
        if len(a):
            yield np.column_stack([entry[a], entry[b], area[a]])
