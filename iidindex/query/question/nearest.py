"""The masks nearest to a pixel, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.codec.layout import MAX_COORDINATE
from iidindex.masks.distance import distances
from iidindex.model import BBox
from iidindex.processes import in_order
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.pixels.segments import Ints, Original, Segments, concatenate
from iidindex.query.pixels.sift import regions_of
from iidindex.query.question import compile as sql
from iidindex.query.question.asked import PLANE, Filters, Near
from iidindex.query.question.asking import Question, Row, files_of

# Half the side of the first square that is looked at.
_FIRST_REACH = 32
# Half the side of a square that covers the plane, wherever its middle may be.
_ALL = 1 << 31
# So many candidates are looked for at once, rather than by one square after the other.
_FEW = 1000
# So many masks are worth a process of their own: it takes some 0.3 s to start.
_WORTHWHILE = 1 << 15

Floats = npt.NDArray[np.float64]
Find = Callable[[BBox], Segments]
Files = Callable[[Ints], Mapping[int, Original]]


class NearestQuestion:
    """A question for the masks nearest to a pixel, which is being asked, as a `Question` is.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    originals : Originals
    filters : Filters
    """

    def __init__(self, connection: Connection, originals: Originals, filters: Filters) -> None:
        filters.check()
        self.connection = connection
        self._originals = originals
        self._filters = filters

    def count(self) -> int:
        """Count the hits."""
        return len(self.ids())

    def ids(self) -> Ints:
        """The ids of the hits, the nearest first."""
        return self._found()[0]

    def rows(self) -> Iterator[list[Row]]:
        """The hits as rows of ``HIT_COLUMNS``, with the distance behind."""
        ids, distances = self._found()
        found = sql.hits_of().run(self.connection, {"ids": ids})
        by_id: dict[int, Row] = {row[0]: row for row in found}
        away = zip(ids.tolist(), distances, strict=True)
        yield [(*by_id[entry_id], distance) for entry_id, distance in away]

    def _found(self) -> tuple[Ints, list[float]]:
        filters = replace(self._filters, near=None, limit=None)
        near, limit = self._filters.near, self._filters.limit
        assert near is not None

        def find(square: BBox) -> Segments:
            within = replace(filters, regions=(*filters.regions, square))
            # Of the square, only the boxes matter; of what else was asked for, the pixels.
            looked_at = filters.regions if filters.exact else ()
            question = Question(self.connection, self._originals, within, looked_at)
            return concatenate(question.segments())

        def files(file_ids: Ints) -> dict[int, Original]:
            return files_of(self.connection, file_ids)

        def few() -> bool:
            # To count all entries of an archive takes longer than to look into some squares.
            plan = (
                Question(self.connection, self._originals, filters).plan if filters.given else None
            )
            return plan is not None and plan.found.get(plan.way, _FEW) < _FEW

        ids, distances = nearest(
            self._originals, near, find, files, filters.on_stale, filters.jobs, few
        )
        return ids[:limit], distances[:limit]


def nearest(
    originals: Originals,
    near: Near,
    find: Find,
    files: Files,
    on_stale: OnStale,
    jobs: int = 1,
    few: Callable[[], bool] = lambda: False,
) -> tuple[Ints, list[float]]:
    """Find the `k` masks nearest to a pixel.

    Parameters
    ----------
    originals : Originals
    near : Near
    find : callable
        Finds the candidates whose boxes meet a box.
    files : callable
        Tells where the files of candidates can be opened.
    on_stale : {"error", "skip", "warn"}
    jobs : int
        Processes that read masks, if there are many to read.
    few : callable
        Tells whether there are so few candidates that the second square may hold all of them.

    Returns
    -------
    ids : ndarray of int64, shape (m,)
        At most `k`, by distance and then by id. Empty masks are near to nothing.
    distances : list of float

    Notes
    -----
    A mask is no nearer than its box. So boxes are looked for in a square around the pixel
    that doubles until no box outside can matter, and masks are read by the distance of their
    boxes until the next box is farther than the k-th mask. Where candidates are few, as in one
    file, they are all looked for as soon as the first square does not suffice.
    """
    reach = _FIRST_REACH
    ids = np.empty(0, np.int64)
    away = np.empty(0)
    seen = np.empty(0, np.int64)
    while True:
        square = BBox(
            near.row - reach, near.col - reach, near.row + reach + 1, near.col + reach + 1
        )
        found = find(square & PLANE)
        new = found.take(~np.isin(found.id, seen))
        seen = np.concatenate([seen, new.id])
        reading = _Reading(originals, near, files(new.file_id), on_stale, jobs)
        more_ids, more = _measure(reading, new, (ids, away))
        ids, away = np.concatenate([ids, more_ids]), np.concatenate([away, more])
        order = np.lexsort((ids, away))[: near.k]
        ids, away = ids[order], away[order]
        enough = len(ids) == near.k and away[-1] <= reach
        if enough or _covers(square):
            return ids, away.tolist()
        reach = _ALL if reach == _FIRST_REACH and few() else 2 * reach


def _covers(square: BBox) -> bool:
    return max(square[:2]) <= 0 and min(square[2:]) > MAX_COORDINATE


class _Reading(NamedTuple):
    """How masks are read: from where, by how many."""

    originals: Originals
    near: Near
    files: Mapping[int, Original]
    on_stale: OnStale
    jobs: int


def _measure(
    reading: _Reading, candidates: Segments, known: tuple[Ints, Floats]
) -> tuple[Ints, Floats]:
    """The distances of the candidates that may be among the nearest; `known` are those so far."""
    near, full = reading.near, candidates.fills_box
    changed = reading.originals.changed(
        reading.files, np.unique(candidates.file_id[full]), reading.on_stale
    )
    current = ~np.isin(candidates.file_id, changed)
    candidates, full = candidates.take(current), full[current]
    # Squares are whole numbers, so that equal distances are equal.
    bound = np.sqrt(
        _away(candidates.bbox[:, 0], candidates.bbox[:, 2], near.row) ** 2
        + _away(candidates.bbox[:, 1], candidates.bbox[:, 3], near.col) ** 2
    )
    # A mask that fills its box is as far as that.
    away = np.where(full, bound, np.inf)
    order = np.lexsort((candidates.id, bound))
    order = order[~full[order]]
    low, size = 0, max(16, 2 * near.k)
    while low < len(order):
        ids, best = np.append(known[0], candidates.id), np.append(known[1], away)
        if len(best) >= near.k:
            last = np.lexsort((ids, best))[near.k - 1]
            # What comes now and is as near loses to a lower id, as all behind it do.
            if (bound[order[low]], candidates.id[order[low]]) > (best[last], ids[last]):
                break
        _read_distances(reading, candidates, order[low : low + size], away)
        low, size = low + size, size * 2
    there = np.isfinite(away)
    return candidates.id[there], away[there]


def _read_distances(reading: _Reading, candidates: Segments, rows: Ints, away: Floats) -> None:
    """Fill in the distances of some candidates."""
    jobs = max(1, min(reading.jobs, len(rows) // _WORTHWHILE))
    by_file = rows[np.lexsort((candidates.offset[rows], candidates.file_id[rows]))]
    tasks = (
        (
            part,
            (
                reading.originals,
                reading.files,
                candidates.take(part),
                *reading.near[:2],
                reading.on_stale,
            ),
        )
        for part in np.array_split(by_file, jobs)
    )
    for part, found in in_order(_distances_of, tasks, jobs):
        away[part] = found


def _distances_of(
    originals: Originals,
    files: Mapping[int, Original],
    candidates: Segments,
    row: int,
    col: int,
    on_stale: OnStale,
) -> Floats:
    """How far masks are; ``inf`` if they are empty or cannot be read."""
    away = np.full(len(candidates), np.inf)
    every = np.arange(len(candidates))
    for rows, table in regions_of(originals, files, candidates, every, on_stale):
        away[rows] = distances(table.regions, table.segment, len(rows), row, col)
    return away


def _away(low: Ints, high: Ints, at: int) -> Ints:
    """How far a coordinate is from a half-open range; 0 inside."""
    return np.maximum(0, np.maximum(low - at, at - high + 1))
