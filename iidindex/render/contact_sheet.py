"""Tiles side by side, each with a caption."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from iidindex.render.canvas import Picture
from iidindex.render.colors import BACKGROUND, Color
from iidindex.render.text import Typeface

_GAP = 10
_TITLE: Color = (255, 255, 255)
_CAPTION: Color = (205, 205, 215)
# Darker than tiles, so that these are seen.
_BEHIND: Color = (6, 6, 9)
_ABSENT: Color = (110, 110, 122)
# Pixels of a dash, and of the space behind it.
_DASH = 4
# Width over height of a whole sheet.
_ASPECT = 1.5


class Tile(NamedTuple):
    """A picture no larger than a tile, and lines of text to go below it."""

    picture: Picture
    caption: Sequence[str]


def empty_tile(side: int) -> Picture:
    """A tile of something that is not there: dark, with a dashed frame."""
    tile = np.full((side, side, 3), _BEHIND, np.uint8)
    along = np.arange(side)
    dashes = along[along // _DASH % 2 == 0]
    for place in (0, -1):
        tile[place, dashes] = tile[dashes, place] = _ABSENT
    return tile


def contact_sheet(
    tiles: Sequence[Tile],
    side: int,
    title: str,
    caption: Typeface,
    heading: Typeface,
    *,
    in_one_row: bool = False,
) -> Picture:
    """Lay out tiles in rows.

    Parameters
    ----------
    tiles : sequence of Tile
        At least one.
    side : int
        Height and width of a tile without its caption, in pixels.
    title : str
    caption, heading : Typeface
    in_one_row : bool

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)
    """
    n_lines = max(len(tile.caption) for tile in tiles)
    height = side + n_lines * caption.height + _GAP
    across = max(1, min(len(tiles), math.ceil(math.sqrt(len(tiles) * _ASPECT * height / side))))
    down = 1 if in_one_row else math.ceil(len(tiles) / across)
    across = math.ceil(len(tiles) / down)
    top = heading.height + 2 * _GAP
    wide = max(across * (side + _GAP) + _GAP, heading.width(title) + 2 * _GAP)
    sheet = np.full((top + down * (height + _GAP), wide, 3), _BEHIND, np.uint8)
    lines = []
    for nth, tile in enumerate(tiles):
        row, col = top + nth // across * (height + _GAP), _GAP + nth % across * (side + _GAP)
        sheet[row : row + side, col : col + side] = BACKGROUND
        rows, cols = tile.picture.shape[:2]
        inner = row + (side - rows) // 2, col + (side - cols) // 2
        sheet[inner[0] : inner[0] + rows, inner[1] : inner[1] + cols] = tile.picture
        for line, text in enumerate(tile.caption):
            place = row + side + 3 + line * caption.height
            lines.append((caption.within(text, side), place, col, _CAPTION))
    return heading.write(caption.write(sheet, lines), [(title, _GAP, _GAP, _TITLE)])
