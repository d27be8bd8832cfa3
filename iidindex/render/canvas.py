"""Tinting and outlining many masks at once, in an order that does not matter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.masks.cells import CellCounts, Grid
from iidindex.render.colors import Colors

Picture = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

# Where outlines lie on a ground that is brighter than this, they are darker than the tints.
_BRIGHT, _ON_BRIGHT = 150, 0.6
# More pixels than any mask has, as no coordinate is above 65535.
_NO_MASK = 2**32 - 1


class Marks(NamedTuple):
    """Where masks are seen on a picture.

    Attributes
    ----------
    owner : ndarray of int64, shape (n,)
        Which masks have a pixel in it.
    anchor : ndarray of int64, shape (n, 2)
        Row and column of a pixel of the picture that lies on the mask, near its middle.
    bbox : ndarray of int64, shape (n, 4)
        ``(minr, minc, maxr, maxc)`` in pixels of the picture, half-open.
    """

    owner: Ints
    anchor: Ints
    bbox: Ints


class Look(NamedTuple):
    """How each of some masks is drawn.

    Attributes
    ----------
    colors : ndarray of uint8, shape (n, 3)
    filled : ndarray of bool, shape (n,), optional
        Which are tinted and have no outline; the others have an outline and no tint. Without it,
        all have both.
    dash : ndarray of int64, shape (n,), optional
        Pixels of a dash of each outline, and of the space behind it; 0 for a whole line.
    """

    colors: Colors
    filled: npt.NDArray[np.bool_] | None = None
    dash: Ints | None = None

    def of(self, rows: Ints) -> Look:
        """That of some of them."""
        filled = None if self.filled is None else self.filled[rows]
        return Look(self.colors[rows], filled, None if self.dash is None else self.dash[rows])


class Canvas:
    """A picture that is being drawn of masks.

    A pixel's tint is as strong as the part of it that is covered. Where masks overlap, the
    smallest is on top, and the tint does not grow stronger, so that what lies below stays
    visible. What comes out is the same in whichever order masks come.

    Parameters
    ----------
    grid : Grid
    zoom : int
        Sides of the square that a cell is drawn as, in pixels of the picture.
    """

    def __init__(self, grid: Grid, zoom: int = 1) -> None:
        self._grid = grid
        self._zoom = zoom
        self.shape = (grid.shape[0] * zoom, grid.shape[1] * zoom)
        n = self.shape[0] * self.shape[1]
        # Of all masks: covered parts, and colours by these.
        self._covered = np.zeros(n, np.float32)
        self._color = np.zeros((3, n), np.float32)
        # Of the one on top.
        self._top = _Top(n)
        self._top_part = np.zeros(n, np.float32)
        self._outline = _Top(n)

    def add(
        self,
        found: CellCounts,
        look: Look,
        area: Ints,
        *,
        width: int,
        closed: bool = True,
    ) -> Marks:
        """Draw masks.

        Parameters
        ----------
        found : CellCounts
            All cells of each mask that is in it.
        look : Look
        area : ndarray of int64, shape (n,)
            Pixels of each mask in the image.
        width : int
            Of the outlines, which lie inside the masks, in pixels of the picture; 0 for none.
        closed : bool
            Whether outlines go along the edge of the picture where a mask meets it.
        """
        colors, filled, dash = look
        owner, cell, part = self._enlarged(found)
        if filled is None:
            self._tint(owner, cell, part, colors, area)
        else:
            chosen = filled[owner]
            self._tint(owner[chosen], cell[chosen], part[chosen], colors, area)
        opens = np.flatnonzero(np.diff(owner, prepend=-1))
        most = np.maximum.reduceat(part, opens)
        n_cells = np.diff(opens, append=len(owner))
        # A mask thinner than any cell is all outline.
        inside = part >= np.repeat(np.minimum(most, 0.5), n_cells)
        owner, cell = owner[inside], cell[inside]
        if width:
            edge = _edge(owner, cell, self.shape, width, closed)
            if filled is not None:
                edge &= ~filled[owner]
            if dash is not None and dash.any():
                length = dash[owner]
                row, col = np.divmod(cell, self.shape[1])
                edge &= (length == 0) | ((row + col) // np.maximum(length, 1) % 2 == 0)
            self._outline.put(owner[edge], cell[edge], colors, area)
        return _marks(owner, cell, self.shape[1])

    def _tint(self, owner: Ints, cell: Ints, part: Floats, colors: Colors, area: Ints) -> None:
        np.add.at(self._covered, cell, part)
        for channel in range(3):
            np.add.at(self._color[channel], cell, part * colors[owner, channel])
        first = self._top.put(owner, cell, colors, area)
        self._top_part[cell[first]] = part[first]

    def _enlarged(self, found: CellCounts) -> tuple[Ints, Ints, Floats]:
        """Owner, pixel of the picture and covered part, by owner and pixel."""
        row, col = np.divmod(found.cell, self._grid.shape[1])
        size = np.diff(self._grid.rows)[row] * np.diff(self._grid.cols)[col]
        part = np.minimum(found.count / size, 1).astype(np.float32)
        if self._zoom == 1:
            return found.owner, found.cell, part
        step = np.arange(self._zoom)
        row = (row[:, None] * self._zoom + step)[:, :, None]
        col = (col[:, None] * self._zoom + step)[:, None, :]
        cell = (row * self.shape[1] + col).reshape(-1)
        owner = np.repeat(found.owner, self._zoom**2)
        order = np.lexsort((cell, owner))
        return owner[order], cell[order], np.repeat(part, self._zoom**2)[order]

    def covered(self) -> npt.NDArray[np.bool_]:
        """Where something was drawn: bool, shape (h, w)."""
        found: npt.NDArray[np.bool_] = (self._covered > 0) | (self._outline.area != _NO_MASK)
        return found.reshape(self.shape)

    def over(self, picture: Picture, *, alpha: float) -> Picture:
        """Lay what was drawn over a picture of the same shape; return the new one.

        With `alpha` from 0 to 1, for the strength of the tints. What no mask covers is as it was.
        On a bright picture, outlines are darker.
        """
        drawn = picture.reshape(-1, 3).copy()
        tinted = np.flatnonzero(self._covered)
        covered, part = self._covered[tinted, None], self._top_part[tinted, None]
        top = self._top.color[tinted].astype(np.float32)
        below = (self._color[:, tinted].T - part * top) / np.maximum(covered - part, 1e-3)
        color = np.where(covered - part > 1e-3, part * top + (1 - part) * below, top)
        ground = drawn[tinted].astype(np.float32)
        ground += (color - ground) * (alpha * np.minimum(covered, 1))
        drawn[tinted] = np.rint(np.clip(ground, 0, 255))
        outlined = np.flatnonzero(self._outline.area != _NO_MASK)
        shade = outline_shade(picture.reshape(-1, 3)[outlined])
        drawn[outlined] = np.rint(self._outline.color[outlined] * shade)
        return drawn.reshape(picture.shape)


def outline_shade(behind: Picture) -> float:
    """How much of its brightness an outline keeps over a part of a picture."""
    return _ON_BRIGHT if behind.size and behind.mean() > _BRIGHT else 1.0


class _Top:
    """For each pixel, the smallest mask on it so far: its area and colour."""

    def __init__(self, n: int) -> None:
        self.area = np.full(n, _NO_MASK, np.uint32)
        self.color = np.zeros((n, 3), np.uint8)

    def put(self, owner: Ints, cell: Ints, colors: Colors, area: Ints) -> Ints:
        """Put masks on pixels; return the positions of those that are on top now."""
        before = self.area[cell]
        own = area.astype(np.uint32)[owner]
        np.minimum.at(self.area, cell, own)
        # Of equal ones the first stays, so it is written last.
        on_top = np.flatnonzero((own == self.area[cell]) & (own < before))[::-1]
        self.color[cell[on_top]] = colors[owner[on_top]]
        return on_top


def _edge(
    owner: Ints, cell: Ints, shape: tuple[int, int], width: int, closed: bool
) -> npt.NDArray[np.bool_]:
    """Which pixels of masks, sorted by mask and pixel, are at most so far inside."""
    edge = np.zeros(len(owner), np.bool_)
    inner = np.arange(len(owner))
    for _ in range(width):
        code = owner[inner] * (shape[0] * shape[1]) + cell[inner]
        has_all = np.ones(len(inner), np.bool_)
        for step, at_border in _neighbours(cell[inner], shape):
            near = np.searchsorted(code, code + step)
            near = np.minimum(near, max(len(code) - 1, 0))
            has_all &= np.where(at_border, not closed, code[near] == code + step)
        edge[inner[~has_all]] = True
        inner = inner[has_all]
    return edge


def _neighbours(cell: Ints, shape: tuple[int, int]) -> Iterator[tuple[int, npt.NDArray[np.bool_]]]:
    """The steps to the four neighbours of pixels, and which pixels have none there."""
    height, width = shape
    col = cell % width
    yield -1, col == 0
    yield 1, col == width - 1
    yield -width, cell < width
    yield width, cell >= (height - 1) * width


def _marks(owner: Ints, cell: Ints, width: int) -> Marks:
    """Where masks are, from their pixels, sorted by mask."""
    opens = np.flatnonzero(np.diff(owner, prepend=-1))
    n = np.diff(opens, append=len(owner))
    row, col = np.divmod(cell, width)
    middle_row = np.add.reduceat(row, opens) / n
    middle_col = np.add.reduceat(col, opens) / n
    away = (row - np.repeat(middle_row, n)) ** 2 + (col - np.repeat(middle_col, n)) ** 2
    nearest = np.lexsort((away, owner))[opens]
    low = [np.minimum.reduceat(axis, opens) for axis in (row, col)]
    high = [np.maximum.reduceat(axis, opens) + 1 for axis in (row, col)]
    return Marks(
        owner[opens],
        np.stack([row[nearest], col[nearest]], axis=1),
        np.stack([*low, *high], axis=1),
    )
