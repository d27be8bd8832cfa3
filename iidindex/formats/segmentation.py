"""COCO's segmentation of an annotation: polygons, or run lengths in any of their spellings.

The spellings are those of pycocotools (``mask.py`` and ``maskApi.c``, BSD-2-Clause): a list of
rings, ``{"size", "counts"}`` with numbers, or with text. They are told apart by their types, and
never by ``iscrowd``, as programs differ in that.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.masks.polygons import checked
from iidindex.masks.regions import Bool2D
from iidindex.masks.rle import decode, decode_all, decompress, decompress_all
from iidindex.masks.run_extents import extents
from iidindex.model import BBox

MOST_IN_BOX = 1 << 29
# Pixels of all masks of a picture together.
MOST_OF_PICTURE = 1 << 31

Ints = npt.NDArray[np.int64]
Rings = list[npt.NDArray[np.float64]]


def rings_of(segmentation: list[Any]) -> Rings:
    """The rings of a polygon, their numbers checked.

    Parameters
    ----------
    segmentation : list

    Returns
    -------
    list of ndarray of float64, shape (n, 2)

    Raises
    ------
    ExchangeError
        If any of them is not a list of at least three points of finite numbers.
    """
    if not segmentation:
        raise ExchangeError("segmentation is empty; expected polygons or run lengths")
    rings = segmentation if isinstance(segmentation[0], list) else [segmentation]
    return [checked(ring, f"ring {place} of the segmentation") for place, ring in enumerate(rings)]


def box_sizes(shapes: Sequence[Rings], size: tuple[int, int] | None) -> Ints:
    """Height and width of the box around each polygon, within the picture.

    Parameters
    ----------
    shapes : sequence of list of ndarray
    size : (width, height) or None
        Of the picture, in pixels.

    Returns
    -------
    ndarray of int64, shape (n, 2)
    """
    if not shapes:
        return np.empty((0, 2), np.int64)
    points = np.concatenate([ring for rings in shapes for ring in rings])
    counts = np.array([sum(map(len, rings)) for rings in shapes])
    first = np.cumsum(counts) - counts
    low = np.maximum(np.minimum.reduceat(points, first, axis=0), 0)
    high = np.minimum(np.maximum.reduceat(points, first, axis=0), size or MOST_PIXELS)
    found: Ints = np.maximum(high - low, 0).astype(np.int64)[:, ::-1]
    return found


def mask_of(segmentation: Mapping[str, Any], size: tuple[int, int] | None) -> tuple[BBox, Bool2D]:
    """Decode run lengths.

    Parameters
    ----------
    segmentation : mapping
        ``{"size": [height, width], "counts": list of int or text}``.
    size : (width, height) or None
        Of the picture, in pixels.

    Returns
    -------
    BBox, ndarray of bool
        The tight box, and the mask within.

    Raises
    ------
    ExchangeError
        If they are no run lengths, or not of a picture of that size.
    """
    height, width = frame_of(segmentation.get("size"))
    if size is not None and size != (width, height):
        raise ExchangeError(
            f"size of the run lengths is {[height, width]}; expected that of the picture, "
            f"{[size[1], size[0]]} (height, width)"
        )
    counts = segmentation.get("counts")
    if isinstance(counts, (str, bytes)):
        return _of_text(counts, height, width)
    if not isinstance(counts, list) or any(type(count) is not int for count in counts):
        raise ExchangeError(f"counts are {counts!r:.60}; expected integers or text")
    try:
        return _of_runs(np.array(counts, np.int64), height, width)
    except OverflowError:
        raise ExchangeError(f"counts hold {max(counts)}, which no picture has") from None


def too_large(sizes: Ints) -> list[int]:
    """Which polygons would take more memory than a picture is worth, from the last one back.

    Parameters
    ----------
    sizes : ndarray of int64, shape (n, 2)
        As `box_sizes` gives them.
    """
    pixels = sizes.prod(axis=1)
    alone = pixels > MOST_IN_BOX
    pixels[alone] = 0
    found: list[int] = np.flatnonzero(alone | (np.cumsum(pixels) > MOST_OF_PICTURE)).tolist()
    return found[::-1]


Decoded = tuple[BBox, Bool2D]


def masks_of(
    segmentations: Sequence[Mapping[str, Any]], size: tuple[int, int] | None
) -> list[Decoded | ExchangeError]:
    """Decode the run lengths of a picture's annotations, many at once where they are text.

    Parameters
    ----------
    segmentations : sequence of mapping
        Each as for `mask_of`.
    size : (width, height) or None
        Of the picture, in pixels.

    Returns
    -------
    list
        For each what `mask_of` returns, or the error that it raises.
    """
    counts = [one.get("counts") for one in segmentations]
    sizes = [one.get("size") for one in segmentations]
    texts = [text for text in counts if isinstance(text, str)]
    if len(texts) == len(counts) > 1 and all(one == sizes[0] for one in sizes):
        # Whatever is wrong is found one by one.
        with suppress(ExchangeError):
            height, width = frame_of(sizes[0])
            if size is None or size == (width, height):
                runs = decompress_all(texts)
                boxes, _ = extents(runs, height)
                sides = boxes[:, 2:] - boxes[:, :2]
                for one in sides.tolist():
                    check_extent(*one)
                if int(sides.prod(axis=1).sum()) > MOST_OF_PICTURE:
                    told = "masks of the picture would take too much memory"
                    return [ExchangeError(told) for _ in segmentations]
                return [*decode_all(runs, height, width)]
    return [_decoded(one, size) for one in segmentations]


def _decoded(
    segmentation: Mapping[str, Any], size: tuple[int, int] | None
) -> Decoded | ExchangeError:
    try:
        return mask_of(segmentation, size)
    except ExchangeError as error:
        return error


def _of_runs(counts: Ints, height: int, width: int) -> Decoded:
    if int(np.add.reduce(counts)) == height * width and counts.min(initial=0) >= 0:
        (minr, minc, maxr, maxc), *_ = extents([counts], height)[0].tolist()
        check_extent(maxr - minr, maxc - minc)
    return decode(counts, height, width)


def check_extent(height: int, width: int) -> None:
    """Refuse a mask that would take more memory than a picture is worth.

    Raises
    ------
    ExchangeError
        If its box has more than 2^29 pixels.
    """
    if height * width > MOST_IN_BOX:
        raise ExchangeError(
            f"a mask of {height} x {width} pixels is too large; the limit is {MOST_IN_BOX} pixels"
        )


def _of_text(counts: str | bytes, height: int, width: int) -> tuple[BBox, Bool2D]:
    try:
        return _of_runs(decompress(counts), height, width)
    except ExchangeError:
        # Some programs write JSON by wrapping the text once more.
        try:
            inner = base64.b64decode(counts, validate=True)
        except (binascii.Error, ValueError):
            inner = b""
        if not inner:
            raise
        try:
            return _of_runs(decompress(inner), height, width)
        except ExchangeError:
            pass
        raise


# Coordinates up to this are drawn; twice the largest of the .iid format.
MOST_PIXELS = 1 << 17


def frame_of(size: Any) -> tuple[int, int]:
    """Height and width as two whole numbers.

    Raises
    ------
    ExchangeError
        If they are none.
    """
    if isinstance(size, (list, tuple)) and len(size) == 2:
        sides = [whole(side) for side in size]
        if sides[0] is not None and sides[1] is not None:
            return sides[0], sides[1]
    raise ExchangeError(f"size is {size!r:.60}; expected two whole numbers from 1 to {MOST_PIXELS}")


def whole(value: Any) -> int | None:
    """A side in pixels: a whole number from 1 on, which may be written ``640.0``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not 1 <= value <= MOST_PIXELS or value != int(value):
        return None
    return int(value)
