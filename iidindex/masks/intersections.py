"""Which of many masks overlap, and by how many pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iidindex.masks.blocks import Columns, columns, count_shared, words_needed, words_shared
from iidindex.masks.boxes import BoxIndex
from iidindex.masks.regions import Regions, join, packed_sizes
from iidindex.masks.tiles import disjoint, reduce_by
from iidindex.masks.windows import count_common

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Up to so many regions it is cheaper to compare those without a pixel, too.
_MANY = 4096
# Cutting masks into columns pays when each word is compared so many times; narrow masks take
# many times their packed bytes, so that there is a limit.
_PAYS = 1.5
_MOST_WORDS = 1 << 23


def overlapping(
    regions: Regions, owner: Ints, side: Bools | None = None
) -> tuple[Ints, Ints, Ints]:
    """Count the shared pixels of every pair of masks that overlap.

    Parameters
    ----------
    regions : Regions
        The regions of all masks.
    owner : ndarray of int64, shape (k,)
        For each region, the number of the mask it belongs to, from 0.
    side : ndarray of bool, optional
        For each mask, by its number, on which of two sides it is: compare only with masks of the
        other side.

    Returns
    -------
    a, b, pixels : ndarray of int64, shape (m,)
        Pairs with ``a < b``, in ascending order, and the pixels they share, at least 1.

    Notes
    -----
    Boxes of regions are joined first, then the bits of those that meet are compared, a word at a
    time. Memory holds the pairs that overlap and a bounded block of candidates.
    """
    counted = _count(regions, owner, side)
    if counted is None:
        # Regions of one mask share pixels, against the format: a pixel would count twice.
        counted = _count(*_mended(regions, owner), side)
        assert counted is not None
    return counted


def _mended(regions: Regions, owner: Ints) -> tuple[Regions, Ints]:
    """Make the regions of every mask disjoint."""
    order = np.argsort(owner, kind="stable")
    masks, first = np.unique(owner[order], return_index=True)
    mended = [disjoint(regions[rows]) for rows in np.split(order, first[1:])]
    return join(mended), np.repeat(masks, [len(part) for part in mended])


def _count(regions: Regions, owner: Ints, side: Bools | None) -> tuple[Ints, Ints, Ints] | None:
    """Sum shared pixels by pair of owners; None as soon as regions of one owner share some."""
    if len(regions) > _MANY:
        # Regions that hold no pixel can be so many, and all in one place, that there is no
        # end of pairs.
        filled = _has_bits(regions)
        regions, owner = regions[filled], owner[filled]
    n = int(owner.max(initial=0)) + 1
    codes: list[Ints] = []
    sums: list[Ints] = []
    needed = int(np.add.reduce(words_needed(regions.bbox)))
    asked = 0
    cut: Columns | None = None
    side_of = None if side is None else side[owner]
    for i, j in BoxIndex(regions.bbox).pairs():
        if side_of is not None:
            # Those of one mask, too: they may share pixels against the format.
            asked_for = np.flatnonzero((side_of[i] != side_of[j]) | (owner[i] == owner[j]))
            i, j = i[asked_for], j[asked_for]
        if cut is None and needed <= _MOST_WORDS:
            asked += words_shared(regions.bbox, i, j)
            cut = columns(regions) if asked > _PAYS * needed else None
        pixels = count_common(regions, regions, i, j) if cut is None else count_shared(cut, i, j)
        some = np.flatnonzero(pixels)
        first, second = owner[i[some]], owner[j[some]]
        if np.logical_or.reduce(first == second):
            return None
        code = np.minimum(first, second) * n + np.maximum(first, second)
        code, total = reduce_by(np.add, code, pixels[some])
        codes.append(code)
        sums.append(total)
    if not codes:
        empty = np.empty(0, np.int64)
        return empty, empty, empty
    code, total = codes[0], sums[0]
    if len(codes) > 1:
        code, total = reduce_by(np.add, np.concatenate(codes), np.concatenate(sums))
    return code // n, code % n, total


def _has_bits(regions: Regions) -> Bools:
    """Which regions have a byte that is not zero, as all have that have a pixel."""
    n_bytes = packed_sizes(regions.bbox)
    # In the order of their bytes, so that these are looked through once.
    filled = np.flatnonzero(n_bytes)
    filled = filled[np.argsort(regions.start[filled], kind="stable")]
    found = np.zeros(len(regions), np.bool_)
    if len(filled):
        start = regions.start[filled]
        edges = np.column_stack([start, start + n_bytes[filled]]).ravel()
        # The last one may end where the data do.
        data = np.append(regions.data, np.uint8(0))
        found[filled] = np.bitwise_or.reduceat(data, edges)[::2] > 0
    return found
