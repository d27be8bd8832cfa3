"""Masks that share pixels or nearly do: how far apart their pixels are.

A distance here is Chebyshev's: the larger of the rows and of the columns between two pixels.
So 0 is a pixel in common, and 1 are pixels that touch, also at a corner. A mask dilated by a
square of ``2 n + 1`` pixels meets all that is at most ``n`` away.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iidindex.masks.batching import portions
from iidindex.masks.boxes import BoxIndex
from iidindex.masks.intersections import overlapping
from iidindex.masks.regions import Regions
from iidindex.masks.tiles import reduce_by
from iidindex.masks.windows import count_inside

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Rows of pairs, and pixels of these, that are looked at together.
_ROWS = 1 << 16
_PIXELS = 1 << 18


def grown(bbox: Ints, most: int) -> Ints:
    """Boxes that meet where those given are at most so many pixels apart; empty ones stay so."""
    filled = np.logical_and.reduce(bbox[:, :2] < bbox[:, 2:], axis=1)
    far = bbox.copy()
    # Two boxes are as near as that if the far sides of both reach so much farther.
    far[filled, 2:] += most
    return far


def near(
    regions: Regions, owner: Ints, most: int, side: Bools | None = None
) -> tuple[Ints, Ints, Ints, Ints]:
    """Find every pair of masks that are at most `most` pixels apart.

    Parameters
    ----------
    regions, owner, side
        As in `overlapping`.
    most : int
        The largest Chebyshev distance.

    Returns
    -------
    a, b, pixels, distance : ndarray of int64, shape (m,)
        Pairs with ``a < b``, in ascending order, the pixels they share, and the distance from
        the nearest pixel of one to that of the other, 0 where they share any.

    Notes
    -----
    Of a pair that shares no pixel, the runs of one mask that lie near the box of the other are
    grown, and the packed bits of the other are counted inside. Memory is bounded, but for the
    pairs that are found.
    """
    a, b, pixels = overlapping(regions, owner, side)
    n = int(owner.max(initial=0)) + 1
    shared = a * n + b
    codes, gaps = [shared], [np.zeros(len(shared), np.int64)]
    for i, j in BoxIndex(grown(regions.bbox, most)).pairs():
        first, second = np.minimum(owner[i], owner[j]), np.maximum(owner[i], owner[j])
        wanted = first != second
        if side is not None:
            wanted &= side[first] != side[second]
        code = first * n + second
        if len(shared):
            known = np.minimum(np.searchsorted(shared, code), len(shared) - 1)
            wanted &= shared[known] != code
        some = np.flatnonzero(wanted)
        gap = _gaps(regions, i[some], j[some], most)
        found = gap <= most
        code, gap = reduce_by(np.minimum, code[some[found]], gap[found])
        codes.append(code)
        gaps.append(gap)
    code, gap = reduce_by(np.minimum, np.concatenate(codes), np.concatenate(gaps))
    in_both = np.zeros(len(code), np.int64)
    in_both[np.searchsorted(code, shared)] = pixels
    return code // n, code % n, in_both, gap


def _gaps(regions: Regions, i: Ints, j: Ints, most: int) -> Ints:
    """The distance of each pair of regions, or one more than `most`, if it is larger."""
    found = np.full(len(i), most + 1, np.int64)
    windows = _window(regions.bbox[i], regions.bbox[j], most)
    others = _window(regions.bbox[j], regions.bbox[i], most)
    # The runs of that region are looked at of which fewer pixels lie near the other.
    turned = _n_pixels(others) < _n_pixels(windows)
    of, to = np.where(turned, j, i), np.where(turned, i, j)
    window = np.where(turned[:, np.newaxis], others, windows)
    height, width = window[:, 2] - window[:, 0], window[:, 3] - window[:, 1]
    height = np.where(width > 0, np.maximum(height, 0), 0)
    for part in portions(height, _ROWS):
        pair = np.repeat(np.arange(part.start, part.stop), height[part])
        row = np.arange(len(pair)) - np.repeat(np.cumsum(height[part]) - height[part], height[part])
        row += window[pair, 0]
        for some in portions(width[pair], _PIXELS):
            _lower(found, regions, of, to, pair[some], row[some], window, most)
    return found


def _window(bbox: Ints, other: Ints, most: int) -> Ints:
    """The part of each box that lies near another."""
    low = np.maximum(bbox[:, :2], other[:, :2] - most)
    high = np.minimum(bbox[:, 2:], other[:, 2:] + most)
    return np.concatenate([low, high], axis=1)


def _n_pixels(bbox: Ints) -> Ints:
    size = np.maximum(bbox[:, 2:] - bbox[:, :2], 0)
    number: Ints = size[:, 0] * size[:, 1]
    return number


def _lower(
    found: Ints,
    regions: Regions,
    of: Ints,
    to: Ints,
    pair: Ints,
    row: Ints,
    window: Ints,
    most: int,
) -> None:
    """Lower the distances of pairs to those of the runs of pixels in some rows."""
    left, width = window[pair, 1], (window[:, 3] - window[:, 1])[pair]
    box = regions.bbox[of[pair]]
    ends = np.cumsum(width)
    opens = ends - width
    nth = np.repeat(np.arange(len(pair)), width)
    origin = regions.start[of[pair]] * 8 + (row - box[:, 0]) * (box[:, 3] - box[:, 1])
    origin += left - box[:, 1] - opens
    bit = np.arange(int(ends[-1])) + origin[nth]
    is_set = (regions.data[bit >> 3] >> (7 - (bit & 7)).astype(np.uint8) & 1).astype(np.bool_)
    # A run begins where a row does, or behind a pixel that is not set.
    begins, stops = is_set.copy(), is_set.copy()
    begins[1:] &= ~is_set[:-1] | (nth[1:] != nth[:-1])
    stops[:-1] &= ~is_set[1:] | (nth[1:] != nth[:-1])
    begin, stop = np.flatnonzero(begins), np.flatnonzero(stops) + 1
    nth = nth[begin]
    run = np.empty((len(begin), 4), np.int64)
    run[:, 0] = row[nth]
    run[:, 1] = left[nth] + begin - opens[nth]
    run[:, 2] = run[:, 0] + 1
    run[:, 3] = run[:, 1] + stop - begin
    pair, other = pair[nth], to[pair[nth]]
    reached = np.flatnonzero(count_inside(regions, other, _around(run, most)) > 0)
    run, pair, other = run[reached], pair[reached], other[reached]
    low, high = np.ones(len(run), np.int64), np.full(len(run), most, np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        reaches = count_inside(regions, other, _around(run, middle)) > 0
        high = np.where(reaches, middle, high)
        low = np.where(reaches, low, middle + 1)
    np.minimum.at(found, pair, low)


def _around(run: Ints, away: Ints | int) -> Ints:
    """Boxes of all that is so near to runs."""
    box = run.copy()
    box[:, :2] -= np.reshape(away, (-1, 1))
    box[:, 2:] += np.reshape(away, (-1, 1))
    return box
