"""A legend below a picture: colours, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.render.colors import BACKGROUND, Color
from iidindex.render.text import Typeface

Picture = npt.NDArray[np.uint8]

_TEXT: Color = (235, 235, 240)
# Around each key, in parts of a letter's height.
_MARGIN = 0.5


class Key(NamedTuple):
    """A colour and what it means; drawn as a square, filled or not."""

    color: Color
    text: str
    filled: bool = True


def with_legend(picture: Picture, keys: Sequence[Key], face: Typeface) -> Picture:
    """Put a legend below a picture.

    Parameters
    ----------
    picture : ndarray of uint8, shape (h, w, 3)
    keys : sequence of Key
        One beside the other, as many as there is room for, then in a line below.
    face : Typeface

    Returns
    -------
    ndarray of uint8, shape (h + lines, w, 3)
    """
    width = picture.shape[1]
    side, margin = face.height, max(1, round(face.height * _MARGIN))
    room = max(side, width - side - 3 * margin)
    texts = [face.within(key.text, room) for key in keys]
    places, row, col = [], margin, margin
    for text in texts:
        needed = side + margin + face.width(text)
        if col > margin and col + needed > width - margin:
            row, col = row + side + margin, margin
        places.append((row, col))
        col += needed + 2 * margin
    strip = np.full((row + side + margin, width, 3), BACKGROUND, np.uint8)
    lines = []
    for key, text, (top, left) in zip(keys, texts, places, strict=True):
        square = strip[top : top + side, left : left + side]
        square[:] = key.color
        if not key.filled:
            edge = max(1, side // 6)
            square[edge:-edge, edge:-edge] = BACKGROUND
        lines.append((text, top, left + side + margin, _TEXT))
    return np.concatenate([picture, face.write(strip, lines)])
