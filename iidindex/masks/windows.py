"""Counting the bits of packed regions inside boxes, many boxes at once.

A *window* is a box that lies within a region, or within two. Its rows are cut into words of
at most 57 bits. A word's bits are fetched with one unaligned load of the eight bytes that end
with its last bit; a shift puts that last bit at the bottom. So the same word of two regions
is aligned whatever columns they begin at, one AND compares 57 pixels, and nothing is unpacked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from iidindex.masks.regions import Regions

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

# Eight bytes hold 64 bits, of which up to seven lie behind the last one wanted.
_WORD = 57
# Words handled at a time: some twenty arrays of so many int64 stay within a few megabytes.
_BLOCK = 1 << 16


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
    box = np.empty((len(i), 4), np.int64)
    of_a, of_b = a.bbox[i], b.bbox[j]
    np.maximum(of_a[:, :2], of_b[:, :2], out=box[:, :2])
    np.minimum(of_a[:, 2:], of_b[:, 2:], out=box[:, 2:])

    def both(n: Ints, row: Ints, end: Ints, bits: Ints) -> Words:
        words = _load(a, i[n], of_a[n], row, end, bits)
        words &= _load(b, j[n], of_b[n], row, end, bits)
        return words

    return _count(box, both)


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
    inner = np.empty((len(i), 4), np.int64)
    np.maximum(outer[:, :2], box[:, :2], out=inner[:, :2])
    np.minimum(outer[:, 2:], box[:, 2:], out=inner[:, 2:])

    def one(n: Ints, row: Ints, end: Ints, bits: Ints) -> Words:
        return _load(regions, i[n], outer[n], row, end, bits)

    return _count(inner, one)


def _load(regions: Regions, which: Ints, box: Ints, row: Ints, end: Ints, bits: Ints) -> Words:
    """The `bits` pixels of image row `row` that end before image column `end`, right-aligned."""
    left = box[:, 1]
    last = (row - box[:, 0]) * (box[:, 3] - left)
    last += end
    last -= left + 1
    behind = (7 - (last & 7)).astype(np.uint64)
    last >>= 3
    last += regions.start[which]
    last -= 7
    every = np.ndarray((max(0, len(regions.data) - 7),), ">u8", regions.data, strides=(1,))
    words: Words = every[last].astype(np.uint64)
    words >>= behind
    words &= np.uint64(2**64 - 1) >> (64 - bits).astype(np.uint64)
    return words


def _count(box: Ints, load: Callable[[Ints, Ints, Ints, Ints], Words]) -> Ints:
    """Sum the set bits of every window, a bounded number of words at a time."""
    total = np.zeros(len(box), np.int64)
    filled = np.flatnonzero((box[:, 2] > box[:, 0]) & (box[:, 3] > box[:, 1]))
    for owner, minr, minc, maxr, maxc in _bands(filled, box[filled]):
        height = maxr - minr
        # One element per row of a window, then one per word of a row.
        n = np.repeat(np.arange(len(owner)), height)
        opens = np.cumsum(height) - height
        row = np.arange(len(n)) + (minr - opens)[n]
        per_row = (maxc - minc + _WORD - 1) // _WORD
        if int(np.maximum.reduce(per_row)) > 1:
            words = per_row[n]
            first = np.cumsum(words) - words
            of_row = np.repeat(np.arange(len(n)), words)
            column = (np.arange(len(of_row)) - first[of_row]) * _WORD
            n, row = n[of_row], row[of_row]
            begin = minc[n] + column
            opens = np.cumsum(height * per_row) - height * per_row
        else:
            begin = minc[n]
        end = np.minimum(begin + _WORD, maxc[n])
        counts = np.bitwise_count(load(owner[n], row, end, end - begin))
        # A large window is cut into bands, so that one owner may come more than once.
        np.add.at(total, owner, np.add.reduceat(counts, opens, dtype=np.int64))
    return total


def _bands(owner: Ints, box: Ints) -> Iterator[tuple[Ints, Ints, Ints, Ints, Ints]]:
    """Cut tall windows into bands of rows and yield them in groups of about `_BLOCK` words."""
    if not len(owner):
        return
    minr, minc, maxr, maxc = box.T
    per_row = (maxc - minc + _WORD - 1) // _WORD
    rows = np.maximum(1, _BLOCK // per_row)
    bands = (maxr - minr + rows - 1) // rows
    if int(np.maximum.reduce(bands)) > 1:
        of = np.repeat(np.arange(len(owner)), bands)
        nth = np.arange(len(of)) - (np.cumsum(bands) - bands)[of]
        owner, minc, maxc, per_row = owner[of], minc[of], maxc[of], per_row[of]
        begin = minr[of] + nth * rows[of]
        maxr = np.minimum(maxr[of], begin + rows[of])
        minr = begin
    ends = np.cumsum((maxr - minr) * per_row)
    low = 0
    while low < len(owner):
        done = int(ends[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(ends, done + _BLOCK, side="right")))
        part = slice(low, high)
        yield owner[part], minr[part], minc[part], maxr[part], maxc[part]
        low = high
