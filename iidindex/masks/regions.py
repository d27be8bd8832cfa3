"""Packed masks: regions of one bit a pixel, and the ways into and out of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.errors import EncodeError
from iidindex.model import BBox

Bool2D = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

# Bits are fetched eight bytes at a time, counted back from the last one wanted (see
# `windows`). So many bytes must lie before the first bit of any region.
LEAD = 8

# Labels that an error names.
_LABELS_TOLD = 8


# Made for every mask; a frozen class takes many times as long to fill.
@dataclass(slots=True)
class Regions:
    """Rectangles of packed bits in one buffer: one mask, or many.

    Attributes
    ----------
    data : ndarray of uint8, shape (size,)
        A buffer that holds all the bits, among other things. It is never written to.
    start : ndarray of int64, shape (k,)
        Byte in `data` at which each region's bits begin. At least ``LEAD`` bytes lie before.
    bbox : ndarray of int64, shape (k, 4)
        ``(minr, minc, maxr, maxc)``, half-open, pixels, in image coordinates.

    Notes
    -----
    A region's bits are row-major, most significant bit first, packed over the whole region:
    rows are not padded, so a row may begin within a byte. This is the layout of the ``.iid``
    format, so a file's own bytes can serve as `data`.
    """

    data: Bytes
    start: Ints
    bbox: Ints

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, which: slice | npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Regions:
        """Choose some of the regions; the buffer is shared."""
        return Regions(self.data, self.start[which], self.bbox[which])


def packed_sizes(bbox: Ints) -> Ints:
    """How many bytes the bits of each box take."""
    return (bbox[:, 2] - bbox[:, 0]) * (bbox[:, 3] - bbox[:, 1]) + 7 >> 3


def join(parts: Sequence[Regions]) -> Regions:
    """Put regions of several buffers one behind the other; their bits are copied into one."""
    n_bytes = np.concatenate([packed_sizes(part.bbox) for part in parts])
    starts = np.cumsum(n_bytes) - n_bytes + LEAD
    chunks = [np.zeros(LEAD, np.uint8)]
    ends = iter(n_bytes.tolist())
    for part in parts:
        chunks.extend(part.data[at : at + next(ends)] for at in part.start.tolist())
    return Regions(np.concatenate(chunks), starts, np.concatenate([part.bbox for part in parts]))


def compact(regions: Regions) -> Regions:
    """Put regions into a buffer of little else: a part of theirs, if they lie close together.

    So do those of neighbouring segments of a file. Otherwise their bits are copied.
    """
    if not len(regions):
        return join([regions])
    n_bytes = packed_sizes(regions.bbox)
    low = int(np.minimum.reduce(regions.start)) - LEAD
    high = int(np.maximum.reduce(regions.start + n_bytes))
    # Small regions are not much longer than the heads between them.
    if high - low > 2 * int(np.add.reduce(n_bytes)) + 64 * len(regions):
        return join([regions])
    return Regions(regions.data[low:high], regions.start - low, regions.bbox)


def as_binary(mask: npt.ArrayLike, name: str = "mask") -> Bool2D:
    """Read a two-dimensional array of booleans or integers as a mask.

    Parameters
    ----------
    mask : array_like of bool or int, shape (height, width)
        Of integers, 0 is outside and one other value inside. Several are labels, of which the
        caller has to choose one, and floats are refused, too: whether 0.3 lies inside is for
        the caller to say.
    name : str
        The name to use in errors.

    Returns
    -------
    ndarray of bool, shape (height, width)

    Raises
    ------
    EncodeError
        If the array has other than two dimensions, another kind of values, or several labels.
    """
    try:
        array = np.asarray(mask)
    except ValueError as error:
        raise EncodeError(f"{name} is not an array of rows and columns: {error}") from None
    if array.ndim != 2:
        raise EncodeError(f"{name} has {array.ndim} dimensions; expected 2 (rows, columns)")
    if array.dtype == np.bool_:
        return array
    if array.dtype.kind not in "iu":
        raise EncodeError(
            f"{name} has dtype {array.dtype}; expected bool or integers (try mask > threshold)"
        )
    binary: Bool2D = array != 0
    if array.size:
        most, least = array.max(), array.min()
        if (least and most and least != most) or (binary & (array != (most or least))).any():
            raise EncodeError(_several(name, array))
    return binary


def _several(name: str, array: npt.NDArray[Any]) -> str:
    labels = np.unique(array[array != 0]).tolist()
    more = ", …" if len(labels) > _LABELS_TOLD else ""
    told = ", ".join(map(str, labels[:_LABELS_TOLD])) + more
    return f"{name} holds labels {told}: try {name} == {labels[0]}, or {name} != 0 for all of them"


def pack(mask: Bool2D) -> Bytes:
    """Pack a mask into ``ceil(height * width / 8)`` bytes, zeros after the last bit.

    Examples
    --------
    >>> import numpy as np
    >>> pack(np.array([[True, False, True], [True, True, True]])).tobytes().hex()
    'bc'
    """
    return np.packbits(mask.reshape(-1))


def unpack(data: Bytes, height: int, width: int) -> Bool2D:
    """Unpack the bits at the beginning of `data` into a mask; the inverse of `pack`.

    Examples
    --------
    >>> import numpy as np
    >>> unpack(np.array([0xBC], np.uint8), 2, 3).astype(int).tolist()
    [[1, 0, 1], [1, 1, 1]]
    """
    bits = np.unpackbits(data[: (height * width + 7) // 8], count=height * width)
    return bits.view(np.bool_).reshape(height, width)


def _unpack_rows(data: Bytes, start: int, width: int, first: int, last: int) -> Bool2D:
    """Rows `first` to `last` (half-open) of the region whose bits begin at byte `start`."""
    begin, end = first * width, last * width
    head = begin % 8
    packed = data[start + begin // 8 : start + (end + 7) // 8]
    bits = np.unpackbits(packed, count=head + end - begin)[head:]
    return bits.view(np.bool_).reshape(last - first, width)


def row_blocks(
    regions: Regions, which: int, first: int, last: int, *, max_pixels: int
) -> Iterator[tuple[int, Bool2D]]:
    """Unpack rows of one region a block at a time.

    Parameters
    ----------
    regions : Regions
    which : int
        Position of the region.
    first, last : int
        Image rows, half-open; they must lie within the region.
    max_pixels : int
        A block holds no more, but for a single row that is wider.

    Yields
    ------
    (int, ndarray of bool, shape (rows, width))
        The first image row of the block, and the block over the region's whole width.
    """
    minr, minc, _, maxc = regions.bbox[which].tolist()
    width = maxc - minc
    start = int(regions.start[which])
    step = max(1, max_pixels // max(1, width))
    for row in range(first, last, step):
        until = min(last, row + step)
        yield row, _unpack_rows(regions.data, start, width, row - minr, until - minr)


# Unpacking goes through one byte a pixel. So large a block stays within a processor's cache.
_BLOCK_PIXELS = 1 << 20


def paint(regions: Regions, bbox: BBox) -> Bool2D:
    """Unpack regions into one mask, reading only the rows that `bbox` needs.

    Parameters
    ----------
    regions : Regions
        Those of one mask. Where they share pixels, a pixel set in any of them is set.
    bbox : BBox
        The part of the image to return; it may reach beyond the regions.

    Returns
    -------
    ndarray of bool, shape (bbox.height, bbox.width)
        Untouched pages of a large, mostly empty mask take no memory.
    """
    if len(regions) == 1 and tuple(regions.bbox[0].tolist()) == bbox and bbox.n_pixels:
        start = int(regions.start[0])
        return unpack(regions.data[start:], bbox.height, bbox.width)
    out = np.zeros((bbox.height, bbox.width), np.bool_)
    minr, minc, maxr, maxc = bbox
    box = regions.bbox
    near = (box[:, 0] < maxr) & (box[:, 2] > minr) & (box[:, 1] < maxc) & (box[:, 3] > minc)
    for which in np.flatnonzero(near).tolist():
        common = BBox(*box[which].tolist()) & bbox
        left = int(box[which, 1])
        columns = slice(common.minc - minc, common.maxc - minc)
        for row, block in row_blocks(
            regions, which, common.minr, common.maxr, max_pixels=_BLOCK_PIXELS
        ):
            target = out[row - minr : row - minr + len(block), columns]
            np.logical_or(target, block[:, common.minc - left : common.maxc - left], out=target)
    return out


def pixel_in(regions: Regions, row: int, col: int) -> npt.NDArray[np.bool_]:
    """Whether the pixel is set in each region, reading one byte of each that it falls into.

    Parameters
    ----------
    regions : Regions
    row, col : int
        Image coordinates, pixels.

    Returns
    -------
    ndarray of bool, shape (k,)
    """
    box = regions.bbox
    inside = (box[:, 0] <= row) & (row < box[:, 2]) & (box[:, 1] <= col) & (col < box[:, 3])
    which = np.flatnonzero(inside)
    near = box[which]
    bit = (row - near[:, 0]) * (near[:, 3] - near[:, 1]) + (col - near[:, 1])
    byte = regions.data[regions.start[which] + (bit >> 3)]
    inside[which] = (byte >> (7 - (bit & 7)).astype(np.uint8)) & 1
    return inside


def set_pixels(regions: Regions) -> tuple[Ints, Ints, Ints]:
    """Find the set pixels of small regions, all together.

    Returns
    -------
    region, row, col : ndarray of int64, shape (n,)
        For each pixel, whose it is, and where it lies in the image. For each pixel of the
        regions, set or not, some ten bytes are needed.
    """
    minr, minc, maxr, maxc = regions.bbox.T
    width = maxc - minc
    n_pixels = (maxr - minr) * width
    n_bytes = (n_pixels + 7) // 8
    first = np.cumsum(n_bytes) - n_bytes
    region_of_byte = np.repeat(np.arange(len(regions)), n_bytes)
    byte = np.arange(len(region_of_byte)) + (regions.start - first)[region_of_byte]
    bit = np.flatnonzero(np.unpackbits(regions.data[byte]))
    region = region_of_byte[bit >> 3]
    bit -= 8 * first[region]
    # A careless program may have set bits after the last one.
    within = bit < n_pixels[region]
    bit, region = bit[within], region[within]
    row = bit // width[region]
    col = bit - row * width[region]
    return region, row + minr[region], col + minc[region]
