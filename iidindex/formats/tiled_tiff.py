"""Label images that are too large to be held: painted and written tile by tile.

Tiles are those of TIFF 6.0, section 15; each is deflated by itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.unsignedinteger[Any]]

# A frame of more pixels is painted in squares of so many rows and columns; TIFF wants sixteens.
WHOLE = 1 << 25
SIDE = 1024
# From here on, places of tiles may not fit into 32 bits.
_CLASSIC = (1 << 32) - (1 << 26)


def is_whole(shape: tuple[int, int]) -> bool:
    """Whether a frame is painted at once."""
    return shape[0] * shape[1] <= WHOLE


def windows(shape: tuple[int, int]) -> list[BBox]:
    """The parts in which a frame is painted: all of it, or squares, row by row."""
    height, width = shape
    if is_whole(shape):
        return [BBox(0, 0, height, width)]
    return [
        BBox(top, left, min(height, top + SIDE), min(width, left + SIDE))
        for top in range(0, height, SIDE)
        for left in range(0, width, SIDE)
    ]


def meeting(boxes: Ints, window: BBox) -> Ints:
    """Positions of the boxes that share a pixel with a window, ascending."""
    low = np.maximum(boxes[:, :2], window[:2])
    high = np.minimum(boxes[:, 2:], window[2:])
    return np.flatnonzero((low < high).all(axis=1))


def part_of(box: list[int], mask: Bool2D, window: BBox) -> tuple[tuple[slice, slice], Bool2D]:
    """Where in a window a mask lies, and what of it."""
    minr, minc = max(box[0], window.minr), max(box[1], window.minc)
    maxr, maxc = min(box[2], window.maxr), min(box[3], window.maxc)
    inside = mask[minr - box[0] : maxr - box[0], minc - box[1] : maxc - box[1]]
    rows = slice(minr - window.minr, maxr - window.minr)
    return (rows, slice(minc - window.minc, maxc - window.minc)), inside


def write_tiled(
    file: BinaryIO,
    shape: tuple[int, int],
    n_planes: int,
    kind: type[np.unsignedinteger[Any]],
    part: Callable[[int, BBox], Numbers | None],
    axes: str | None,
) -> None:
    """Write planes of one size, a tile at a time.

    Parameters
    ----------
    file : file object
        Open to be written, and to be sought.
    shape : (height, width)
    n_planes : int
    kind : type of unsigned integer
    part : callable
        Gives what is in a window of a plane, as an array of its shape; None if nothing is.
    axes : str or None
        What to say that the dimensions are, such as ``QYX``; with None, planes are pages.
    """
    from tifffile import TiffWriter

    options: dict[str, Any] = {
        "compression": "zlib",
        "photometric": "minisblack",
        "tile": (SIDE, SIDE),
        "dtype": np.dtype(kind),
        "metadata": None if axes is None else {"axes": axes},
    }
    every = windows(shape)
    empty = zlib.compress(bytes(SIDE * SIDE * np.dtype(kind).itemsize))

    def tiles(plane: int) -> Iterator[bytes]:
        for window in every:
            found = part(plane, window)
            if found is None:
                yield empty
                continue
            tile = np.zeros((SIDE, SIDE), np.dtype(kind).newbyteorder("<"))
            tile[: window.height, : window.width] = found
            yield zlib.compress(tile.tobytes())

    n_bytes = n_planes * shape[0] * shape[1] * np.dtype(kind).itemsize
    with TiffWriter(file, bigtiff=n_bytes > _CLASSIC, byteorder="<") as writer:
        if axes is not None and n_planes > 1:
            stack = (tile for plane in range(n_planes) for tile in tiles(plane))
            writer.write(stack, shape=(n_planes, *shape), **options)
        else:
            for plane in range(n_planes):
                writer.write(tiles(plane), shape=shape, **options)
