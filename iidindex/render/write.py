"""Writing arrays as files that other programs read."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.errors import QueryError

# What keeps every pixel as it is, and can hold one bit of each.
EXACT = (".png", ".npy")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".npy")

# Pillow's names of formats, pixels along a side that they can have, and how they are written. JPEG
# keeps colours as fine as brightness: outlines are a pixel wide.
_FORMATS: dict[str, tuple[str, int, dict[str, Any]]] = {
    ".png": ("PNG", 2**31 - 1, {"optimize": True}),
    ".jpg": ("JPEG", 65_500, {"quality": 90, "subsampling": 0}),
    ".webp": ("WEBP", 16_383, {"lossless": True}),
}


def suffix_of(name: str | os.PathLike[str], among: Sequence[str] = SUFFIXES) -> str | None:
    """The ending of a name, in lower case, if it is one of those that can be written."""
    ending = os.path.splitext(os.fspath(name))[1].lower()
    return ending if ending in among else None


def encode(array: npt.NDArray[Any], ending: str) -> bytes:
    """Encode a mask or a picture.

    Parameters
    ----------
    array : ndarray of bool, shape (h, w); or of uint8, shape (h, w) or (h, w, 3)
        As PNG, a mask has one bit a pixel: white inside, black outside. As NPY, of any numbers.
    ending : str
        One of ``SUFFIXES``. PNG, NPY and WebP keep every pixel as it is; JPEG does not.

    Raises
    ------
    QueryError
        If a picture would have no pixels, or more along a side than its format can hold.
    """
    buffer = io.BytesIO()
    if ending == ".npy":
        np.save(buffer, array, allow_pickle=False)
        return buffer.getvalue()
    if not array.size:
        raise QueryError("a picture needs at least one pixel; write .npy instead")
    kind, most, options = _FORMATS[".jpg" if ending == ".jpeg" else ending]
    if max(array.shape[:2]) > most:
        height, width = array.shape[:2]
        raise QueryError(
            f"the picture has {height} x {width} pixels; {ending} holds {most} along a side at "
            "the most, write .png instead"
        )
    from PIL import Image

    Image.fromarray(array).save(buffer, format=kind, **options)
    return buffer.getvalue()
