"""Packed masks looked at without unpacking: pixels, boxes, counts."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iidindex.masks.blocks import columns, count_shared, words_needed, words_shared
from iidindex.masks.distance import distance
from iidindex.masks.measure import any_in, areas, hull
from iidindex.masks.regions import compact, paint, pixel_in
from iidindex.masks.windows import count_common, count_inside
from iidindex.model import BBox
from placed import a_box, around, canvas, near_masks, noise, regions_of, several


def crowd(seed=7):
    """Masks of noise close together, and two of single columns: every edge is met by some."""
    random = np.random.default_rng(seed)
    placed = [((3, 4, 9, 5), np.ones((6, 1), bool)), ((0, 0, 1, 9), np.ones((1, 9), bool))]
    for share in (0.1, 0.4, 0.9, 1.0):
        row, col, height, width = random.integers(1, 9, 4).tolist()
        mask = random.random((height, width)) < share
        placed.append(((row, col, row + height, col + width), mask))
    return placed


def test_every_pixel_of_a_crowd():
    placed = crowd()
    regions = regions_of(placed)
    plane = BBox(-1, -1, 20, 20)
    painted = np.array([canvas([one], plane) for one in placed])
    everything = painted.any(axis=0)
    for row in range(-1, 20):
        for col in range(-1, 20):
            expected = painted[:, row + 1, col + 1].tolist()
            assert pixel_in(regions, row, col).tolist() == expected
            assert any_in(regions, BBox(row, col, row + 1, col + 1)).tolist() == expected
            rows, cols = np.nonzero(everything)
            nearest_one = np.hypot(rows - 1 - row, cols - 1 - col).min()
            assert distance(regions, row, col) == pytest.approx(nearest_one)


def test_every_box_of_a_crowd():
    placed = crowd()
    regions = regions_of(placed)
    painted = np.array([canvas([one], (0, 0, 16, 16)) for one in placed])
    for minr, maxr in [(r, r + h) for r in range(14) for h in range(3)]:
        for minc, maxc in [(c, c + w) for c in range(14) for w in range(3)]:
            expected = painted[:, minr:maxr, minc:maxc].any(axis=(1, 2)).tolist()
            assert any_in(regions, BBox(minr, minc, maxr, maxc)).tolist() == expected


@given(several, st.integers(0, 40), st.integers(0, 40))
def test_pixel_in(placed, row, col):
    box = (row, col, row + 1, col + 1)
    expected = [bool(canvas([one], box)[0, 0]) for one in placed]
    assert pixel_in(regions_of(placed), row, col).tolist() == expected


@given(several, a_box())
def test_any_in(placed, box):
    expected = [bool(canvas([one], box).any()) for one in placed]
    assert any_in(regions_of(placed), box).tolist() == expected


@given(several)
def test_areas_and_hull(placed):
    regions = regions_of(placed)
    assert areas(regions).tolist() == [np.count_nonzero(mask) for _, mask in placed]
    boxes = np.array([bbox for bbox, _ in placed])
    expected = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)) if placed else (0, 0, 0, 0)
    assert hull(regions) == expected


@given(st.lists(near_masks(), min_size=1, max_size=4), st.lists(a_box(), min_size=1, max_size=4))
def test_count_inside(placed, boxes):
    pairs = [(i, j) for i in range(len(placed)) for j in range(len(boxes))]
    i, j = np.array(pairs).T
    expected = [np.count_nonzero(canvas([placed[i]], boxes[j])) for i, j in pairs]
    assert count_inside(regions_of(placed), i, np.array(boxes)[j]).tolist() == expected


@given(
    st.lists(near_masks(), min_size=1, max_size=4), st.lists(near_masks(), min_size=1, max_size=4)
)
def test_count_common(placed, others):
    pairs = [(i, j) for i in range(len(placed)) for j in range(len(others))]
    i, j = np.array(pairs).T
    box = around([*placed, *others])
    expected = [
        np.count_nonzero(canvas([placed[i]], box) & canvas([others[j]], box)) for i, j in pairs
    ]
    found = count_common(regions_of(placed), regions_of(others, junk=0x5A), i, j)
    assert found.tolist() == expected


def boxes_meet(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    return bool(np.all(low < high))


# Wide masks far to the right once lay beyond a canvas that was not measured by them.
FULL_ROW = ((0, 70, 1, 241), np.ones((1, 171), bool))


@given(st.lists(near_masks(max_side=90, spread=140), min_size=2, max_size=6))
@example([FULL_ROW, FULL_ROW])
def test_counting_in_columns(placed):
    regions = compact(regions_of(placed))
    pairs = [
        (i, j)
        for i in range(len(placed))
        for j in range(i)
        if boxes_meet(placed[i][0], placed[j][0])
    ]
    i, j = np.array(pairs, np.int64).reshape(-1, 2).T
    cut = columns(regions)
    box = around(placed)
    dense = [canvas([one], box) for one in placed]
    expected = [np.count_nonzero(dense[a] & dense[b]) for a, b in pairs]
    assert count_shared(cut, i, j).tolist() == expected
    assert words_needed(regions.bbox).sum() == cut.blocks.size
    assert words_shared(regions.bbox, i, j) * 64 >= sum(expected)


def test_full_masks_of_many_columns():
    full = [((r, c, r + 900, c + 700), np.ones((900, 700), bool)) for r, c in ((3, 5), (50, 99))]
    shared = count_shared(columns(regions_of(full)), np.array([0]), np.array([1]))
    assert shared.tolist() == [(900 - 47) * (700 - 94)]


# Words are of 57 bits; a block has 65536 of them.
@pytest.mark.parametrize("width", [1, 56, 57, 58, 113, 114, 115, 171, 172])
@pytest.mark.parametrize("shift", [0, 1, 7, 57])
def test_counting_over_words(width, shift):
    a, b = noise(9, width, seed=1), noise(9, width, seed=2)
    placed = [((0, 0, 9, width), a), ((2, shift, 11, shift + width), b)]
    regions = regions_of(placed)
    common = a[2:, shift:] & b[:7, : max(0, width - shift)]
    found = count_common(regions, regions, np.array([0, 0]), np.array([1, 0]))
    assert found.tolist() == [np.count_nonzero(common), np.count_nonzero(a)]


@pytest.mark.parametrize(("height", "width"), [(65535, 3), (20_000, 200), (3, 65535), (600, 6000)])
def test_counting_over_blocks(height, width):
    a, b = noise(height, width, seed=1), noise(height, width, seed=2)
    small = noise(5, 2, seed=3)
    placed = [((0, 0, height, width), a), ((1, 1, height + 1, width + 1), b), ((1, 1, 6, 3), small)]
    regions = regions_of(placed)
    i, j = np.array([0, 2, 1, 0, 1]), np.array([1, 0, 1, 2, 0])
    shared = np.count_nonzero(a[1:, 1:] & b[:-1, :-1])
    rows = min(5, height - 1)
    with_small = np.count_nonzero(a[1 : rows + 1, 1:3] & small[:rows])
    expected = [shared, with_small, np.count_nonzero(b), with_small, shared]
    assert count_common(regions, regions, i, j).tolist() == expected
    box = np.array([[height // 3, width // 3, height, width]])
    inside = np.count_nonzero(a[height // 3 :, width // 3 :])
    assert count_inside(regions, np.array([0]), box).tolist() == [inside]


def test_painting_over_blocks():
    # Rows are unpacked some million pixels at a time.
    mask = noise(1500, 2001)
    regions = regions_of([((10, 20, 1510, 2021), mask), ((0, 0, 3, 3), np.ones((3, 3), bool))])
    box = BBox(5, 15, 1520, 2000)
    expected = np.zeros((box.height, box.width), bool)
    expected[5:1505, 5:] = mask[:, :1980]
    assert np.array_equal(paint(regions, box), expected)
