"""Set pixels on coarse grids, against unpacking everything."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from iidindex.masks import cells
from iidindex.masks.cells import Grid, cell_counts, count_grid
from iidindex.masks.measure import areas, place
from iidindex.masks.regions import LEAD, Regions, join
from iidindex.masks.tiles import disjoint_masks
from iidindex.model import BBox


def slow_counts(placed, grid):
    """For each mask its pixels in each cell, pixel by pixel."""
    found = np.zeros((len(placed), *grid.shape), int)
    for nth, ((minr, minc, _, _), mask) in enumerate(placed):
        for row, col in np.add(np.argwhere(mask), (minr, minc)):
            i = np.flatnonzero((grid.rows[:-1] <= row) & (row < grid.rows[1:]))
            j = np.flatnonzero((grid.cols[:-1] <= col) & (col < grid.cols[1:]))
            if len(i) and len(j):
                found[nth, i[0], j[0]] += 1
    return found


def regions_and_owners(placed):
    parts = [place(mask, box[0], box[1]) for box, mask in placed]
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return (join(parts) if parts else Regions(*_nothing())), owner


def _nothing():
    return np.zeros(LEAD, np.uint8), np.empty(0, np.int64), np.empty((0, 4), np.int64)


@st.composite
def windows(draw):
    """A part of the image, perhaps reaching outside it, and how many cells it may have."""
    top, left = draw(st.integers(-20, 50)), draw(st.integers(-20, 50))
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 200))
    return Grid.over(BBox(top, left, top + height, left + width), draw(st.integers(1, 60)))


@pytest.mark.parametrize("way", ["windows", "unpacked", "chosen"])
@pytest.mark.parametrize("blocks", ["large", "small"])
@given(st.lists(strategies.placed_masks(), max_size=4), windows())
def test_counts_are_those_of_the_pixels(way, blocks, placed, grid):
    with pytest.MonkeyPatch.context() as patch:
        if way != "chosen":
            patch.setattr(cells, "_REGION", -(10**12) if way == "unpacked" else 10**12)
        if blocks == "small":
            patch.setattr(cells, "_CELLS", 5)
            patch.setattr(cells, "_WINDOWS", 7)
            patch.setattr(cells, "_BLOCK_PIXELS", 30)
        regions, owner = regions_and_owners(placed)
        found = np.zeros((len(placed), grid.shape[0] * grid.shape[1]), int)
        seen = []
        for part in cell_counts(regions, owner, grid):
            assert (part.count > 0).all()
            code = part.owner * found.shape[1] + part.cell
            assert (np.diff(code) > 0).all()
            seen += np.unique(part.owner).tolist()
            found[part.owner, part.cell] = part.count
        assert len(seen) == len(set(seen)), "a mask came in two parts"
        expected = slow_counts(placed, grid)
        assert (found.reshape(expected.shape) == expected).all()
        assert (count_grid(regions, grid) == expected.sum(axis=0)).all()


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 120))
def test_cells_of_a_grid(height, width, size):
    grid = Grid.over(BBox(7, 9, 7 + height, 9 + width), size)
    assert grid.bbox == (7, 9, 7 + height, 9 + width)
    assert max(grid.shape) == min(size, max(height, width))
    assert grid.pixels.shape == grid.shape
    assert grid.pixels.sum() == height * width
    for edges in (grid.rows, grid.cols):
        sides = np.diff(edges)
        assert sides.min() >= 1
        assert sides.max() - sides.min() <= 1


def test_a_frame_of_four_billion_pixels_takes_little_memory():
    side = 65535
    # The bits of a mask that fills the largest frame, with a pattern that has no symmetry.
    data = np.full(LEAD + (side * side + 7) // 8, 0b11010000, np.uint8)
    data[-1] = 0b10000000  # one pixel is left of the last byte
    regions = Regions(data, np.array([LEAD]), np.array([[0, 0, side, side]]))
    grid = Grid.over(BBox(0, 0, side, side), 200)
    tracemalloc.start()
    try:
        found = count_grid(regions, grid)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.sum() == (side * side // 8) * 3 + 1
    assert (np.abs(found / grid.pixels - 3 / 8) < 0.01).all()
    assert peak < 20 << 20


def test_regions_that_share_pixels_are_parted():
    square, cross = np.ones((4, 4), bool), np.eye(9, dtype=bool)
    shared = join([place(square), place(square, 2, 2), place(cross, 50, 50)])
    owner = np.array([0, 0, 1])
    parted = disjoint_masks(shared, owner)
    assert areas(parted).sum() == 16 + 16 - 4 + 9
    apart = disjoint_masks(shared, np.array([0, 1, 2]))
    assert apart is shared
