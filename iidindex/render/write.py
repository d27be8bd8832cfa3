"""Writing arrays as files that other programs read."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.errors import QueryError

SUFFIXES = (".png", ".npy")


def suffix_of(name: str | os.PathLike[str]) -> str | None:
    """The ending of a name, in lower case, if it is one that can be written."""
    ending = os.path.splitext(os.fspath(name))[1].lower()
    return ending if ending in SUFFIXES else None


def encode(array: npt.NDArray[Any], ending: str) -> bytes:
    """Encode a mask or a picture.

    Parameters
    ----------
    array : ndarray of bool, shape (h, w); or of uint8, shape (h, w) or (h, w, 3)
        As PNG, a mask has one bit a pixel: white inside, black outside. As NPY, of any numbers.
    ending : str
        ``.png`` or ``.npy``.

    Raises
    ------
    QueryError
        If a picture would have no pixels.
    """
    buffer = io.BytesIO()
    if ending == ".npy":
        np.save(buffer, array, allow_pickle=False)
        return buffer.getvalue()
    if not array.size:
        raise QueryError("a picture needs at least one pixel; write .npy instead")
    from PIL import Image

    Image.fromarray(array).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
