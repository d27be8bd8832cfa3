"""Counting the bits of packed regions inside boxes, many boxes at once.

A *window* is a box that lies within a region, or within two. Its rows are cut into words of
at most 57 bits. A word's bits are fetched with one unaligned load of the eight bytes that end
with its last bit; a shift puts that last bit at the bottom. So the same word of two regions
is aligned whatever columns they begin at, one AND compares 57 pixels, and nothing is unpacked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from iidindex.masks.batching import portions
from iidindex.masks.regions import Regions

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

# Eight bytes hold 64 bits, of which up to seven lie behind the last one wanted.
_WORD = 57
# Words handled at a time. Arrays of so many stay in a processor's cache, and below the size
# from which allocating memory means asking the system for it.
_BLOCK = 3 << 12

_ALL = np.uint64(2**64 - 1)


def count_common(a: Regions, b: Regions, i: Ints, j: Ints) -> Ints:
    """Count the pixels set in both regions of each pair.

    Parameters
    ----------
    a, b : Regions
    i, j : ndarray of int64, shape (m,)
        The pairs: region ``i[n]`` of `a` with region ``j[n]`` of `b`.

    Returns
    -------
    ndarray of int64, shape (m,)
        Pixels in common; 0 where the boxes do not meet.

    Notes
    -----
    Time grows with the rows of the common boxes and a 57th of their pixels; memory is bounded.
    """
    of_a, of_b = a.bbox[i], b.bbox[j]
    low = np.maximum(of_a[:, :2], of_b[:, :2])
    high = np.minimum(of_a[:, 2:], of_b[:, 2:])
    return _count(low, high, [(a, i, of_a), (b, j, of_b)])


def count_inside(regions: Regions, i: Ints, box: Ints) -> Ints:
    """Count the pixels of region ``i[n]`` that lie inside ``box[n]``.

    Parameters
    ----------
    regions : Regions
    i : ndarray of int64, shape (m,)
    box : ndarray of int64, shape (m, 4)
        ``(minr, minc, maxr, maxc)``, half-open, pixels; may reach beyond the region.

    Returns
    -------
    ndarray of int64, shape (m,)
    """
    outer = regions.bbox[i]
    low = np.maximum(outer[:, :2], box[:, :2])
    high = np.minimum(outer[:, 2:], box[:, 2:])
    return _count(low, high, [(regions, i, outer)])


def _count(low: Ints, high: Ints, sides: Sequence[tuple[Regions, Ints, Ints]]) -> Ints:
    """Sum the bits that all sides have set in each window.

    Parameters
    ----------
    low, high : ndarray of int64, shape (m, 2)
        Least row and column of each window, and the row and column behind its last.
    sides : sequence of (Regions, Ints, Ints)
        One or two: regions, which of them each window lies in, and the boxes of those.
    """
    total = np.zeros(len(low), np.int64)
    filled = np.flatnonzero(np.logical_and.reduce(low < high, axis=1))
    # A window is cut into strips, as wide as a word and not too high: one row is one word.
    height, width = (high - low)[filled].T
    of, left = _cut(width, _WORD)
    width = np.minimum(width[of] - left, _WORD)
    again, top = _cut(height[of], _BLOCK)
    of, left, width = of[again], left[again], width[again]
    height = np.minimum(height[of] - top, _BLOCK)
    window = filled[of]
    mask = _ALL >> (64 - width).view(np.uint64)
    loads = []
    for regions, which, box in sides:
        stride = box[:, 3] - box[:, 1]
        origin = regions.start[which] * 8 + (low[:, 0] - box[:, 0]) * stride
        origin += low[:, 1] - box[:, 1]
        stride = stride[window]
        # The last bit of a word is in the last of the eight bytes that are loaded.
        last = origin[window] + top * stride + left + width - 57
        loads.append((_words_anywhere(regions.data), last, stride))
    ends = np.cumsum(height)
    opens = ends - height
    sums = np.empty(len(window), np.int64)
    for part in portions(height, _BLOCK):
        done = int(opens[part][0])
        n, first = height[part], opens[part] - done
        nth = np.arange(int(ends[part][-1]) - done)
        nth -= np.repeat(first, n)
        words = np.repeat(mask[part], n)
        for every, last, stride in loads:
            at = np.repeat(stride[part], n)
            at *= nth
            at += np.repeat(last[part], n)
            behind = (~at & 7).view(np.uint64)
            at >>= 3
            words &= every[at].astype(np.uint64) >> behind
        sums[part] = np.add.reduceat(np.bitwise_count(words), first, dtype=np.int64)
    np.add.at(total, window, sums)
    return total


def _cut(length: Ints, step: int) -> tuple[Ints, Ints]:
    """Cut lengths into pieces of at most `step`: of which length each is, and where it begins."""
    pieces = (length + (step - 1)) // step
    of = np.repeat(np.arange(len(length)), pieces)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    return of, nth * step


def _words_anywhere(data: npt.NDArray[np.uint8]) -> Words:
    """The eight bytes that begin at every byte, as big-endian words; a view."""
    return np.ndarray((max(0, len(data) - 7),), ">u8", data, strides=(1,))
