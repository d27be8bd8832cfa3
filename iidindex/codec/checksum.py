"""A number for the bytes of each of many segments, by which a damaged one is known.

It is the CRC-32 that ZIP and PNG use, plus one, so that 0 is free to say that there is none. It
finds every change within 32 bits that lie together, and of other damage all but 1 in 2**32
(https://www.w3.org/TR/png-3/#D-CRCAppendix).
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
import numpy.typing as npt

from iidindex.buffers import Bytes

Ints = npt.NDArray[np.int64]


def checksums(data: Bytes, offset: Ints, length: Ints) -> Ints:
    """The checksum of each segment, from 1 to 2**32.

    Parameters
    ----------
    data : ndarray of uint8, shape (size,)
    offset, length : ndarray of int64, shape (n,)
        Where each segment lies in `data`, in bytes.

    Returns
    -------
    ndarray of int64, shape (n,)

    Notes
    -----
    One call for each segment: sums that NumPy takes of many together are twice as fast for 60
    bytes, but take five times as long for 2,000 and more.
    """
    view = data.data
    spans = zip(offset.tolist(), (offset + length).tolist(), strict=True)
    return np.array([crc32(view[begin:end]) for begin, end in spans], np.int64) + 1
