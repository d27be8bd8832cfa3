"""The order of pixels along a Hilbert curve: those that are near on it are near in the plane."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Bits of a coordinate: the curve goes through every pixel that a picture can have.
_BITS = 16


def along_curve(
    row: npt.NDArray[np.integer], col: npt.NDArray[np.integer]
) -> npt.NDArray[np.int64]:
    """How far along the curve pixels lie.

    Parameters
    ----------
    row, col : ndarray of int, shape (n,)
        From 0 to 65,535.

    Returns
    -------
    ndarray of int64, shape (n,)
        From 0 to 2³² - 1; each number belongs to one pixel, and those that follow each other to
        pixels that share an edge.

    Notes
    -----
    From the coarsest square down, each step says in which quarter a pixel lies, and turns what is
    in that quarter as the curve goes through it (D. Hilbert, "Über die stetige Abbildung einer
    Linie auf ein Flächenstück", Mathematische Annalen 38, 1891).
    """
    x, y = col.astype(np.int64), row.astype(np.int64)
    distance = np.zeros(len(x), np.int64)
    for bit in range(_BITS - 1, -1, -1):
        right, below = x >> bit & 1, y >> bit & 1
        distance += (3 * right ^ below) << (2 * bit)
        # The first and the last quarter are turned over; the last also the other way round.
        turned = below == 0
        mirrored = turned & (right == 1)
        rest = (1 << bit) - 1
        x, y = x & rest, y & rest
        x = np.where(mirrored, rest - x, x)
        y = np.where(mirrored, rest - y, y)
        x, y = np.where(turned, y, x), np.where(turned, x, y)
    return distance
