"""The masks nearest to a pixel, exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from iidindex.codec.layout import MAX_COORDINATE
from iidindex.masks.measure import distance
from iidindex.model import BBox
from iidindex.query.filters import Near
from iidindex.query.originals import OnStale, Originals
from iidindex.query.segments import Ints, Original, Segments
from iidindex.query.spatial import regions_of

# Half the side of the first square that is looked at.
_FIRST_REACH = 32

Floats = npt.NDArray[np.float64]
Find = Callable[[BBox], Segments]
Files = Callable[[Ints], Mapping[int, Original]]


def nearest(
    originals: Originals, near: Near, find: Find, files: Files, on_stale: OnStale
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

    Returns
    -------
    ids : ndarray of int64, shape (m,)
        At most `k`, by distance and then by id. Empty masks are near to nothing.
    distances : list of float

    Notes
    -----
    A mask is no nearer than its box. So boxes are looked for in a square around the pixel
    that doubles until no box outside can matter, and masks are read by the distance of their
    boxes until the next box is farther than the k-th mask.
    """
    reach = _FIRST_REACH
    ids = np.empty(0, np.int64)
    distances = np.empty(0)
    seen = np.empty(0, np.int64)
    while True:
        square = BBox(
            near.row - reach, near.col - reach, near.row + reach + 1, near.col + reach + 1
        )
        found = find(square & BBox(0, 0, MAX_COORDINATE + 1, MAX_COORDINATE + 1))
        new = found.take(~np.isin(found.id, seen))
        seen = np.concatenate([seen, new.id])
        more_ids, more = _measure(originals, near, new, files(new.file_id), distances, on_stale)
        ids, distances = np.concatenate([ids, more_ids]), np.concatenate([distances, more])
        order = np.lexsort((ids, distances))[: near.k]
        ids, distances = ids[order], distances[order]
        enough = len(ids) == near.k and distances[-1] <= reach
        if enough or _covers(square):
            return ids, distances.tolist()
        reach *= 2


def _covers(square: BBox) -> bool:
    return max(square[:2]) <= 0 and min(square[2:]) > MAX_COORDINATE


def _measure(
    originals: Originals,
    near: Near,
    candidates: Segments,
    files: Mapping[int, Original],
    known: Floats,
    on_stale: OnStale,
) -> tuple[Ints, Floats]:
    """The distances of the candidates that may be among the nearest."""
    full = candidates.fills_box
    changed = originals.changed(files, np.unique(candidates.file_id[full]), on_stale)
    current = ~np.isin(candidates.file_id, changed)
    candidates, full = candidates.take(current), full[current]
    # Squares are whole numbers, so that equal distances are equal.
    bound = np.sqrt(
        _away(candidates.bbox[:, 0], candidates.bbox[:, 2], near.row) ** 2
        + _away(candidates.bbox[:, 1], candidates.bbox[:, 3], near.col) ** 2
    )
    # A mask that fills its box is as far as that.
    ids: list[int] = candidates.id[full].tolist()
    distances: list[float] = bound[full].tolist()
    order = np.lexsort((candidates.id, bound))
    order = order[~full[order]]
    low, size = 0, max(16, 2 * near.k)
    while low < len(order):
        best = np.sort(np.concatenate([known, distances]))
        if len(best) >= near.k and bound[order[low]] > best[near.k - 1]:
            break
        part = order[low : low + size]
        low, size = low + size, size * 2
        for rows, table in regions_of(originals, files, candidates, np.sort(part), on_stale):
            edges = np.searchsorted(table.segment, np.arange(len(rows) + 1))
            for nth, row in enumerate(rows.tolist()):
                if edges[nth] < edges[nth + 1]:
                    mask = table.regions[np.arange(edges[nth], edges[nth + 1])]
                    away = distance(mask, near.row, near.col)
                    if away < np.inf:
                        ids.append(int(candidates.id[row]))
                        distances.append(away)
    return np.array(ids, np.int64), np.array(distances)


def _away(low: Ints, high: Ints, at: int) -> Ints:
    """How far a coordinate is from a half-open range; 0 inside."""
    return np.maximum(0, np.maximum(low - at, at - high + 1))
