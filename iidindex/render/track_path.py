"""Where an individual went: the middles of its boxes, joined in their order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iidindex.render.canvas import Picture
from iidindex.render.colors import BACKGROUND, Color

Floats = npt.NDArray[np.float64]

# Of the picture's side: what is left free on each, and of the brightness, what the first has.
_MARGIN, _DIMMEST = 0.08, 0.3
# Pixels of a dash, and of the space behind it.
_DASH = 3
_END: Color = (255, 255, 255)


def path_picture(
    boxes: npt.NDArray[np.int64], is_direct: npt.NDArray[np.bool_], color: Color, side: int
) -> Picture:
    """Draw the way of an individual, darker at its beginning.

    Parameters
    ----------
    boxes : ndarray of int64, shape (n, 4)
        ``(minr, minc, maxr, maxc)`` in each file, in their order; one at the least. The picture
        shows what is around all of them.
    is_direct : ndarray of bool, shape (n - 1,)
        Which lines are drawn whole; others are dashed.
    color : (int, int, int)
    side : int
        Height and width of the picture in pixels.

    Returns
    -------
    ndarray of uint8, shape (side, side, 3)
        The first middle is a ring, the last a white square.
    """
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    free = round(_MARGIN * side)
    scale = max(side - 2 * free - 1, 0) / max(1, *(high - low).tolist())
    left = (side - 1 - scale * (high - low)) / 2
    points = left + scale * ((boxes[:, :2] + boxes[:, 2:]) / 2 - low)
    strength = np.linspace(_DIMMEST, 1, len(points))
    drawn = np.full((side, side, 3), BACKGROUND, np.uint8)
    cell, part = _lines(points, strength, is_direct)
    _put(drawn, cell, part, color)
    radius = max(1, side // 64)
    offset = np.mgrid[-radius : radius + 1, -radius : radius + 1].reshape(2, -1).T
    dots = np.rint(points).astype(np.int64)[:, None] + offset
    _put(drawn, dots.reshape(-1, 2), np.repeat(strength, len(offset)), color)
    ring = np.rint(points[:1]).astype(np.int64) + offset[np.abs(offset).max(axis=1) == radius]
    _put(drawn, ring, np.ones(len(ring)), _END)
    last = np.rint(points[-1:]).astype(np.int64) + offset
    _put(drawn, last, np.ones(len(last)), _END)
    return drawn


def _lines(
    points: Floats, strength: Floats, is_direct: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], Floats]:
    """The pixels of all lines, and how bright each is."""
    away = np.diff(points, axis=0)
    steps = np.ceil(np.abs(away).max(axis=1, initial=0)).astype(np.int64) + 1
    line = np.repeat(np.arange(len(away)), steps)
    nth = np.arange(len(line)) - np.repeat(np.cumsum(steps) - steps, steps)
    shown = is_direct[line] | (nth // _DASH % 2 == 0)
    line, nth = line[shown], nth[shown]
    way = nth / steps[line]
    cell = np.rint(points[line] + way[:, None] * away[line]).astype(np.int64)
    return cell, strength[line]


def _put(drawn: Picture, cell: npt.NDArray[np.int64], part: Floats, color: Color) -> None:
    """Draw pixels, those that are brighter over others."""
    inside = ((cell >= 0) & (cell < drawn.shape[0])).all(axis=1)
    cell, part = cell[inside], part[inside]
    order = np.argsort(part, kind="stable")
    ground = np.array(BACKGROUND, np.float64)
    shade = ground + (np.array(color) - ground) * part[order, None]
    drawn[cell[order, 0], cell[order, 1]] = np.rint(shade)
