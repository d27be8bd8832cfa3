"""Masks whose regions share pixels, which the format forbids, made countable."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.masks.boxes import BoxIndex
from iidindex.masks.measure import areas
from iidindex.masks.regions import LEAD, Regions, join
from iidindex.masks.windows import count_common

Ints = npt.NDArray[np.int64]

# Packed bytes whose bits are handled at a time; for each bit, some hundred bytes are needed.
_BLOCK_BYTES = 1 << 15
# So many bits number the tiles of a row.
_TILE_BITS = 29


def disjoint(regions: Regions) -> Regions:
    """Return regions of the same mask that share no pixel.

    The format promises as much, but a file may break the promise; counting region by region
    would then count a pixel twice. Regions that keep it come back as they are.
    """
    if len(regions) < 2:
        return regions
    filled = regions[areas(regions) > 0]
    pairs = BoxIndex(filled.bbox).pairs()
    if not any(count_common(filled, filled, i, j).any() for i, j in pairs):
        return regions
    return tiles(filled)


def disjoint_masks(regions: Regions, owner: Ints) -> Regions:
    """Return regions of many masks of which no two of the same mask share a pixel.

    Parameters
    ----------
    regions : Regions
    owner : ndarray of int64, shape (k,)
        The mask of each region, ascending.
    """
    _, first, n = np.unique(owner, return_index=True, return_counts=True)
    several = n > 1
    mended, broken = [], np.zeros(len(owner), np.bool_)
    for low, high in zip(first[several].tolist(), (first + n)[several].tolist(), strict=True):
        own = regions[low:high]
        parted = disjoint(own)
        if parted is not own:
            broken[low:high] = True
            mended.append(parted)
    return join([regions[~broken], *mended]) if mended else regions


def tiles(regions: Regions) -> Regions:
    """Cut a mask into tiles of 8 by 8 pixels, whose bits are one word each.

    Whatever the regions share and however far apart they lie, time and memory grow with their
    bits alone.

    Parameters
    ----------
    regions : Regions
        Those of one mask.

    Returns
    -------
    Regions
        Tiles that hold a pixel, row by row. Their boxes are not tight, and may reach a few
        pixels beyond the largest coordinate.
    """
    packed = join([regions])
    size = packed.bbox[:, 2:] - packed.bbox[:, :2]
    first_bit = packed.start * 8
    found = [(np.empty(0, np.int64), np.empty(0, np.uint64))]
    for at in range(LEAD, len(packed.data), _BLOCK_BYTES):
        bits = np.flatnonzero(np.unpackbits(packed.data[at : at + _BLOCK_BYTES])) + at * 8
        which = np.searchsorted(first_bit, bits, side="right") - 1
        nth = bits - first_bit[which]
        inside = nth < size[which, 0] * size[which, 1]
        which, nth = which[inside], nth[inside]
        row, col = np.divmod(nth, size[which, 1])
        row += packed.bbox[which, 0]
        col += packed.bbox[which, 1]
        bit = ((row & 7) << 3 | col & 7).astype(np.uint64)
        found.append(
            reduce_by(np.bitwise_or, row >> 3 << _TILE_BITS | col >> 3, np.uint64(1 << 63) >> bit)
        )
    tile, word = reduce_by(
        np.bitwise_or, *(np.concatenate(column) for column in zip(*found, strict=True))
    )
    bbox = np.empty((len(tile), 4), np.int64)
    bbox[:, 0] = tile >> _TILE_BITS << 3
    bbox[:, 1] = (tile & (1 << _TILE_BITS) - 1) << 3
    bbox[:, 2:] = bbox[:, :2] + 8
    data = np.concatenate([np.zeros(LEAD, np.uint8), word.astype(">u8").view(np.uint8)])
    return Regions(data, LEAD + 8 * np.arange(len(tile)), bbox)


def reduce_by(join: np.ufunc, code: Ints, value: npt.NDArray[Any]) -> tuple[Ints, npt.NDArray[Any]]:
    """Join the values of equal codes; ascending by code."""
    if not len(code):
        return code, value
    order = np.argsort(code, kind="stable")
    code = code[order]
    opens = np.flatnonzero(np.diff(code, prepend=code[0] - 1))
    return code[opens], join.reduceat(value[order], opens)
