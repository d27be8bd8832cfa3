"""How masks are marked, besides by colour: filled, or by an outline, whole, dashed or dotted."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from iidindex.render.colors import Color

Picture = npt.NDArray[np.uint8]
Mark = Literal["filled", "line", "dashed", "dotted"]

# Of those that have an outline and no tint, the first, the second and all others.
MARKS: tuple[Mark, ...] = ("filled", "line", "dashed", "dotted")
# Pixels of a dash, and of the space behind it; 0 for a line that is whole.
DASHES: dict[Mark, int] = {"filled": 0, "line": 0, "dashed": 6, "dotted": 2}


def draw_swatch(
    picture: Picture, row: int, col: int, side: int, color: Color, mark: Mark = "filled"
) -> None:
    """Draw a square that stands for a mask, in place; what lies outside is left out."""
    rows, cols = np.mgrid[:side, :side]
    edge = max(1, side // 6)
    shown = np.ones((side, side), np.bool_)
    if mark != "filled":
        shown[edge:-edge, edge:-edge] = False
        # A square is small, so its dashes are shorter.
        dash = (DASHES[mark] + 1) // 2
        if dash:
            shown &= (rows + cols) // dash % 2 == 0
    target = picture[row : row + side, col : col + side]
    target[shown[: target.shape[0], : target.shape[1]]] = color
