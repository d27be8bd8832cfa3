"""Decoding many masks at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from iidindex.codec.reader import Bytes, Ints
from iidindex.codec.regions import read_few_regions, read_regions
from iidindex.errors import IIDFormatError
from iidindex.masks.regions import Bool2D, Regions, paint, unpack
from iidindex.model import BBox

# Packed bytes unpacked in one go. The masks of a block share its memory, so that one kept
# alone keeps eight times as many bytes alive; and a block stays within a processor's cache.
_BLOCK_BYTES = 1 << 17

# Pixels up to which a region is unpacked whole rather than band by band.
_SMALL = 1 << 20


def decode_mask(
    data: Bytes, offset: int, length: int, bbox: BBox, crop: BBox | None = None
) -> Bool2D:
    """Decode one mask.

    Parameters
    ----------
    data : ndarray of uint8, shape (size,)
        The bytes that hold the segment.
    offset, length : int
        Where the segment lies in `data`, checked, in bytes.
    bbox : BBox
        The segment's box.
    crop : BBox, optional
        Return this part only; the rows outside it are not unpacked.

    Returns
    -------
    ndarray of bool, shape (bbox.height, bbox.width)
        Of the common box, if `crop` is given.

    Raises
    ------
    IIDFormatError
        If the regions are not valid, or the mask does not fit into memory.
    """
    box = bbox if crop is None else bbox & crop
    try:
        few = None if crop is not None else read_few_regions(data, offset, length, bbox)
        if few is not None and bbox.n_pixels <= _SMALL:
            if len(few) == 1 and few[0][0] == bbox:
                return unpack(data[few[0][1] :], bbox.height, bbox.width)
            mask = np.zeros((bbox.height, bbox.width), np.bool_)
            for inner, start in few:
                part = unpack(data[start:], inner.height, inner.width)
                target = mask[
                    inner.minr - bbox.minr : inner.maxr - bbox.minr,
                    inner.minc - bbox.minc : inner.maxc - bbox.minc,
                ]
                # Regions should not share pixels, but a file may hold any bytes.
                target |= part
            return mask
        table = read_regions(
            data, np.array([offset]), np.array([length]), np.array([bbox], np.uint16)
        )
        return paint(table.regions, box)
    except MemoryError:
        raise _too_large(box, offset) from None


def _too_large(box: BBox, offset: int) -> IIDFormatError:
    return IIDFormatError(
        f"a mask of {box.height} x {box.width} pixels does not fit into memory; "
        "ask for a part of it with mask(bbox)",
        section="segs",
        offset=offset,
    )


def decode_masks(
    data: Bytes, offset: Ints, length: Ints, bbox: npt.NDArray[np.uint16]
) -> Iterator[Bool2D]:
    """Decode many masks, in the order asked for, in bounded memory.

    Parameters
    ----------
    data : ndarray of uint8, shape (size,)
        The bytes that hold the segments.
    offset, length : ndarray of int64, shape (n,)
        Where each segment lies in `data`, checked, in bytes.
    bbox : ndarray of uint16, shape (n, 4)
        The segments' boxes.

    Yields
    ------
    ndarray of bool, shape (height, width)
        One mask for each segment. Masks of one region that fills the segment's box, which
        most are, are unpacked many at a time and share memory with their neighbours.

    Raises
    ------
    IIDFormatError
        As `decode_mask`, before the first mask of a block is yielded.
    """
    # A segment of few bytes may have a large, empty box: what its mask would take packed
    # counts, if that is more.
    corner = bbox.astype(np.int64)
    pixels = (corner[:, 2] - corner[:, 0]) * (corner[:, 3] - corner[:, 1])
    ends = np.cumsum(np.maximum(length, pixels >> 3))
    low = 0
    while low < len(offset):
        done = int(ends[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(ends, done + _BLOCK_BYTES, side="right")))
        part = slice(low, high)
        try:
            yield from _decode_block(data, offset[part], length[part], bbox[part])
        except MemoryError:
            largest = low + int(np.argmax(pixels[part]))
            raise _too_large(BBox(*corner[largest].tolist()), int(offset[largest])) from None
        low = high


def _decode_block(
    data: Bytes, offset: Ints, length: Ints, bbox: npt.NDArray[np.uint16]
) -> list[Bool2D]:
    table = read_regions(data, offset, length, bbox)
    regions = table.regions
    boxes = bbox.tolist()
    if int(length.sum()) > _BLOCK_BYTES:  # a single large mask is painted band by band
        return [paint(regions, BBox(*boxes[0]))]
    bits, begins = _unpack_all(regions)
    first = np.searchsorted(table.segment, np.arange(len(offset) + 1)).tolist()
    inner = regions.bbox.tolist()
    masks: list[Bool2D] = []
    for box, low, high in zip(boxes, first, first[1:], strict=False):
        minr, minc, maxr, maxc = box
        height, width = maxr - minr, maxc - minc
        if high == low + 1 and inner[low] == box:
            at = begins[low]
            masks.append(bits[at : at + height * width].reshape(height, width))
            continue
        mask = np.zeros((height, width), np.bool_)
        for (top, left, bottom, right), at in zip(inner[low:high], begins[low:high], strict=True):
            height, width = bottom - top, right - left
            part = bits[at : at + height * width].reshape(height, width)
            target = mask[top - minr : bottom - minr, left - minc : right - minc]
            # Regions should not share pixels, but a file may hold any bytes.
            target |= part
        masks.append(mask)
    return masks


def _unpack_all(regions: Regions) -> tuple[npt.NDArray[np.bool_], list[int]]:
    """Unpack whole regions into one array; return it and where each region's bits begin."""
    if not len(regions):
        return np.empty(0, np.bool_), []
    size = regions.bbox[:, 2:] - regions.bbox[:, :2]
    n_bytes = (size[:, 0] * size[:, 1] + 7) // 8
    start = regions.start
    low, high = int(start.min()), int((start + n_bytes).max())
    if high - low <= _BLOCK_BYTES:
        # The segments lie close together: the heads between them are unpacked as well.
        bits = np.unpackbits(regions.data[low:high])
        return bits.view(np.bool_), ((start - low) * 8).tolist()
    ends = (start + n_bytes).tolist()
    parts = [regions.data[a:b] for a, b in zip(start.tolist(), ends, strict=True)]
    bits = np.unpackbits(np.concatenate(parts))
    return bits.view(np.bool_), ((np.cumsum(n_bytes) - n_bytes) * 8).tolist()
