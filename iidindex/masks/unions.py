"""Masks that are made up of several, and shapes wherever they lie."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iidindex.masks.boxes import BoxIndex
from iidindex.masks.measure import areas
from iidindex.masks.regions import Regions, join
from iidindex.masks.tiles import tiles
from iidindex.masks.windows import count_common, count_inside

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def united(regions: Regions, owner: Ints) -> tuple[Regions, Ints]:
    """Unite the masks of each owner: regions of one owner share no pixel afterwards.

    Parameters
    ----------
    regions : Regions
    owner : ndarray of int64, shape (k,)
        Whose each region is, in any order.

    Returns
    -------
    regions : Regions
    owner : ndarray of int64
        Of owners whose regions share no pixel, they are as they were.
    """
    shares: list[Ints] = []
    for i, j in BoxIndex(regions.bbox).pairs():
        own = np.flatnonzero(owner[i] == owner[j])
        i, j = i[own], j[own]
        shares.append(np.unique(owner[i[count_common(regions, regions, i, j) > 0]]))
    several = np.unique(np.concatenate(shares)) if shares else np.empty(0, np.int64)
    if not len(several):
        return regions, owner
    rest = ~np.isin(owner, several)
    mended = [tiles(regions[owner == one]) for one in several.tolist()]
    owners = np.repeat(several, [len(part) for part in mended])
    return join([regions[rest], *mended]), np.concatenate([owner[rest], owners])


def hulls(regions: Regions, owner: Ints, n_owners: int) -> Ints:
    """The smallest box around the set pixels of each owner.

    Parameters
    ----------
    regions : Regions
    owner : ndarray of int64, shape (k,)
    n_owners : int

    Returns
    -------
    ndarray of int64, shape (n_owners, 4)
        Zeros for an owner without a pixel. Boxes of regions need not be tight: their edges are
        looked for by halving, and nothing is unpacked.
    """
    filled = np.flatnonzero(areas(regions) > 0)
    regions, owner = regions[filled], owner[filled]
    found = np.zeros((n_owners, 4), np.int64)
    far = np.iinfo(np.int64).max
    low, high = np.full((n_owners, 2), far), np.full((n_owners, 2), -far)
    for axis in (0, 1):
        np.minimum.at(low[:, axis], owner, _edge(regions, axis, is_last=False))
        np.maximum.at(high[:, axis], owner, _edge(regions, axis, is_last=True) + 1)
    some = np.unique(owner)
    found[some] = np.concatenate([low[some], high[some]], axis=1)
    return found


def _edge(regions: Regions, axis: int, *, is_last: bool) -> Ints:
    """The first or the last row or column of each region in which a pixel is set."""
    every = np.arange(len(regions))
    low, high = regions.bbox[:, axis].copy(), regions.bbox[:, axis + 2] - 1
    while (low < high).any():
        # Of two, the one on whose side of the edge the pixels are.
        middle = (low + high + is_last) // 2
        box = regions.bbox.copy()
        if is_last:
            box[:, axis] = middle
        else:
            box[:, axis + 2] = middle + 1
        reaches = (count_inside(regions, every, box) > 0) & (low < high)
        beyond = ~reaches & (low < high)
        if is_last:
            low, high = np.where(reaches, middle, low), np.where(beyond, middle - 1, high)
        else:
            low, high = np.where(beyond, middle + 1, low), np.where(reaches, middle, high)
    return low
