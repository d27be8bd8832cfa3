"""Masks as the packed bits of their boxes, put together from regions."""

from __future__ import annotations

import numpy as np

from iidindex.masks.batching import portions
from iidindex.masks.regions import Bytes, Ints, Regions, packed_sizes, paint, set_pixels
from iidindex.model import BBox

# Pixels of boxes and regions that are handled together, and those above which a mask is unpacked
# for itself, row by row: of a large region, only some rows may be wanted.
_PIXELS_TOGETHER = 1 << 21
_PIXELS_ALONE = 1 << 16
# Bytes that are gathered together.
_BYTES_TOGETHER = 1 << 20


def pack_boxes(regions: Regions, owner: Ints, bbox: Ints) -> tuple[Bytes, Ints]:
    """Pack what masks have inside boxes, a box for each mask.

    Parameters
    ----------
    regions : Regions
        Those of all masks.
    owner : ndarray of int64, shape (k,)
        For each region, the position of its mask; ascending.
    bbox : ndarray of int64, shape (n, 4)
        ``(minr, minc, maxr, maxc)``, half-open, pixels: what is wanted of each mask.

    Returns
    -------
    bits : ndarray of uint8, shape (size,)
        One mask behind the other: row-major, most significant bit first, rows not padded, zeros
        after the last bit.
    start : ndarray of int64, shape (n,)
        Byte at which the bits of each mask begin.

    Notes
    -----
    A mask whose only region is its box is copied, as it is packed already. The small ones among the
    others are painted together.
    """
    size = packed_sizes(bbox)
    start = np.cumsum(size) - size
    bits = np.zeros(int(size.sum()), np.uint8)
    number = np.bincount(owner, minlength=len(bbox))
    first = np.cumsum(number) - number
    is_one = np.flatnonzero(number == 1)
    is_whole = (regions.bbox[first[is_one]] == bbox[is_one]).all(axis=1)
    copied = is_one[is_whole]
    _copy(regions, first[copied], bits, start[copied], size[copied])
    _clear_ends(bits, bbox[copied], start[copied], size[copied])
    rest = np.setdiff1d(np.flatnonzero(number), copied)
    pixels = np.bincount(owner, _pixels(regions.bbox), len(bbox)).astype(np.int64) + _pixels(bbox)
    is_large = pixels[rest] > _PIXELS_ALONE
    for one in rest[is_large].tolist():
        own = regions[first[one] : first[one] + number[one]]
        mask = paint(own, BBox(*bbox[one].tolist()))
        bits[start[one] : start[one] + size[one]] = np.packbits(mask.reshape(-1))
    small = rest[~is_large]
    for part in portions(pixels[small], _PIXELS_TOGETHER):
        _paint_together(regions, owner, bbox, small[part], bits, start)
    return bits, start


def _pixels(bbox: Ints) -> Ints:
    return (bbox[:, 2] - bbox[:, 0]) * (bbox[:, 3] - bbox[:, 1])


def _copy(regions: Regions, which: Ints, bits: Bytes, start: Ints, size: Ints) -> None:
    """Copy the bytes of regions, each to its start."""
    for part in portions(size, _BYTES_TOGETHER):
        one = which[part]
        if len(one) == 1:
            begin, end = int(regions.start[one[0]]), int(start[part][0])
            length = int(size[part][0])
            bits[end : end + length] = regions.data[begin : begin + length]
            continue
        within = np.arange(int(size[part].sum()))
        within -= np.repeat(np.cumsum(size[part]) - size[part], size[part])
        source = np.repeat(regions.start[one], size[part]) + within
        bits[np.repeat(start[part], size[part]) + within] = regions.data[source]


def _clear_ends(bits: Bytes, bbox: Ints, start: Ints, size: Ints) -> None:
    """Clear what a careless program may have set after the last bit."""
    used = _pixels(bbox) % 8
    odd = np.flatnonzero(used)
    bits[start[odd] + size[odd] - 1] &= (0xFF00 >> used[odd]).astype(np.uint8)


def _paint_together(
    regions: Regions, owner: Ints, bbox: Ints, which: Ints, bits: Bytes, start: Ints
) -> None:
    """Paint some masks, which are small, on one line of pixels."""
    rows = np.flatnonzero(np.isin(owner, which))
    region, row, col = set_pixels(regions[rows])
    mask = owner[rows][region]
    minr, minc, maxr, maxc = bbox[mask].T
    inside = (row >= minr) & (row < maxr) & (col >= minc) & (col < maxc)
    place = (row - minr) * (maxc - minc) + col - minc
    size = packed_sizes(bbox[which])
    begin = np.zeros(len(bbox), np.int64)
    begin[which] = np.cumsum(size) - size
    line = np.zeros(8 * int(size.sum()), np.bool_)
    line[(8 * begin[mask] + place)[inside]] = True
    packed = np.packbits(line)
    within = np.arange(len(packed)) - np.repeat(begin[which], size)
    bits[np.repeat(start[which], size) + within] = packed
