"""Which of many masks overlap, and by how many pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iidindex.masks.boxes import BoxIndex
from iidindex.masks.measure import disjoint
from iidindex.masks.regions import Regions, join
from iidindex.masks.windows import count_common

Ints = npt.NDArray[np.int64]


def overlapping(regions: Regions, owner: Ints) -> tuple[Ints, Ints, Ints]:
    """Count the shared pixels of every pair of masks that overlap.

    Parameters
    ----------
    regions : Regions
        The regions of all masks.
    owner : ndarray of int64, shape (k,)
        For each region, the number of the mask it belongs to, from 0.

    Returns
    -------
    a, b, pixels : ndarray of int64, shape (m,)
        Pairs with ``a < b``, in ascending order, and the pixels they share, at least 1.

    Notes
    -----
    Boxes of regions are joined first, then the bits of those that meet are compared, 57 at a
    time. Memory holds the pairs that overlap and a bounded block of candidates.
    """
    a, b, pixels = _count(regions, owner)
    itself = a == b
    if np.logical_or.reduce(itself):
        twice = a[itself]
        # Regions of one mask share pixels, against the format: such masks are cut anew, as a
        # pixel would be counted twice.
        bad = np.isin(owner, twice)
        mended = [disjoint(regions[owner == mask]) for mask in twice.tolist()]
        owner = np.concatenate([owner[~bad], np.repeat(twice, [len(part) for part in mended])])
        a, b, pixels = _count(join([regions[~bad], *mended]), owner)
    return a, b, pixels


def _count(regions: Regions, owner: Ints) -> tuple[Ints, Ints, Ints]:
    """Sum shared pixels by pair of owners; an owner pairs with itself if its regions overlap."""
    n = int(owner.max(initial=0)) + 1
    codes: list[Ints] = []
    sums: list[Ints] = []
    for i, j in BoxIndex(regions.bbox).pairs():
        pixels = count_common(regions, regions, i, j)
        some = np.flatnonzero(pixels)
        first, second = owner[i[some]], owner[j[some]]
        code = np.minimum(first, second) * n + np.maximum(first, second)
        code, total = _sum_by(code, pixels[some])
        codes.append(code)
        sums.append(total)
    if not codes:
        empty = np.empty(0, np.int64)
        return empty, empty, empty
    code, total = codes[0], sums[0]
    if len(codes) > 1:
        code, total = _sum_by(np.concatenate(codes), np.concatenate(sums))
    return code // n, code % n, total


def _sum_by(code: Ints, value: Ints) -> tuple[Ints, Ints]:
    if not len(code):
        return code, value
    order = np.argsort(code, kind="stable")
    code = code[order]
    opens = np.flatnonzero(np.diff(code, prepend=code[0] - 1))
    return code[opens], np.add.reduceat(value[order], opens)
