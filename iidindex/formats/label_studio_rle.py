"""Label Studio's run lengths: bits of the four channels of a picture, neither COCO's nor CVAT's.

32 bits count the values, 5 tell how many bits a value has, less one, and four times 4 how many a
length has, less one. Then come stretches: a bit that tells whether one value is repeated, 2 bits
that choose one of the four sizes, a length less one of that size, and one value or as many as
that. Values are red, green, blue and opacity of each pixel, row by row.

Source: ``rle-pack`` of https://github.com/thi-ng/umbrella by Karsten Schmidt (Apache-2.0), which
Label Studio uses, and ``brush.py`` of its converter (Apache-2.0).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from iidindex.errors import ExchangeError
from iidindex.formats.drawn_shapes import tight
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

_CHANNELS = 4
_HEAD_BITS = 32 + 5 + 4 * 4
_WINDOW = 8
_WINDOW_BITS = 64
# As few values as these are looked at one by one.
_FEW = 16


def decode_opacity(rle: Any, height: int, width: int) -> tuple[BBox, Bool2D]:
    """The pixels that are not wholly transparent.

    Parameters
    ----------
    rle : list of int
        Bytes.
    height, width : int
        Of the picture, pixels.

    Returns
    -------
    BBox, ndarray of bool
        The tight box, and the mask within; ``BBox(0, 0, 0, 0)`` and a mask of shape (0, 0) if all
        is transparent.

    Raises
    ------
    ExchangeError
        If they are no such bytes, or not as many values as four for each pixel.

    Examples
    --------
    >>> decode_opacity([0, 0, 0, 4, 57, 27, 252, 127, 224], 1, 1)[0]
    BBox(minr=0, minc=0, maxr=1, maxc=1)
    """
    try:
        data = bytes(rle) if isinstance(rle, list) else b""
    except (TypeError, ValueError):
        raise ExchangeError(f"rle is {rle!r:.60}; expected bytes, 0 to 255") from None
    if len(data) * 8 < _HEAD_BITS:
        raise ExchangeError(f"rle is {rle!r:.60}; expected a list of at least 7 bytes")
    n_values = int.from_bytes(data[:4], "big")
    if n_values != _CHANNELS * height * width:
        raise ExchangeError(
            f"rle has {n_values} values; expected {_CHANNELS} x {height} x {width} = "
            f"{_CHANNELS * height * width}"
        )
    inside = np.zeros(height * width, np.bool_)
    _fill(inside, data, n_values)
    return tight(inside.reshape(height, width), 0, 0)


def _fill(inside: Bool2D, data: bytes, n_values: int) -> None:
    head = int.from_bytes(data[4:7], "big")
    # 24 bits, of which the last three are none of the head.
    n_bits = (head >> 19) + 1
    sizes = [(head >> shift & 15) + 1 for shift in (15, 11, 7, 3)]
    padded = data + bytes(_WINDOW)
    end_of_bits = len(data) * 8
    value_mask = (1 << n_bits) - 1
    bit, at = _HEAD_BITS, 0
    while at < n_values:
        first = bit >> 3
        window = int.from_bytes(padded[first : first + _WINDOW], "big") << (bit & 7)
        size = sizes[window >> _WINDOW_BITS - 3 & 3]
        left = _WINDOW_BITS - 3 - size
        count = (window >> left & (1 << size) - 1) + 1
        bit += 3 + size
        end = at + count
        is_repeated = window >> _WINDOW_BITS - 1 & 1
        n_read = n_bits if is_repeated else n_bits * count
        if bit + n_read > end_of_bits or end > n_values:
            raise ExchangeError(
                f"rle ends at value {at} of {n_values}"
                if end <= n_values
                else f"rle has {end} values or more; expected {n_values}"
            )
        if is_repeated:
            # A window holds at most 7 bits that are over, 3, 16 and 32.
            if window >> left - n_bits & value_mask:
                inside[at // _CHANNELS : end // _CHANNELS] = True
        else:
            _fill_apart(inside, padded, bit, n_bits, at, count)
        bit += n_read
        at = end


def _fill_apart(inside: Bool2D, padded: bytes, bit: int, n_bits: int, at: int, count: int) -> None:
    """Take over values that follow one by one; every fourth is an opacity."""
    skip = (_CHANNELS - 1 - at) % _CHANNELS
    if skip >= count:
        return
    pixel = (at + skip) // _CHANNELS
    if count <= _FEW:
        mask = (1 << n_bits) - 1
        for place in range(skip, count, _CHANNELS):
            start = bit + place * n_bits
            first = start >> 3
            window = int.from_bytes(padded[first : first + _WINDOW], "big")
            inside[pixel] = window >> _WINDOW_BITS - (start & 7) - n_bits & mask != 0
            pixel += 1
        return
    end = bit + n_bits * count
    raw = np.frombuffer(padded, np.uint8, (end + 7 >> 3) - (bit >> 3), bit >> 3)
    bits = np.unpackbits(raw)[bit & 7 :][: n_bits * count]
    opaque: Bool2D = np.bitwise_or.reduce(bits.reshape(count, n_bits)[skip::_CHANNELS], axis=1) > 0
    inside[pixel : pixel + len(opaque)] = opaque
