"""Decoding many masks at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from iidindex.buffers import Bytes
from iidindex.codec.reader import Ints
from iidindex.codec.region_table import read_few_regions, read_regions
from iidindex.errors import IIDFormatError
from iidindex.masks.batching import portions
from iidindex.masks.regions import Bool2D, Regions, compact, paint, unpack
from iidindex.model import BBox

# Packed bytes unpacked in one go. The masks of a block share its memory, so that one kept
# alone keeps eight times as many bytes alive; and a block stays within a processor's cache.
# Smaller blocks let go of their memory sooner, but take no less time.
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
            parts = [unpack(data[start:], inner.height, inner.width) for inner, start in few]
            return _assembled(bbox, [inner for inner, _ in few], parts)
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
    for part in portions(np.maximum(length, pixels >> 3), _BLOCK_BYTES):
        try:
            yield from _decode_block(data, offset[part], length[part], bbox[part])
        except MemoryError:
            largest = part.start + int(np.argmax(pixels[part]))
            raise _too_large(BBox(*corner[largest].tolist()), int(offset[largest])) from None


def _decode_block(
    data: Bytes, offset: Ints, length: Ints, bbox: npt.NDArray[np.uint16]
) -> list[Bool2D]:
    table = read_regions(data, offset, length, bbox)
    regions = table.regions
    boxes = bbox.tolist()
    if int(length.sum()) > _BLOCK_BYTES:  # a single large mask is painted band by band
        return [paint(regions, BBox(*boxes[0]))]
    parts = _unpack_all(regions)
    first = np.searchsorted(table.segment, np.arange(len(offset) + 1)).tolist()
    inner = regions.bbox.tolist()
    return [
        parts[low]
        if high - low == 1 and inner[low] == box
        else _assembled(box, inner[low:high], parts[low:high])
        for box, low, high in zip(boxes, first, first[1:], strict=False)
    ]


def _assembled(
    box: Sequence[int], inner: Sequence[Sequence[int]], parts: Sequence[Bool2D]
) -> Bool2D:
    """A mask over `box` of the regions whose boxes are `inner`."""
    minr, minc, maxr, maxc = box
    mask = np.zeros((maxr - minr, maxc - minc), np.bool_)
    for nth, (top, left, bottom, right) in enumerate(inner):
        target = mask[top - minr : bottom - minr, left - minc : right - minc]
        if nth:
            # Regions should not share pixels, but a file may hold any bytes.
            target[parts[nth]] = True
        else:
            target[...] = parts[0]
    return mask


def _unpack_all(regions: Regions) -> list[Bool2D]:
    """Unpack whole regions at once, those between which little else lies with what lies there."""
    near = compact(regions)
    size = near.bbox[:, 2:] - near.bbox[:, :2]
    bits = np.unpackbits(near.data)
    return [
        # Made so, it takes less time than a slice that is given a shape.
        np.ndarray(shape, _BOOL, bits, begin)
        for shape, begin in zip(size.tolist(), (near.start * 8).tolist(), strict=True)
    ]


_BOOL = np.dtype(np.bool_)
