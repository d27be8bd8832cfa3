"""Masks traced: polygons along the borders of pixels, which drawn again are the mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage.measure import label

from iidindex.masks.polygons import draw, outlines
from iidindex.model import BBox
from shape_frames import by_pycocotools, drawn, in_frame

# The judge hands out arrays in a way that NumPy has given up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def shoelace(corners):
    x, y = corners.T
    return int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def assert_traced(mask, corner=(5, 7)):
    """Each polygon is a part, turns as it should, and has corners alone."""
    minr, minc = corner
    height, width = minr + mask.shape[0], minc + mask.shape[1]
    polygons = outlines(mask, BBox(minr, minc, height, width))
    frame = np.zeros((height, width), np.bool_)
    frame[minr:, minc:] = mask
    for polygon in polygons:
        for nth, corners in enumerate(polygon):
            assert corners.dtype == np.int64
            steps = np.roll(corners, -1, axis=0) - corners
            # One step goes across, the next goes down or up.
            assert ((steps != 0).sum(axis=1) == 1).all()
            assert ((steps != 0) ^ (np.roll(steps, -1, axis=0) != 0)).all()
            assert (shoelace(corners) > 0) == (nth == 0)
    drawn_apart = draw([[c.astype(float) for c in p] for p in polygons], height, width, "even-odd")
    parts = label(frame, connectivity=1)
    assert len(polygons) == parts.max()
    # They are numbered by their first pixels, as the polygons are by their first corners.
    for number, each in enumerate(drawn_apart, 1):
        np.testing.assert_array_equal(in_frame(each, height, width), parts == number)
    whole = [corners.astype(float) for polygon in polygons for corners in polygon]
    np.testing.assert_array_equal(drawn(whole, height, width, "even-odd"), frame)
    united = np.zeros_like(frame)
    for polygon in polygons:
        heads = [min(corners[:, ::-1].tolist()) for corners in polygon]
        assert heads == sorted(heads)
        if len(polygon) == 1:
            united |= by_pycocotools([polygon[0].astype(float)], height, width)
    assert not (united & ~frame).any()


@pytest.mark.parametrize("seed", range(5))
def test_outlines_of_noise(seed):
    random = np.random.default_rng(seed)
    for _ in range(60):
        height, width = random.integers(1, 14, 2).tolist()
        assert_traced(random.random((height, width)) < random.choice([0.2, 0.5, 0.8, 1]))


@given(arrays.arrays(np.bool_, st.tuples(st.integers(0, 9), st.integers(0, 9))))
def test_outlines_drawn_again_are_the_mask(mask):
    assert_traced(mask)


def rings_within_rings(size):
    r, c = np.indices((size, size))
    return np.maximum(abs(r - size // 2), abs(c - size // 2)) % 2 == 0


@pytest.mark.parametrize(
    "mask",
    [
        np.ones((1, 1), np.bool_),
        np.zeros((3, 4), np.bool_),
        np.ones((1, 9), np.bool_),
        np.ones((9, 1), np.bool_),
        np.indices((8, 9)).sum(0) % 2 == 0,
        np.indices((8, 9)).sum(0) % 2 == 1,
        rings_within_rings(21),
        ~rings_within_rings(21),
        np.eye(7, dtype=np.bool_),
        np.eye(7, dtype=np.bool_)[::-1],
        ~np.eye(7, dtype=np.bool_),
        # Parts of a ring that meet at a corner, from either side.
        np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], np.bool_),
        np.array([[1, 1, 1], [1, 0, 1], [0, 1, 1]], np.bool_),
        np.array([[0, 1, 1, 1], [1, 0, 0, 1], [1, 0, 1, 0], [1, 1, 1, 1]], np.bool_),
        # Holes that meet at a corner are two holes of one part, or one.
        np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]], np.bool_),
        np.array([[1, 1, 1, 1], [1, 1, 0, 1], [1, 0, 1, 1], [1, 1, 1, 1]], np.bool_),
        np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]], np.bool_),
    ],
)
def test_outlines_of_awkward_masks(mask):
    assert_traced(mask)


def test_an_outline_in_the_image():
    mask = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.bool_)
    outer, hole = outlines(mask, BBox(10, 20, 13, 23))[0]
    assert outer.tolist() == [[20, 10], [23, 10], [23, 13], [20, 13]]
    assert hole.tolist() == [[22, 11], [21, 11], [21, 12], [22, 12]]


def test_outlines_of_a_mask_of_several_blocks():
    frame = np.zeros((1500, 1600), np.bool_)
    random = np.random.default_rng(0)
    for _ in range(300):
        r, c = random.integers(0, 1500, 2)
        frame[r : r + 60, c : c + 50] ^= True
    assert_traced(frame[:750, :1600], corner=(0, 0))
    polygons = outlines(frame, BBox(0, 0, 1500, 1600))
    whole = [corners.astype(float) for polygon in polygons for corners in polygon]
    np.testing.assert_array_equal(drawn(whole, 1500, 1600, "even-odd"), frame)


def test_a_round_trip_loses_no_pixel():
    # 5 by 6 pixels stay 30, also for those who read with the rule of COCO.
    mask = np.ones((5, 6), np.bool_)
    ((outer,),) = outlines(mask, BBox(3, 4, 8, 10))
    for rule in ("coco", "even-odd"):
        assert drawn([outer.astype(float)], 20, 20, rule).sum() == 30
    assert by_pycocotools([outer], 20, 20).sum() == 30
