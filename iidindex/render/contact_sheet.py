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
BEHIND: Color = (6, 6, 9)
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
    tile = np.full((side, side, 3), BEHIND, np.uint8)
    along = np.arange(side)
    dashes = along[along // _DASH % 2 == 0]
    for place in (0, -1):
        tile[place, dashes] = tile[dashes, place] = _ABSENT
    return tile


def in_the_middle(picture: Picture, side: int) -> Picture:
    """A picture that is no larger than a tile, laid on one."""
    tile = np.full((side, side, 3), BACKGROUND, np.uint8)
    rows, cols = picture.shape[:2]
    row, col = (side - rows) // 2, (side - cols) // 2
    tile[row : row + rows, col : col + cols] = picture
    return tile


def contact_sheet(
    tiles: Sequence[Tile],
    side: int,
    title: str,
    caption: Typeface,
    heading: Typeface,
    *,
    in_one_row: bool = False,
    starts: Sequence[int] = (),
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
    starts : sequence of int
        Tiles that begin a row of their own, ascending.

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)
    """
    n_lines = max(len(tile.caption) for tile in tiles)
    height = side + n_lines * caption.height + _GAP
    across = max(1, min(len(tiles), math.ceil(math.sqrt(len(tiles) * _ASPECT * height / side))))
    if in_one_row:
        across = len(tiles)
    elif len(starts) <= 1:
        across = math.ceil(len(tiles) / math.ceil(len(tiles) / across))
    rows, cols = _places(len(tiles), across, () if in_one_row else starts)
    top = heading.height + 2 * _GAP
    wide = max((max(cols) + 1) * (side + _GAP) + _GAP, heading.width(title) + 2 * _GAP)
    sheet = np.full((top + (max(rows) + 1) * (height + _GAP), wide, 3), BEHIND, np.uint8)
    lines = []
    for nth, tile in enumerate(tiles):
        row, col = top + rows[nth] * (height + _GAP), _GAP + cols[nth] * (side + _GAP)
        sheet[row : row + side, col : col + side] = in_the_middle(tile.picture, side)
        for line, text in enumerate(tile.caption):
            place = row + side + 3 + line * caption.height
            lines.append((caption.within(text, side), place, col, _CAPTION))
    return heading.write(caption.write(sheet, lines), [(title, _GAP, _GAP, _TITLE)])


def _places(number: int, across: int, starts: Sequence[int]) -> tuple[list[int], list[int]]:
    """The row and the column of each tile."""
    rows, cols = [], []
    begins = set(starts)
    row, col = 0, 0
    for nth in range(number):
        if nth and (col == across or nth in begins):
            row, col = row + 1, 0
        rows.append(row)
        cols.append(col)
        col += 1
    return rows, cols
