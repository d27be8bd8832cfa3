"""How individuals differ between two surveys."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.dialect import Text
from iidindex.catalog.lookup import asked, iids_of, numbers
from iidindex.errors import QueryError
from iidindex.masks.batching import portions
from iidindex.masks.intersections import overlapping
from iidindex.masks.measure import areas
from iidindex.masks.regions import Regions, join
from iidindex.masks.unions import hulls, united
from iidindex.model import IID
from iidindex.processes import in_order
from iidindex.query.comparison.surveys import survey
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.pixels.segments import Ints, Original, Segments
from iidindex.query.pixels.sift import Bools, regions_of
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question, files_of, segments_with

CHANGES = ("same", "moved", "changed", "gone", "new")
_SAME, _MOVED, _CHANGED, _GONE, _NEW = range(len(CHANGES))

# Bytes of individuals that are compared together, of which each entry takes some at the least.
_BYTES = 8 << 20
_LEAST_BYTES = 1024
# Individuals lie so far apart, in a picture of all, that masks of two do not meet. Those that
# are laid on others may reach beyond the first row and column.
_APART = 1 << 18
_CORNER = 1 << 16

_OWNERS = Text(
    "SELECT e.iid_id, e.id, e.length FROM {rows} {then} entries e ON e.id = {value}",
    in_order="{nth}",
)
_IN_ORDER = Text(
    "SELECT i.id FROM {rows} {then} iids i ON i.id = {value} ORDER BY i.domain, i.address"
)


class Difference(NamedTuple):
    """An individual in two surveys, A and B.

    ``change`` is ``same`` (equal pixels), ``moved`` (an equal shape elsewhere), ``changed``,
    ``gone`` (not in B) or ``new`` (not in A). ``iou`` is the intersection over union, 0 if one
    survey has no mask. Areas are in pixels, None if there is no mask.
    """

    iid: IID
    change: str
    iou: float
    area_a: int | None
    area_b: int | None


class _Compared(NamedTuple):
    """Some individuals: what became of each, shared pixels, areas, and which could be read."""

    change: Ints
    pixels: Ints
    area: Ints
    is_read: Bools


def check_changes(change: Any) -> tuple[str, ...]:
    """Read which changes are asked for; None stands for all.

    Raises
    ------
    QueryError
        If there is no such change.
    """
    if change is None:
        return CHANGES
    names = (change,) if isinstance(change, str) or not isinstance(change, Iterable) else change
    chosen = tuple(names)
    for name in chosen:
        if not isinstance(name, str) or name not in CHANGES:
            raise QueryError(f"change is {name!r:.200}; expected one of {', '.join(CHANGES)}")
    return chosen


def differences(
    catalog: Catalog,
    originals: Originals,
    filters: Filters,
    surveys: tuple[str, str],
    changes: tuple[str, ...],
) -> Iterator[Difference]:
    """Compare the masks that individuals have in two surveys, united in each.

    Parameters
    ----------
    catalog : Catalog
    originals : Originals
    filters : Filters
        Which entries count.
    surveys : (str, str)
        As `survey` takes them.
    changes : tuple of str
        Which are wanted, of ``CHANGES``.

    Yields
    ------
    Difference
        Sorted by domain, then by address; no domain comes first.

    Notes
    -----
    In memory are three numbers for each entry of both surveys, and the bytes of some individuals
    at a time. A mask is read only if its individual is in both, or has several in one.
    """
    with catalog.reading() as connection:
        found = []
        for nth, name in enumerate(surveys):
            question = Question(connection, originals, survey(connection, filters, name))
            rows = numbers(connection, _OWNERS, question.ids())
            found.append(np.column_stack([rows, np.full(len(rows), nth)]))
        iid, entry, length, side = np.concatenate(found).T
        ids = np.unique(iid)
        ids = np.fromiter((row[0] for row in asked(connection, _IN_ORDER, [ids])), np.int64)
        order = np.argsort(ids)
        place = order[np.searchsorted(ids, iid, sorter=order)]
        # By individual, then by survey.
        by_place = np.lexsort((side, place))
        place, side, entry = place[by_place], side[by_place], entry[by_place]
        opens = np.searchsorted(place, np.arange(len(ids) + 1))
        weight = np.bincount(place, length[by_place] + _LEAST_BYTES, len(ids)).astype(np.int64)

        def tasks() -> Iterator[tuple[slice, tuple[object, ...]]]:
            for some in portions(weight, _BYTES):
                rows = slice(int(opens[some.start]), int(opens[some.stop]))
                segments = segments_with(connection, entry[rows])
                owner = 2 * (place[rows] - some.start) + side[rows]
                files = files_of(connection, segments.file_id)
                n_individuals = some.stop - some.start
                yield some, (originals, files, segments, owner, n_individuals, filters.on_stale)

        for some, compared in in_order(_compared, tasks(), filters.jobs):
            yield from _told(connection, ids[some], compared, changes)


def _told(
    connection: Connection, ids: Ints, compared: _Compared, changes: tuple[str, ...]
) -> Generator[Difference, None, None]:
    wanted = [nth for nth, name in enumerate(CHANGES) if name in changes]
    rows = np.flatnonzero(np.isin(compared.change, wanted) & compared.is_read)
    change, pixels, area = compared.change[rows], compared.pixels[rows], compared.area[rows]
    either = area.sum(axis=1) - pixels
    # Equal masks are equal, even if they are empty.
    iou = np.where(change == _SAME, 1.0, pixels / np.maximum(either, 1))
    columns = (change.tolist(), iou.tolist(), area.tolist())
    for one, nth, ratio, (of_a, of_b) in zip(iids_of(connection, ids[rows]), *columns, strict=True):
        yield Difference(
            one,
            CHANGES[nth],
            ratio,
            None if nth == _NEW else of_a,
            None if nth == _GONE else of_b,
        )


def _compared(
    originals: Originals,
    files: Mapping[int, Original],
    segments: Segments,
    owner: Ints,
    n_individuals: int,
    on_stale: OnStale,
) -> _Compared:
    """Compare individuals: that number `k` is owner ``2 k`` in A and ``2 k + 1`` in B."""
    n_entries = np.bincount(owner, minlength=2 * n_individuals).reshape(-1, 2)
    area = np.bincount(owner, segments.area, 2 * n_individuals).astype(np.int64).reshape(-1, 2)
    in_both = np.logical_and.reduce(n_entries > 0, axis=1)
    # The area of a single mask is known.
    looked_at = in_both | np.logical_or.reduce(n_entries > 1, axis=1)
    change = np.where(in_both, _CHANGED, np.where(n_entries[:, 0] > 0, _GONE, _NEW))
    pixels = np.zeros(n_individuals, np.int64)
    rows = np.flatnonzero(looked_at[owner // 2])
    is_missing = np.zeros(len(segments), np.bool_)
    is_missing[rows] = True
    parts = list(regions_of(originals, files, segments, rows, on_stale))
    for read, _ in parts:
        is_missing[read] = False
    bad = np.isin(segments.file_id, segments.file_id[is_missing])
    is_read = np.ones(n_individuals, np.bool_)
    is_read[owner[bad & looked_at[owner // 2]] // 2] = False
    if not parts:
        return _Compared(change, pixels, area, is_read)
    of = np.concatenate([owner[read[table.segment]] for read, table in parts])
    regions = _laid_apart(join([table.regions for _, table in parts]), of // 2)
    regions, of = united(regions, of)
    counted = np.bincount(of, areas(regions), 2 * n_individuals).astype(np.int64).reshape(-1, 2)
    area = np.where(looked_at[:, np.newaxis], counted, area)
    pixels = _shared(regions, of, n_individuals)
    equal = in_both & (area[:, 0] == area[:, 1])
    change[equal & (pixels == area[:, 0])] = _SAME
    elsewhere = equal & (pixels < area[:, 0])
    change[elsewhere & _have_moved(regions, of, area[:, 0], elsewhere)] = _MOVED
    return _Compared(change, pixels, area, is_read)


def _laid_apart(regions: Regions, individual: Ints) -> Regions:
    down = individual[:, np.newaxis] * np.array([_APART, 0, _APART, 0])
    return Regions(regions.data, regions.start, regions.bbox + down + _CORNER)


def _shared(regions: Regions, of: Ints, n_individuals: int) -> Ints:
    """The pixels that the masks of each individual have in common."""
    found = np.zeros(n_individuals, np.int64)
    a, _, pixels = overlapping(regions, of)
    found[a // 2] = pixels
    return found


def _have_moved(regions: Regions, of: Ints, area: Ints, asked_for: Bools) -> Bools:
    """Which individuals have a mask in B that is the one in A, shifted."""
    rows = np.flatnonzero(asked_for[of // 2])
    if not len(rows):
        return np.zeros(len(area), np.bool_)
    regions, of = regions[rows], of[rows]
    box = hulls(regions, of, 2 * len(area)).reshape(-1, 2, 4)
    size = box[:, :, 2:] - box[:, :, :2]
    alike = asked_for & np.logical_and.reduce(size[:, 0] == size[:, 1], axis=1)
    shift = np.zeros((2 * len(area), 2), np.int64)
    shift[1::2] = box[:, 0, :2] - box[:, 1, :2]
    laid = Regions(regions.data, regions.start, regions.bbox + np.tile(shift[of], 2))
    some = alike[of // 2]
    found: Bools = alike & (_shared(laid[some], of[some], len(area)) == area)
    return found
