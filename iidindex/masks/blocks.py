"""Regions cut into blocks of 64 by 16 pixels, so that what two share is counted block by block.

A *column* is 64 pixels wide and begins where the image column is a multiple of 64, whatever
the region; each of its rows is one word. A *block* is 16 rows of a column, and begins where the
image row is a multiple of 16. So the same block of two regions holds the same pixels: whole
blocks are fetched, compared and counted, with an index for each block rather than each word.
Of every column it is known which of its blocks hold pixels, and the others are not compared:
the corners of a round mask's box, where many pairs meet, take no time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iidindex.masks.batching import portions
from iidindex.masks.regions import Regions, compact, packed_sizes

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

# Rows of a block, as a power of two. Lower blocks need more indices; higher ones hold more
# rows that no mask needs.
_BLOCK_SHIFT = 4
_BLOCK_ROWS = 1 << _BLOCK_SHIFT
# Blocks compared at a time. Arrays of so many stay in a processor's cache.
_BLOCKS = 1 << 12
# Packed bytes copied at a time.
_BLOCK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Columns:
    """Regions as columns of blocks.

    Attributes
    ----------
    blocks : ndarray of uint64, shape (n, 16)
        A word for each row of a block, most significant bit first; bits outside the region are
        zero. Blocks of a column lie one behind the other.
    first : ndarray of int64, shape (k,)
        Number of each region's first column; its others follow.
    bbox : ndarray of int64, shape (k, 4)
        As in `Regions`.
    origin : ndarray of int64, shape (m,)
        For each column, which of `blocks` its block at image row 0 would be.
    top, bottom : ndarray of int64, shape (m,)
        Half-open range of each column's block rows outside which it holds no pixel.
    """

    blocks: Words
    first: Ints
    bbox: Ints
    origin: Ints
    top: Ints
    bottom: Ints


def words_needed(bbox: Ints) -> Ints:
    """How many words the blocks of each box take."""
    low, high = _block_rows(bbox)
    return (high - low << _BLOCK_SHIFT) * _columns_of(bbox)


def _block_rows(bbox: Ints) -> tuple[Ints, Ints]:
    """The range of block rows that each box meets, half-open."""
    return bbox[:, 0] >> _BLOCK_SHIFT, bbox[:, 2] + (_BLOCK_ROWS - 1) >> _BLOCK_SHIFT


def _column_range(bbox: Ints) -> tuple[Ints, Ints]:
    """The range of columns that each box meets, half-open."""
    return bbox[:, 1] >> 6, bbox[:, 3] + 63 >> 6


def _columns_of(bbox: Ints) -> Ints:
    left, right = _column_range(bbox)
    return right - left


def words_shared(bbox: Ints, i: Ints, j: Ints) -> int:
    """How many words `count_shared` compares at the most."""
    (upper, lower), (left, right) = _block_rows(bbox), _column_range(bbox)
    height = np.minimum(lower[i], lower[j]) - np.maximum(upper[i], upper[j])
    width = np.minimum(right[i], right[j]) - np.maximum(left[i], left[j])
    return int(np.dot(height, width)) << _BLOCK_SHIFT


def columns(regions: Regions) -> Columns:
    """Cut regions into columns of blocks."""
    bbox = regions.bbox
    n_words, n_columns = words_needed(bbox), _columns_of(bbox)
    ends = np.cumsum(n_words) >> _BLOCK_SHIFT
    begins = ends - (n_words >> _BLOCK_SHIFT)
    blocks = np.zeros((int(ends[-1]) if len(ends) else 0, _BLOCK_ROWS), np.uint64)
    packed = packed_sizes(bbox) + 8 * (bbox[:, 2] - bbox[:, 0])
    for part in portions(packed, _BLOCK_BYTES):
        _fill(blocks[int(begins[part][0]) : int(ends[part][-1])], regions[part])
    of, nth = _count_up(n_columns)
    upper = bbox[:, 0] >> _BLOCK_SHIFT
    height = (n_words >> _BLOCK_SHIFT) // np.maximum(n_columns, 1)
    opens = begins[of] + nth * height[of]
    origin = opens - upper[of]
    top, bottom = _filled(blocks, opens, height[of])
    return Columns(
        blocks, np.cumsum(n_columns) - n_columns, bbox, origin, top - origin, bottom - origin
    )


def _filled(blocks: Words, opens: Ints, height: Ints) -> tuple[Ints, Ints]:
    """From which block to behind which each column holds pixels; an empty column has none."""
    filled = np.flatnonzero(np.bitwise_or.reduce(blocks, axis=1))
    first = np.searchsorted(filled, opens)
    last = np.searchsorted(filled, opens + height) - 1
    if not len(filled):
        return opens, opens
    empty = last < first
    top = np.where(empty, opens, filled[np.minimum(first, len(filled) - 1)])
    return top, np.where(empty, opens, filled[last] + 1)


def _fill(blocks: Words, regions: Regions) -> None:
    """Write the blocks of some regions, one behind the other."""
    packed = compact(regions)
    # Words of the packed bits, and one behind the last, as a word may reach into it.
    bits = np.zeros((len(packed.data) >> 3) + 2, ">u8")
    bits.view(np.uint8)[: len(packed.data)] = packed.data
    bits = bits.astype(np.uint64)
    minr, minc, maxr, maxc = packed.bbox.T
    # One element per column.
    of, nth = _count_up(_columns_of(packed.bbox))
    left = ((minc >> 6)[of] + nth) << 6
    height, width = (maxr - minr)[of], (maxc - minc)[of]
    origin = packed.start[of] * 8 + left - minc[of]
    before = np.maximum(minc[of] - left, 0).astype(np.uint64)
    behind = np.maximum(left + 64 - maxc[of], 0).astype(np.uint64)
    inside = (_ALL >> before) & (_ALL << behind)
    above = minr & (_BLOCK_ROWS - 1)
    padded = (maxr - minr + above + (_BLOCK_ROWS - 1) & -_BLOCK_ROWS)[of]
    target = np.cumsum(padded) - padded + above[of]
    # One element per word.
    opens = np.cumsum(height) - height
    row = np.arange(int(np.add.reduce(height)))
    at = row * np.repeat(width, height)
    at += np.repeat(origin - opens * width, height)
    row += np.repeat(target - opens, height)
    shift = (at & 63).view(np.uint64)
    at >>= 6
    words = bits[at]
    words <<= shift
    at += 1
    shift ^= np.uint64(63)
    words |= bits[at] >> np.uint64(1) >> shift
    words &= np.repeat(inside, height)
    blocks.reshape(-1)[row] = words


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
    left, right = _column_range(regions.bbox)
    low = np.maximum(left[i], left[j])
    # One element per column that the boxes of a pair have in common.
    of, nth = _count_up(np.minimum(right[i], right[j]) - low)
    column = regions.first - left
    a = (column[i] + low)[of] + nth
    b = (column[j] + low)[of] + nth
    top = np.maximum(regions.top[a], regions.top[b])
    height = np.minimum(regions.bottom[a], regions.bottom[b]) - top
    some = np.flatnonzero(height > 0)
    top = top[some]
    shared = _count_ranges(
        regions.blocks, regions.origin[a[some]] + top, regions.origin[b[some]] + top, height[some]
    )
    total = np.zeros(len(i), np.int64)
    np.add.at(total, of[some], shared)
    return total


def _count_ranges(blocks: Words, a: Ints, b: Ints, length: Ints) -> Ints:
    """Count the bits that two ranges of blocks share, many pairs of ranges at a time."""
    total = np.empty(len(a), np.int64)
    ends = np.cumsum(length)
    opens = ends - length
    for part in portions(length, _BLOCKS):
        done = int(opens[part][0])
        n, begins = length[part], opens[part] - done
        nth = np.arange(int(ends[part][-1]) - done)
        # Of the ways to fetch rows, this one copies each in one go.
        both = blocks.take(np.repeat(a[part] - begins, n) + nth, axis=0)
        both &= blocks.take(np.repeat(b[part] - begins, n) + nth, axis=0)
        total[part] = np.add.reduceat(_bits(both), begins, dtype=np.int64)
    return total


# The lower of every two bytes, and a one in each of four numbers of 16 bits.
_LOWER = np.uint64(0x00FF00FF00FF00FF)
_ONES = np.uint64(0x0001000100010001)


def _bits(blocks: Words) -> Words:
    """Count the bits of each block.

    What `bitwise_count` says of eight words are the eight bytes of one word. Adding these side
    by side takes a fraction of the time of summing each block's sixteen bytes as numbers.
    """
    count = np.bitwise_count(blocks).view(np.uint64)
    # No byte is above 2 × 64, and then no number above 2 × 2 × 64.
    each = count[:, 0] + count[:, 1]
    total: Words = each >> np.uint64(8)
    total &= _LOWER
    each &= _LOWER
    total += each
    # The highest number of a product with ones is the sum of all four.
    total *= _ONES
    total >>= np.uint64(48)
    return total
