"""What is recorded of a file, and refused, where every byte of it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from iidindex.buffers import as_bytes
from iidindex.codec.checksum import checksums
from iidindex.codec.reader import Ints, Lut
from iidindex.codec.region_table import read_regions
from iidindex.errors import IIDFormatError
from iidindex.masks.measure import areas

# Reads so many bytes from an offset; fewer only where the file ends.
Read = Callable[[int, int], bytes]

# Bytes that are read at a time only to be hashed.
_HASHED = 1 << 24


def hashed(read: Read, size: int) -> bytes:
    """BLAKE2b of all bytes, 32 bytes (https://www.rfc-editor.org/rfc/rfc7693)."""
    digest = hashlib.blake2b(digest_size=32)
    for offset in range(0, size, _HASHED):
        digest.update(read(offset, min(_HASHED, size - offset)))
    return digest.digest()


def checked_segments(
    read: Read, lut: Lut, heads: npt.NDArray[np.void], spans: Iterable[Ints]
) -> Ints:
    """The checksum of each segment, whose regions are valid and have as many pixels as its area.

    Parameters
    ----------
    read : callable
    lut : Lut
    heads : ndarray of record, shape (n,)
        Heads of the segments, checked.
    spans : iterable of ndarray of int64
        Rows by the offsets of their segments, in parts of bounded size.

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    IIDFormatError
        If regions do not fill their segment, or an area is not the number of pixels.
    """
    found = np.empty(len(lut), np.int64)
    for rows in spans:
        begin = lut.seg_offset[rows]
        length = lut.seg_length[rows]
        base, end = int(begin[0]), int((begin + length).max())
        data = as_bytes(read(base, end - base))
        if len(data) < end - base:
            raise IIDFormatError(
                f"ends within the segments, at byte {base + len(data)}", section="segs", offset=base
            )
        _check_pixels(data, begin - base, lut, rows, heads)
        found[rows] = checksums(data, begin - base, length)
    return found


def _check_pixels(
    data: npt.NDArray[np.uint8], offset: Ints, lut: Lut, rows: Ints, heads: npt.NDArray[np.void]
) -> None:
    try:
        table = read_regions(data, offset, lut.seg_length[rows], heads["bbox"][rows])
    except IIDFormatError:
        _name_first(data, offset, lut, rows, heads)
        raise
    pixels = np.zeros(len(rows), np.int64)
    np.add.at(pixels, table.segment, areas(table.regions))
    wrong = np.flatnonzero(pixels != heads["area"][rows])
    if len(wrong):
        row = int(rows[wrong[0]])
        raise IIDFormatError(
            f"the segment of key {lut.key[row]}: its mask has {pixels[wrong[0]]} pixels, its area "
            f"is {heads['area'][row]}",
            section="segs",
            offset=int(lut.seg_offset[row]),
        )


def _name_first(
    data: npt.NDArray[np.uint8], offset: Ints, lut: Lut, rows: Ints, heads: npt.NDArray[np.void]
) -> None:
    """Raise the error of the first segment whose regions are not valid, with its key."""
    for nth, row in enumerate(rows.tolist()):
        one = slice(nth, nth + 1)
        try:
            read_regions(data, offset[one], lut.seg_length[rows[one]], heads["bbox"][rows[one]])
        except IIDFormatError as error:
            raise IIDFormatError(
                f"the segment of key {lut.key[row]}: {error.problem}",
                section="segs",
                offset=int(lut.seg_offset[row]),
            ) from None
