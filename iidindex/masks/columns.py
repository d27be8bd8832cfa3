"""Regions cut into columns of 64 pixels, so that counting what two share is one AND a word.

A *column* is 64 pixels wide and begins where the image column is a multiple of 64, whatever
the region. Each of its rows is one word; rows of a column lie one behind the other. So two
regions' words of the same row and column hold the same pixels, and what is compared is a
range of words on either side. It takes one copy of the bits, and no time for a pair but that
of its own words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iidindex.masks.regions import Regions, join

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

# Words handled at a time. Arrays of so many stay in a processor's cache, and below the size
# from which allocating memory means asking the system for it.
_BLOCK = 3 << 12
# Packed bytes copied at a time.
_BLOCK_BYTES = 1 << 17


@dataclass(frozen=True, slots=True)
class Columns:
    """Regions as columns of words.

    Attributes
    ----------
    words : ndarray of uint64
        Most significant bit first; bits outside the region are zero.
    first : ndarray of int64, shape (k,)
        Where each region's words begin: column by column, each from the region's first row.
    bbox : ndarray of int64, shape (k, 4)
        As in `Regions`.
    """

    words: Words
    first: Ints
    bbox: Ints


def words_needed(bbox: Ints) -> Ints:
    """How many words the columns of each box take."""
    return (bbox[:, 2] - bbox[:, 0]) * ((bbox[:, 3] + 63 >> 6) - (bbox[:, 1] >> 6))


def words_shared(bbox: Ints, i: Ints, j: Ints) -> int:
    """About how many words `count_shared` compares."""
    low = np.maximum(bbox[i, :2], bbox[j, :2])
    high = np.minimum(bbox[i, 2:], bbox[j, 2:])
    return int(np.add.reduce(words_needed(np.hstack([low, high]))))


def columns(regions: Regions) -> Columns:
    """Cut regions into columns."""
    needed = words_needed(regions.bbox)
    ends = np.cumsum(needed)
    words = np.empty(int(ends[-1]) if len(ends) else 0, np.uint64)
    size = regions.bbox[:, 2:] - regions.bbox[:, :2]
    packed = np.cumsum((size[:, 0] * size[:, 1] + 7 >> 3) + 8 * size[:, 0])
    low = 0
    while low < len(ends):
        done = int(packed[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(packed, done + _BLOCK_BYTES, side="right")))
        _fill(words[int(ends[low] - needed[low]) : int(ends[high - 1])], regions[low:high])
        low = high
    return Columns(words, ends - needed, regions.bbox)


def _fill(words: Words, regions: Regions) -> None:
    """Write the words of some regions, one behind the other."""
    packed = join([regions])
    # Words of the packed bits, and one behind the last, as a word may reach into it.
    bits = np.zeros((len(packed.data) >> 3) + 2, ">u8")
    bits.view(np.uint8)[: len(packed.data)] = packed.data
    bits = bits.astype(np.uint64)
    minr, minc, maxr, maxc = packed.bbox.T
    first, last = minc >> 6, maxc + 63 >> 6
    # One element per column.
    of, nth = _count_up(last - first)
    left = (first[of] + nth) << 6
    height, width = (maxr - minr)[of], (maxc - minc)[of]
    origin = packed.start[of] * 8 + left - minc[of]
    before = np.maximum(minc[of] - left, 0).astype(np.uint64)
    behind = np.maximum(left + 64 - maxc[of], 0).astype(np.uint64)
    inside = (_ALL >> before) & (_ALL << behind)
    # One element per word.
    of, row = _count_up(height)
    at = row * width[of]
    at += origin[of]
    shift = (at & 63).view(np.uint64)
    at >>= 6
    np.left_shift(bits[at], shift, out=words)
    at += 1
    shift ^= np.uint64(63)
    words |= bits[at] >> np.uint64(1) >> shift
    words &= inside[of]


_ALL = np.uint64(2**64 - 1)


def _count_up(counts: Ints) -> tuple[Ints, Ints]:
    """For each element, count from 0 to below its count: which element, and the number."""
    of = np.repeat(np.arange(len(counts)), counts)
    return of, np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)


def count_shared(regions: Columns, i: Ints, j: Ints) -> Ints:
    """Count the pixels set in both regions of each pair whose boxes meet.

    Parameters
    ----------
    regions : Columns
    i, j : ndarray of int64, shape (m,)
        The pairs.

    Returns
    -------
    ndarray of int64, shape (m,)
    """
    of_a, of_b = regions.bbox[i], regions.bbox[j]
    low = np.maximum(of_a[:, :2], of_b[:, :2])
    high = np.minimum(of_a[:, 2:], of_b[:, 2:])
    left = low[:, 1] >> 6
    count = (high[:, 1] + 63 >> 6) - left
    # One element per column of a pair's common box.
    of, nth = _count_up(count)
    nth += left[of]
    top, height = low[of, 0], (high[:, 0] - low[:, 0])[of]

    def begin(which: Ints, box: Ints) -> Ints:
        base = regions.first[which] - box[:, 0] - (box[:, 1] >> 6) * (box[:, 2] - box[:, 0])
        at: Ints = base[of] + nth * (box[:, 2] - box[:, 0])[of] + top
        return at

    shared = _count_ranges(regions.words, begin(i, of_a), begin(j, of_b), height)
    if not len(i):
        return shared
    total: Ints = np.add.reduceat(shared, np.cumsum(count) - count)
    return total


def _count_ranges(words: Words, a: Ints, b: Ints, length: Ints) -> Ints:
    """Count the bits that two ranges of words share, many pairs of ranges at a time."""
    total = np.empty(len(a), np.int64)
    ends = np.cumsum(length)
    opens = ends - length
    low = 0
    while low < len(a):
        done = int(opens[low])
        high = max(low + 1, int(np.searchsorted(ends, done + _BLOCK, side="right")))
        part = slice(low, high)
        n, begins = length[part], opens[part] - done
        nth = np.arange(int(ends[high - 1]) - done)
        both = words[np.repeat(a[part] - begins, n) + nth]
        both &= words[np.repeat(b[part] - begins, n) + nth]
        total[part] = np.add.reduceat(np.bitwise_count(both), begins, dtype=np.int64)
        low = high
    return total
