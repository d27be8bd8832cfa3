"""The Hilbert curve goes through every pixel once, from neighbour to neighbour."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iidindex.masks.hilbert import along_curve


def test_every_pixel_once_and_by_neighbours():
    side = 64
    row, col = (axis.ravel() for axis in np.mgrid[:side, :side])
    distance = along_curve(row, col)
    order = np.argsort(distance)
    # The first quarter of the first quarter …: a whole square from the beginning.
    assert np.array_equal(distance[order], np.arange(side * side))
    steps = np.abs(np.diff(row[order])) + np.abs(np.diff(col[order]))
    assert (steps == 1).all()


@given(st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, 65_535)), min_size=1, unique=True))
def test_of_large_pictures(pixels):
    row, col = np.array(pixels).T
    found = along_curve(row, col)
    assert len(np.unique(found)) == len(pixels)
    assert found.min() >= 0
    assert found.max() < 2**32
    # Pixels of one square of 256 lie within a stretch of the curve as long as the square is large.
    same = (row // 256 == row[0] // 256) & (col // 256 == col[0] // 256)
    assert (found[same] // 256**2 == found[0] // 256**2).all()
