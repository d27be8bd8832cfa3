"""A bar that tells how long so many pixels of the frame are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.render.colors import Color
from iidindex.render.text import Typeface

Picture = npt.NDArray[np.uint8]

# Of the side of what it lies on, a bar takes this at the most.
_SHARE = 0.45
_BAR: Color = (255, 255, 255)
_HALO: Color = (10, 10, 14)


class ScaleBar(NamedTuple):
    """Pixels of the frame, and how many of the picture are as long."""

    pixels: int
    length: int

    @property
    def text(self) -> str:
        """What is written beside it."""
        return "1 pixel" if self.pixels == 1 else f"{self.pixels:,} pixels"


def scale_bar(scale: float, side: int) -> ScaleBar:
    """A bar of a round number of pixels: 1, 2 or 5, or one of these with noughts.

    Parameters
    ----------
    scale : float
        Pixels of the picture for each of the frame.
    side : int
        Of what it lies on, in pixels of the picture.

    Examples
    --------
    >>> scale_bar(2, 200), scale_bar(0.01, 100)
    (ScaleBar(pixels=20, length=40), ScaleBar(pixels=2000, length=20))
    """
    found = 1
    for power in range(8):
        for times in (1, 2, 5):
            pixels = times * 10**power
            if pixels * scale <= side * _SHARE:
                found = pixels
    return ScaleBar(found, max(1, round(found * scale)))


def draw_bar(picture: Picture, bar: ScaleBar, row: int, col: int, thick: int) -> None:
    """Draw a bar with its upper left corner at a pixel, in place, dark around it."""
    around = picture[max(0, row - 1) : row + thick + 1, max(0, col - 1) : col + bar.length + 1]
    around[:] = _HALO
    picture[row : row + thick, col : col + bar.length] = _BAR


def with_bar(picture: Picture, bar: ScaleBar, face: Typeface) -> Picture:
    """The picture with a bar in its lower left corner."""
    drawn = picture.copy()
    margin, thick = max(2, face.height // 4), max(2, face.height // 5)
    row = drawn.shape[0] - margin - thick
    if row <= 0 or bar.length + 2 * margin > drawn.shape[1]:
        return drawn
    draw_bar(drawn, bar, row, margin, thick)
    above = row - face.height - 1
    if above < 0 or face.width(bar.text) + margin > drawn.shape[1]:
        return drawn
    return face.write(drawn, [(bar.text, above, margin, _BAR)], halo=1)


def bar_strip(bar: ScaleBar, width: int, face: Typeface, ground: Color) -> Picture:
    """A bar and its words, to go below a picture: uint8, shape (h, width, 3)."""
    margin, thick = face.height // 2 + 1, max(2, face.height // 4)
    strip = np.full((face.height + 2 * margin, width, 3), ground, np.uint8)
    draw_bar(strip, bar, margin + (face.height - thick) // 2, margin, thick)
    return face.write(strip, [(bar.text, margin, margin + bar.length + margin, _BAR)])
