"""Drawing polygons by scanlines, which run down the columns.

An outline crosses a column in rows that come in pairs; between the two of a pair its pixels are
set. All edges of all polygons are crossed at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from iidindex.masks.batching import portions
from iidindex.masks.regions import Bool2D, Ints
from iidindex.masks.upright_runs import NO_BOX, UprightRuns
from iidindex.model import BBox

Floats = npt.NDArray[np.float64]

# What is drawn at a time, in pixels. A crossing takes so many times the memory of a pixel.
_BLOCK = 1 << 20
_CROSSING = 32


class _Edges(Protocol):
    """Edges, and where they cross columns.

    Attributes
    ----------
    first, end : ndarray of float64, shape (n,)
        The columns that each crosses, half-open.
    """

    first: Floats
    end: Floats

    def rows(self, edge: Ints, col: Floats) -> Floats:
        """The first row below the crossing of each edge with a column."""
        ...


class _CentreEdges:
    """Edges that are crossed along the middles of pixels."""

    def __init__(self, start: Floats, end: Floats) -> None:
        # The same edge, walked to and fro, has to be crossed at the same pixels.
        turn = start[0] > end[0]
        self._x, self._y = np.where(turn, end, start)
        far_x, far_y = np.where(turn, start, end)
        self._dx, self._dy = far_x - self._x, far_y - self._y
        self.first, self.end = np.ceil(self._x - 0.5), np.ceil(far_x - 0.5)

    def rows(self, edge: Ints, col: Floats) -> Floats:
        y, dx = self._y[edge] - 0.5, self._dx[edge]
        along = (col + 0.5 - self._x[edge]) * self._dy[edge]
        # The quotient may be rounded over a row; the products are exact to 1/256 of a pixel.
        row: Floats = np.ceil(y + along / dx) - 1
        above = ((row - y) * dx < along).astype(np.float64)
        above += (row + 1 - y) * dx < along
        row += above
        return row


class _CocoEdges:
    """Edges as ``rleFrPoly`` walks along them, in fifths of a pixel."""

    def __init__(self, start: Floats, end: Floats) -> None:
        start, end = (np.trunc(5 * point + 0.5) for point in (start, end))
        way = np.abs(end - start)
        self._steep = way[0] < way[1]
        turn = np.where(self._steep, start[1] > end[1], start[0] > end[0])
        self._x, self._y = np.where(turn, end, start)
        dx, dy = np.where(turn, start, end) - (self._x, self._y)
        self._slope = np.where(self._steep, dx, dy) / np.maximum(np.maximum(*way), 1)
        # A column is crossed between its fifths 2 and 3.
        self.first = np.floor((np.minimum(start[0], end[0]) + 2) / 5)
        self.end = np.floor((np.maximum(start[0], end[0]) + 2) / 5)

    def rows(self, edge: Ints, col: Floats) -> Floats:
        fifths = np.empty(len(edge))
        steep = self._steep[edge]
        for is_steep, walk in ((False, self._across), (True, self._down)):
            which = np.flatnonzero(steep == is_steep)
            if len(which):
                fifths[which] = walk(edge[which], col[which])
        # Five times the row is at most two less, and never a whole row more.
        row: Floats = np.floor((fifths + 2.5) * 0.2)
        return row

    def _across(self, edge: Ints, col: Floats) -> Floats:
        """The upper of the two steps of a crossing, a column each."""
        slope = self._slope[edge]
        step = 5 * col + 2 - self._x[edge] + (slope < 0)
        reached: Floats = np.floor(self._y[edge] + slope * step + 0.5)
        return reached

    def _down(self, edge: Ints, col: Floats) -> Floats:
        """The last step before a crossing, a row each."""
        x, slope = self._x[edge], self._slope[edge]
        other = 5 * col + 3
        rightward = slope > 0
        # The quotient is rounded otherwise than the walk, which decides.
        step = np.ceil((other - 0.5 - x) / slope) - 1
        before = ((x + slope * step + 0.5 >= other) != rightward).astype(np.float64)
        before += (x + slope * (step + 1) + 0.5 >= other) != rightward
        reached: Floats = self._y[edge] + step + before - 1
        return reached


@dataclass(slots=True)
class _Spans:
    """Columns of several outlines, numbered through.

    Attributes
    ----------
    top, bottom, left, right : ndarray of int64, shape (n,)
        The box that holds each outline within the frame, tight or not.
    """

    top: Ints
    bottom: Ints
    left: Ints
    right: Ints

    def join(self, opens: Ints) -> _Spans:
        """Spans of neighbours together, given the first of each."""
        return _Spans(
            np.minimum.reduceat(self.top, opens),
            np.maximum.reduceat(self.bottom, opens),
            np.minimum.reduceat(self.left, opens),
            np.maximum.reduceat(self.right, opens),
        )


class _Columns:
    """The columns of several outlines, numbered through.

    Attributes
    ----------
    ends : ndarray of int64, shape (n,)
        The number behind each one's last column.
    shift : ndarray of int64, shape (n,)
        What makes numbers of each one's columns.
    """

    def __init__(self, spans: _Spans) -> None:
        self.ends = np.cumsum(spans.right - spans.left)
        self.shift = self.ends - spans.right


class Scanlines:
    """Shapes that are drawn together.

    Parameters
    ----------
    rings : list of ndarray of float64, shape (n, 2)
        None of them empty.
    n_rings : ndarray of int64
        How many of them each shape has.
    """

    def __init__(
        self,
        rings: list[Floats],
        n_rings: Ints,
        height: int,
        width: int,
        rule: Literal["coco", "even-odd"],
    ) -> None:
        self._height = height
        n_points = np.array([len(ring) for ring in rings])
        behind = np.cumsum(n_points)
        start = np.ascontiguousarray(np.concatenate(rings).T)
        end = np.empty_like(start)
        end[:, :-1] = start[:, 1:]
        end[:, behind - 1] = start[:, behind - n_points]
        self._edges: _Edges = (_CocoEdges if rule == "coco" else _CentreEdges)(start, end)
        self._first = _within(self._edges.first, width)
        self._n = _within(self._edges.end, width) - self._first
        self._shapes = np.flatnonzero(n_rings)
        n_rings = n_rings[self._shapes]
        opens = np.cumsum(n_rings) - n_rings
        spans = _spans(start, behind - n_points, height, width)
        self._spans = spans.join(opens)
        # Whether rings are drawn apart and united.
        self._apart = rule == "coco" and len(rings) > len(self._shapes)
        self._columns = self._drawn = _Columns(self._spans)
        n_edges = np.add.reduceat(n_points, opens)
        if self._apart:
            self._drawn = _Columns(spans)
            self._shape = np.repeat(np.arange(len(n_rings)), n_rings)
        shift = np.repeat(self._drawn.shift, n_points if self._apart else n_edges)
        # Where each edge's outline would begin, counted down all columns.
        self._origin = shift * (height + 1)
        self._edge_ends = np.concatenate(([0], np.cumsum(n_edges)))

    def masks(self) -> list[tuple[int, BBox, Bool2D]]:
        """Each shape's number, box and mask."""
        spans = self._spans
        crossings = np.add.reduceat(self._n, self._edge_ends[:-1])
        pixels = (spans.bottom - spans.top) * (spans.right - spans.left)
        size = pixels + _CROSSING * crossings
        drawn = []
        for part in portions(size, _BLOCK):
            edges = slice(*self._edge_ends[[part.start, part.stop]].tolist())
            if size[part.start] > _BLOCK:
                painted = [self._large(part.start, edges)]
            else:
                runs = self._runs(
                    np.arange(edges.start, edges.stop), self._first[edges], self._n[edges]
                )
                runs.owner -= part.start
                painted = runs.paint(part.stop - part.start)
            numbers = self._shapes[part].tolist()
            drawn += [(which, *each) for which, each in zip(numbers, painted, strict=True)]
        return drawn

    def _large(self, which: int, edges: slice) -> tuple[BBox, Bool2D]:
        """Draw one shape, some columns at a time."""
        spans = self._spans
        top, bottom = int(spans.top[which]), int(spans.bottom[which])
        left, right = int(spans.left[which]), int(spans.right[which])
        first = self._first[edges]
        until = first + self._n[edges]
        # An edge begins to cross, and no longer does.
        n = np.bincount(first - left, minlength=right - left + 1)
        n -= np.bincount(until - left, minlength=right - left + 1)
        n_crossings = np.cumsum(n)[:-1]
        whole = np.zeros((bottom - top, right - left), np.bool_)
        found = []
        for part in portions(bottom - top + _CROSSING * n_crossings, _BLOCK):
            low = np.maximum(first, left + part.start)
            n = np.minimum(until, left + part.stop) - low
            crossing = np.flatnonzero(n > 0)
            runs = self._runs(crossing + edges.start, low[crossing], n[crossing])
            runs.owner[:] = 0
            ((box, mask),) = runs.paint(1)
            if box.n_pixels:
                found.append(box)
                whole[box.minr - top : box.maxr - top, box.minc - left : box.maxc - left] = mask
        if not found:
            return NO_BOX, np.zeros((0, 0), np.bool_)
        minr, minc, _, _ = np.minimum.reduce(found).tolist()
        _, _, maxr, maxc = np.maximum.reduce(found).tolist()
        if (minr, minc, maxr, maxc) != (top, left, bottom, right):
            whole = whole[minr - top : maxr - top, minc - left : maxc - left].copy()
        return BBox(minr, minc, maxr, maxc), whole

    def _runs(self, edge: Ints, first: Ints, n: Ints) -> UprightRuns:
        """Runs between the crossings of edges with so many columns each."""
        stride = self._height + 1
        until = np.cumsum(n)
        col = np.repeat(first - until + n, n)
        col += np.arange(len(col))
        each = np.repeat(edge, n)
        position = _within(self._edges.rows(each, col.astype(np.float64)), self._height)
        position += self._origin[each]
        col *= stride
        position += col
        position.sort()
        begin, end = position[::2], position[1::2]
        filled = begin < end
        begin, end = begin[filled], end[filled]
        if self._apart:
            owner, col, top = self._placed(begin, self._drawn)
            shift = self._columns.shift[self._shape[owner]]
            begin, end = _united((col + shift) * stride + top, end - begin)
        owner, col, top = self._placed(begin, self._columns)
        return UprightRuns(owner, col, top, top + end - begin)

    def _placed(self, position: Ints, columns: _Columns) -> tuple[Ints, Ints, Ints]:
        """Whose outline, which column and which row a position is."""
        stride = self._height + 1
        number = position // stride
        owner = columns.ends.searchsorted(number, side="right")
        return owner, number - columns.shift[owner], position - number * stride


def _within(values: Floats, most: int) -> Ints:
    """Whole numbers, cut to 0 … `most`."""
    return np.minimum(np.maximum(values, 0), most).astype(np.int64)


def _spans(points: Floats, opens: Ints, height: int, width: int) -> _Spans:
    """Boxes of points, a pixel wider than they, within the frame."""
    left, top = np.floor(np.minimum.reduceat(points, opens, axis=1)) - 1
    right, bottom = np.ceil(np.maximum.reduceat(points, opens, axis=1)) + 1
    return _Spans(
        _within(top, height), _within(bottom, height), _within(left, width), _within(right, width)
    )


def _united(begin: Ints, length: Ints) -> tuple[Ints, Ints]:
    """Join stretches that overlap or touch."""
    order = np.argsort(begin, kind="stable")
    begin = begin[order]
    end = np.maximum.accumulate(begin + length[order])
    opens = np.ones(len(begin), np.bool_)
    opens[1:] = begin[1:] > end[:-1]
    return begin[opens], end[np.append(opens[1:], True) if len(opens) else opens]
