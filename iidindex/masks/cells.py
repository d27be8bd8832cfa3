"""Counting set pixels on a coarse grid, so that a large frame can be seen on a small picture.

A *cell* is a box of pixels that a pixel of the small picture stands for. Cells are counted from
the packed bits. Neither a mask nor the frame is ever unpacked as a whole: memory is bounded by
the grid and by a block of bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.masks.batching import portions
from iidindex.masks.regions import Regions, row_blocks, set_pixels
from iidindex.masks.tiles import reduce_by
from iidindex.masks.windows import count_inside
from iidindex.model import BBox

Ints = npt.NDArray[np.int64]
# A cell has fewer than 2**32 pixels, as no coordinate is above 65535.
Counts = npt.NDArray[np.uint32]
Unsigned = npt.NDArray[np.unsignedinteger[Any]]

# Cells and pixels handled at a time.
_WINDOWS = 1 << 14
_BLOCK_PIXELS = 1 << 20
# Cells of all regions together that are held at a time; at least those of one region are.
_CELLS = 1 << 21

# What the two ways of counting cost, in nanoseconds: by windows, a word of a row and a cell;
# by unpacking, a pixel and a region. They only choose, so they need not be exact.
_WORD, _CELL, _PIXEL, _REGION = 33, 150, 2, 60_000


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells over a part of an image.

    Attributes
    ----------
    rows, cols : ndarray of int64, shape (h + 1,) and (w + 1,)
        Where cells begin, ascending, and where the last one ends; image coordinates, pixels.
        Cell ``(i, j)`` is rows ``rows[i] … rows[i + 1] - 1`` and columns alike.
    """

    rows: Ints
    cols: Ints

    @classmethod
    def over(cls, box: BBox, size: int) -> Grid:
        """A grid over a box of at least one pixel, of at most `size` cells along each side.

        Cells are nearly square: a pixel if the box is small, otherwise of sides that differ by
        a pixel at the most.

        Examples
        --------
        >>> grid = Grid.over(BBox(0, 0, 10, 4), 5)
        >>> grid.shape, grid.rows.tolist(), grid.cols.tolist()
        ((5, 2), [0, 2, 4, 6, 8, 10], [0, 2, 4])
        """
        longest = max(box.height, box.width)
        reduced = min(size, longest)
        height = max(1, round(box.height * reduced / longest))
        width = max(1, round(box.width * reduced / longest))
        return cls(
            box.minr + np.arange(height + 1) * box.height // height,
            box.minc + np.arange(width + 1) * box.width // width,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return len(self.rows) - 1, len(self.cols) - 1

    @property
    def bbox(self) -> BBox:
        """What all cells cover."""
        return BBox(*(int(edges[end]) for end in (0, -1) for edges in (self.rows, self.cols)))

    @property
    def pixels(self) -> Ints:
        """How many pixels each cell has: int64, shape (h, w)."""
        return np.multiply.outer(np.diff(self.rows), np.diff(self.cols))


@dataclass(frozen=True, slots=True)
class CellCounts:
    """Cells of masks that have a pixel, sorted by mask, row and column.

    Attributes
    ----------
    owner : ndarray of int64, shape (n,)
        Which mask.
    cell : ndarray of int64, shape (n,)
        Which cell, counted row by row.
    count : ndarray of uint32, shape (n,)
        Set pixels in it.
    """

    owner: Ints
    cell: Ints
    count: Counts


def cell_counts(
    regions: Regions, owner: Ints, grid: Grid, *, zoom: int = 1
) -> Iterator[CellCounts]:
    """Count the set pixels of masks in each cell of a grid.

    Parameters
    ----------
    regions : Regions
        Those of many masks, mask by mask.
    owner : ndarray of int64, shape (k,)
        The mask of each region, ascending. Regions of a mask that share pixels, which the
        format forbids, count these each time; `disjoint` parts them.
    grid : Grid
    zoom : int
        Hold fewer cells at a time, as each will be drawn as a square of such sides.

    Yields
    ------
    CellCounts
        All of one mask at a time, or of many small ones.
    """
    n_cells = int(np.multiply.reduce(grid.shape))
    boxes = _cell_boxes(regions.bbox, grid)
    code, count = np.empty(0, np.int64), np.empty(0, np.uint32)
    for part in portions((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), _CELLS // zoom**2):
        found, new = _sparse(regions[part], owner[part] * n_cells, boxes[part], grid)
        if len(code):
            found, new = np.concatenate([code, found]), np.concatenate([count, new])
        code, count = found, new
        if np.any(code[1:] <= code[:-1]):
            code, count = reduce_by(np.add, code, count)
        # The next part may go on with the last mask.
        done = int(np.searchsorted(code, owner[part][-1] * n_cells))
        if done:
            yield _split(code[:done], count[:done], n_cells)
        code, count = code[done:], count[done:]
    if len(code):
        yield _split(code, count, n_cells)


def _split(code: Ints, count: Counts, n_cells: int) -> CellCounts:
    owner = code // n_cells
    return CellCounts(owner, code - owner * n_cells, count)


def count_grid(regions: Regions, grid: Grid) -> Ints:
    """Count the set pixels of regions in each cell of a grid: int64, shape (h, w)."""
    total = np.zeros(grid.shape, np.int64)
    boxes = _cell_boxes(regions.bbox, grid)
    shape = boxes[:, 2:] - boxes[:, :2]
    unpacked = _is_unpacked(regions.bbox, shape, grid)
    for which in np.flatnonzero(unpacked).tolist():
        top, left, bottom, right = boxes[which].tolist()
        _count_unpacked(total[top:bottom, left:right], regions, which, boxes[which], grid)
    rest = np.flatnonzero(~unpacked & (shape > 0).all(axis=1))
    flat = total.reshape(-1)
    if grid.shape == (grid.bbox.height, grid.bbox.width):
        # Each pixel is a cell.
        size = regions.bbox[rest, 2:] - regions.bbox[rest, :2]
        for part in portions(size[:, 0] * size[:, 1], _BLOCK_PIXELS):
            _, row, col = set_pixels(regions[rest[part]])
            row, col = row - grid.bbox.minr, col - grid.bbox.minc
            inside = (row >= 0) & (row < grid.shape[0]) & (col >= 0) & (col < grid.shape[1])
            np.add.at(flat, row[inside] * grid.shape[1] + col[inside], 1)
        return total
    for region, _, row, col in _cells_of(rest, boxes):
        np.add.at(flat, row * grid.shape[1] + col, _counted_in(regions, region, row, col, grid))
    return total


def _cell_boxes(bbox: Ints, grid: Grid) -> Ints:
    """Which cells each box meets: half-open, without a cell where it meets none."""
    found = np.zeros_like(bbox)
    for axis, edges in enumerate((grid.rows, grid.cols)):
        low = np.clip(bbox[:, axis], edges[0], edges[-1])
        high = np.clip(bbox[:, axis + 2], low, edges[-1])
        found[:, axis] = np.searchsorted(edges, low, side="right") - 1
        found[:, axis + 2] = np.searchsorted(edges, high)
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2])
    found[(found[:, 2:] == found[:, :2]).any(axis=1)] = 0
    return found


def _sparse(regions: Regions, base: Ints, boxes: Ints, grid: Grid) -> tuple[Ints, Counts]:
    """Cells in which a region has a pixel, as numbers behind the region's own base; and counts."""
    shape = boxes[:, 2:] - boxes[:, :2]
    sizes = shape[:, 0] * shape[:, 1]
    ends = np.cumsum(sizes)
    first = ends - sizes
    count = np.zeros(int(ends[-1]), np.uint32)
    few = _is_unpacked(regions.bbox, shape, grid)
    for which in np.flatnonzero(few).tolist():
        dense = count[int(first[which]) : int(ends[which])].reshape(*shape[which].tolist())
        _count_unpacked(dense, regions, which, boxes[which], grid)
    _count_windows(count, regions, np.flatnonzero(~few & (sizes > 0)), first, boxes, grid)
    code = np.flatnonzero(count)
    count = count[code]
    width = grid.shape[1]
    for begin in range(0, len(code), _WINDOWS):
        nth = code[begin : begin + _WINDOWS]
        of = np.searchsorted(ends, nth, side="right")
        row, col = np.divmod(nth - first[of], shape[of, 1])
        nth[:] = base[of] + (row + boxes[of, 0]) * width + col + boxes[of, 1]
    return code, count


def _is_unpacked(bbox: Ints, shape: Ints, grid: Grid) -> npt.NDArray[np.bool_]:
    """Which regions are counted faster by unpacking their bits."""
    low = np.maximum(bbox[:, :2], grid.bbox[:2])
    height, width = np.maximum(np.minimum(bbox[:, 2:], grid.bbox[2:]) - low, 0).T
    cells = shape[:, 0] * shape[:, 1]
    words = height * (shape[:, 1] + width // 57)
    whole = bbox[:, 3] - bbox[:, 1]
    unpacked: npt.NDArray[np.bool_] = (cells > 0) & (
        _PIXEL * height * whole + _REGION < _WORD * words + _CELL * cells
    )
    return unpacked


def _count_windows(
    count: Counts, regions: Regions, which: Ints, first: Ints, boxes: Ints, grid: Grid
) -> None:
    """Count the cells of some regions without unpacking."""
    for region, nth, row, col in _cells_of(which, boxes):
        count[first[region] + nth] = _counted_in(regions, region, row, col, grid)


def _cells_of(which: Ints, boxes: Ints) -> Iterator[tuple[Ints, Ints, Ints, Ints]]:
    """The cells that some regions meet, a bounded number at a time.

    Yields
    ------
    region, nth, row, col : ndarray of int64
        For each cell, whose it is, its position among those of the region, and where it lies.
    """
    shape = boxes[which, 2:] - boxes[which, :2]
    sizes = shape[:, 0] * shape[:, 1]
    ends = np.cumsum(sizes)
    for begin in range(0, int(sizes.sum()), _WINDOWS):
        nth = np.arange(begin, min(begin + _WINDOWS, int(ends[-1])))
        of = np.searchsorted(ends, nth, side="right")
        nth -= ends[of] - sizes[of]
        row, col = np.divmod(nth, shape[of, 1])
        region = which[of]
        row += boxes[region, 0]
        col += boxes[region, 1]
        yield region, nth, row, col


def _counted_in(regions: Regions, region: Ints, row: Ints, col: Ints, grid: Grid) -> Ints:
    """The set pixels of regions in cells of the grid."""
    window = np.stack(
        [grid.rows[row], grid.cols[col], grid.rows[row + 1], grid.cols[col + 1]], axis=1
    )
    return count_inside(regions, region, window)


def _count_unpacked(
    dense: Counts | Ints, regions: Regions, which: int, box: Ints, grid: Grid
) -> None:
    """Count the cells of one region, a block of its rows at a time."""
    minr, minc, maxr, maxc = regions.bbox[which].tolist()
    top, left, bottom, right = box.tolist()
    rows = np.clip(grid.rows[top : bottom + 1], minr, maxr)
    cols = np.clip(grid.cols[left : right + 1], minc, maxc) - minc
    is_fine = len(cols) - 1 == cols[-1] - cols[0]
    blocks = row_blocks(regions, which, int(rows[0]), int(rows[-1]), max_pixels=_BLOCK_PIXELS)
    for row, block in blocks:
        pixels = block[:, cols[0] : cols[-1]].view(np.uint8)
        last = row + len(block)
        begin = int(np.searchsorted(rows, row, side="right")) - 1
        end = int(np.searchsorted(rows, last))
        sums, most = pixels, 1
        # Each row may be a row of cells, and each column a column of them.
        if end - begin != len(pixels):
            sums, most = _sums(pixels, np.maximum(rows[begin:end], row) - row, most)
        if not is_fine:
            across, _ = _sums(np.ascontiguousarray(sums.T), cols[:-1] - cols[0], most)
            sums = across.T
        dense[begin:end] += sums


def _sums(rows: Unsigned, opens: Ints, most: int) -> tuple[Unsigned, int]:
    """Add up rows that follow each other.

    `np.add.reduceat` takes one number after the other, up to ten times as long.

    Parameters
    ----------
    rows : ndarray of unsigned integers, shape (n, m)
    opens : ndarray of int64, shape (k,)
        The first of each sum, ascending from 0.
    most : int
        No number in the rows is larger.

    Returns
    -------
    sums : ndarray of unsigned integers, shape (k, m)
    most : int
        No sum is larger.
    """
    lengths = np.diff(opens, append=len(rows))
    shortest, longest = int(lengths.min()), int(lengths.max())
    most *= longest
    dtype = np.min_scalar_type(most)
    if longest > len(opens):
        parts = zip(opens.tolist(), lengths.tolist(), strict=True)
        sums = [np.add.reduce(rows[low : low + n], axis=0, dtype=dtype) for low, n in parts]
        return np.stack(sums), most
    total = rows[opens].astype(dtype, copy=False)
    for nth in range(1, longest):
        if nth < shortest:
            total += rows[opens + nth]
        else:
            left = np.flatnonzero(lengths > nth)
            total[left] += rows[opens[left] + nth]
    return total, most
