"""Distances from a pixel to masks, against measuring every pixel."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iidindex.masks.distance import distance, distances
from iidindex.masks.regions import Regions, join
from placed import regions_of, several


def nearest(placed, row, col):
    """Distance from a pixel to the nearest pixel, by looking at all of them."""
    best = math.inf
    for (minr, minc, _, _), mask in placed:
        for r, c in np.argwhere(mask):
            best = min(best, math.hypot(minr + r - row, minc + c - col))
    return best


@given(several, st.integers(-5, 60), st.integers(-5, 60))
def test_distance(placed, row, col):
    expected = nearest(placed, row, col)
    assert distance(regions_of(placed), row, col) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("row", "col"),
    [(0, 0), (1400, 600), (2999, 1199), (-50, -3), (3100, 1300), (1500, -9), (1500, 2000)],
)
def test_distance_over_blocks(row, col):
    # Three million pixels, of which four are set, one in each of several blocks.
    mask = np.zeros((3000, 1200), bool)
    mask[[20, 1100, 1900, 2990], [1100, 90, 500, 30]] = True
    placed = [((0, 0, 3000, 1200), mask)]
    assert distance(regions_of(placed), row, col) == pytest.approx(nearest(placed, row, col))


@given(st.lists(several, max_size=6), st.integers(-5, 60), st.integers(-5, 60))
def test_distances_of_many(many, row, col):
    tall = np.zeros((300, 80), bool)
    tall[[10, 250], [70, 3]] = True
    many = [*many, [((2, 3, 302, 83), tall)], *many[:2]]
    each = [regions_of(placed) for placed in many]
    of_mask = np.repeat(np.arange(len(each)), [len(regions) for regions in each])
    found = distances(join(each), of_mask, len(each), row, col)
    assert found.tolist() == [distance(regions, row, col) for regions in each]
    assert found == pytest.approx([nearest(placed, row, col) for placed in many])


def test_distances_heed_no_bits_after_the_last():
    careless = Regions(
        np.array([0] * 8 + [0b00000001, 0xFF], np.uint8),
        np.array([8]),
        np.array([[0, 0, 1, 7]]),
    )
    assert distances(careless, np.array([0]), 1, 0, 0).tolist() == [np.inf]
