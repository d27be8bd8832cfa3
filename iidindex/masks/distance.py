"""How far masks are from a pixel."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from iidindex.masks.regions import Bool2D, Regions, pixel_in, row_blocks, set_pixels

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Regions of no more pixels are unpacked together, so many bytes of packed bits at a time; of a
# larger one, most rows need no look.
_SMALL_PIXELS = 1 << 14
_BLOCK_BYTES = 1 << 17
_BLOCK_PIXELS = 1 << 20


def distances(regions: Regions, mask: Ints, n_masks: int, row: int, col: int) -> Floats:
    """Euclidean distances in pixels from a pixel to the nearest pixel of each of many masks.

    Parameters
    ----------
    regions : Regions
    mask : ndarray of int64, shape (k,)
        For each region, the number of the mask that it belongs to; ascending.
    n_masks : int
    row, col : int
        Image coordinates of the pixel.

    Returns
    -------
    ndarray of float64, shape (n_masks,)
        0 if the pixel is in the mask; ``inf`` if the mask is empty.
    """
    squared = np.full(n_masks, np.inf)
    # The bit under the pixel is looked at before any other: nothing is nearer.
    squared[mask[pixel_in(regions, row, col)]] = 0
    far = np.flatnonzero(np.isinf(squared)[mask])
    if len(far) < len(mask):
        regions, mask = regions[far], mask[far]
    size = regions.bbox[:, 2:] - regions.bbox[:, :2]
    n_pixels = size[:, 0] * size[:, 1]
    # Of masks all of whose regions are small.
    small = np.ones(n_masks, np.bool_)
    small[mask[n_pixels > _SMALL_PIXELS]] = False
    chosen = np.flatnonzero(small[mask] & (n_pixels > 0))
    n_bytes = np.cumsum((n_pixels[chosen] + 7) // 8)
    for some in np.split(chosen, np.flatnonzero(np.diff(n_bytes // _BLOCK_BYTES)) + 1):
        _nearest_of(regions[some], mask[some], squared, row, col)
    found: Floats = np.sqrt(squared)
    for which in np.flatnonzero(~small).tolist():
        low, high = np.searchsorted(mask, [which, which + 1]).tolist()
        found[which] = distance(regions[low:high], row, col)
    return found


def _nearest_of(regions: Regions, mask: Ints, squared: Floats, row: int, col: int) -> None:
    """Lower the squared distances of masks to those of their regions' nearest pixels."""
    region, at_row, at_col = set_pixels(regions)
    away = (at_row - row) ** 2 + (at_col - col) ** 2
    np.minimum.at(squared, mask[region], away.astype(np.float64))


def distance(regions: Regions, row: int, col: int) -> float:
    """Euclidean distance in pixels from a pixel to the nearest pixel of a mask.

    Parameters
    ----------
    regions : Regions
        The regions of one mask.
    row, col : int
        Image coordinates of the pixel.

    Returns
    -------
    float
        0.0 if the pixel is in the mask; ``inf`` if the mask is empty.

    Notes
    -----
    Regions are visited in the order of their boxes' distance and left when no closer pixel
    is possible; within a region, so are blocks of rows.
    """
    box = regions.bbox
    away_r = np.maximum(0, np.maximum(box[:, 0] - row, row - box[:, 2] + 1))
    away_c = np.maximum(0, np.maximum(box[:, 1] - col, col - box[:, 3] + 1))
    bound = away_r**2 + away_c**2
    best = math.inf
    for which in np.argsort(bound, kind="stable").tolist():
        if bound[which] >= best:
            break
        best = min(best, _region_distance(regions, which, row, col, best))
    return math.sqrt(best)


def _region_distance(regions: Regions, which: int, row: int, col: int, best: float) -> float:
    """Squared distance to one region, or `best` if it is not closer."""
    minr, minc, maxr, _ = regions.bbox[which].tolist()
    pivot = min(max(row, minr), maxr)
    below = row_blocks(regions, which, pivot, maxr, max_pixels=_BLOCK_PIXELS)
    for first, block in below:
        if (max(0, first - row)) ** 2 >= best:
            break
        best = min(best, _block_distance(block, first - row, minc - col))
    # Rows above the pixel, nearest block first.
    step = max(1, _BLOCK_PIXELS // max(1, int(regions.bbox[which, 3]) - minc))
    for last in range(pivot, minr, -step):
        if (row - last + 1) ** 2 >= best and last <= row:
            break
        first = max(minr, last - step)
        for at, block in row_blocks(regions, which, first, last, max_pixels=_BLOCK_PIXELS):
            best = min(best, _block_distance(block, at - row, minc - col))
    return best


def _block_distance(block: Bool2D, row: int, col: int) -> float:
    """Squared distance from the origin to a block whose first pixel lies at `row`, `col`."""
    rows, cols = np.nonzero(block)
    if not len(rows):
        return math.inf
    return float(((rows + row) ** 2 + (cols + col) ** 2).min())
