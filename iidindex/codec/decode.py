"""Decoding many masks at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from iidindex.buffers import Bytes
from iidindex.codec import layout
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


# Packed bytes that are decoded ahead of who asks for one mask after the other, who may keep one
# of them, and with it the memory of all; and how few masks are quicker decoded one by one.
_AHEAD_BYTES = 1 << 14
_FEW_MASKS = 8


def rows_ahead(length: Ints) -> int:
    """How many segments of these lengths, from the first on, can be decoded ahead at most."""
    # No more than this can be of use, however many there are.
    some = length[: _AHEAD_BYTES // layout.SEGMENT_HEAD_SIZE]
    return int(np.cumsum(some).searchsorted(_AHEAD_BYTES, side="right"))


def decode_ahead(
    data: Bytes, offset: Ints, length: Ints, bbox: npt.NDArray[np.uint16]
) -> list[Bool2D]:
    """Decode the first of some masks in one go.

    Parameters
    ----------
    data : ndarray of uint8, shape (size,)
        The bytes that hold the segments.
    offset, length : ndarray of int64, shape (n,)
        Where each segment lies in `data`, checked, in bytes; no more than `rows_ahead`.
    bbox : ndarray of uint16, shape (n, 4)
        The segments' boxes.

    Returns
    -------
    list of ndarray of bool, shape (height, width)
        Each may be written to, though they share memory. None, if these segments share bytes,
        or so few masks are small that one by one is quicker.

    Raises
    ------
    IIDFormatError
        If any of them is not valid.
    """
    corner = bbox.astype(np.int64)
    pixels = (corner[:, 2] - corner[:, 0]) * (corner[:, 3] - corner[:, 1])
    n = rows_ahead(np.maximum(length, pixels >> 3))
    if n < _FEW_MASKS:
        return []
    offset, length = offset[:n], length[:n]
    if _have_bytes_in_common(offset, length):
        return []
    return _decode_block(data, offset, length, bbox[:n])


def _have_bytes_in_common(offset: Ints, length: Ints) -> bool:
    end = offset + length
    if not np.count_nonzero(end[:-1] > offset[1:]):
        return False
    order = np.argsort(offset, kind="stable")
    return bool(np.count_nonzero(end[order[:-1]] > offset[order[1:]]))


def _decode_block(
    data: Bytes, offset: Ints, length: Ints, bbox: npt.NDArray[np.uint16]
) -> list[Bool2D]:
    table = read_regions(data, offset, length, bbox)
    regions = table.regions
    n_bytes = int(np.add.reduce(length))
    if n_bytes > _BLOCK_BYTES:  # a single large mask is painted band by band
        return [paint(regions, BBox(*bbox[0].tolist()))]
    low = int(np.minimum.reduce(offset))
    high = int(np.maximum.reduce(offset + length))
    # Segments that lie close together are unpacked with their heads and what else is there.
    parts = _unpack_all(
        Regions(data[low:high], regions.start - low, regions.bbox)
        if high - low <= 2 * n_bytes
        else compact(regions)
    )
    if table.is_one_each and not np.count_nonzero(regions.bbox != bbox):
        return parts
    boxes = bbox.tolist()
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
    if not inner:
        return mask
    top, left, bottom, right = inner[0]
    mask[top - minr : bottom - minr, left - minc : right - minc] = parts[0]
    for (top, left, bottom, right), part in zip(inner[1:], parts[1:], strict=True):
        # Regions should not share pixels, but a file may hold any bytes.
        target = mask[top - minr : bottom - minr, left - minc : right - minc]
        np.logical_or(target, part, target)
    return mask


def _unpack_all(regions: Regions) -> list[Bool2D]:
    """Unpack the whole buffer, and cut it at the regions."""
    size = regions.bbox[:, 2:] - regions.bbox[:, :2]
    bits = np.unpackbits(regions.data)
    return [
        # Made so, it takes less time than a slice that is given a shape.
        np.ndarray(shape, _BOOL, bits, begin)
        for shape, begin in zip(size.tolist(), (regions.start * 8).tolist(), strict=True)
    ]


_BOOL = np.dtype(np.bool_)
