"""Masks of packed bits against the same in plain NumPy."""

import numpy as np
import pytest
import skimage.measure
from hypothesis import given
from hypothesis import strategies as st

import build
import strategies
from iidindex import EncodeError
from iidindex.masks import regions as packed
from iidindex.masks.intersections import overlapping
from iidindex.masks.measure import Overlap, areas, overlap, place, union
from iidindex.masks.regions import LEAD, Regions, compact, join, paint, row_blocks
from iidindex.masks.split import split, split_many
from iidindex.masks.tiles import disjoint, tiles
from iidindex.model import BBox
from placed import a_box, around, canvas, near_masks, noise, regions_of, several

# ---------------------------------------------------------------- into regions and back


@given(strategies.masks(), st.integers(0, 9), st.integers(0, 9), st.integers(LEAD, 20))
def test_split_gives_the_connected_parts(mask, minr, minc, gap):
    found, area = split(mask, minr, minc, gap=gap)
    expected = list(build.components(mask))
    assert area == np.count_nonzero(mask)
    assert len(found) == len(expected)
    for nth, (box, part) in enumerate(expected):
        assert found.bbox[nth].tolist() == list(np.add(box, (minr, minc, minr, minc)))
        start = int(found.start[nth])
        assert start >= gap
        assert found.data[start : start + (part.size + 7) // 8].tobytes() == build.bits(part)


def test_split_joins_diagonal_pixels():
    assert len(split(np.eye(5, dtype=bool))[0]) == 1
    assert len(split(np.eye(5, dtype=bool)[::2])[0]) == 3


@given(st.lists(strategies.masks(), min_size=1, max_size=6), st.integers(LEAD, 20))
def test_split_of_many_masks_is_that_of_each(masks, gap):
    corners = np.arange(2 * len(masks)).reshape(-1, 2) * 5
    found, owner, area = split_many(masks, corners, gap=gap)
    assert np.all(np.diff(owner) >= 0)
    for nth, (mask, corner) in enumerate(zip(masks, corners.tolist(), strict=True)):
        expected, pixels = split(mask, *corner, gap=gap)
        assert area[nth] == pixels
        own = found[owner == nth]
        assert own.bbox.tolist() == expected.bbox.tolist()
        size = (np.diff(expected.start, append=len(expected.data) + gap) - gap).tolist()
        for a, b, length in zip(own.start, expected.start, size, strict=True):
            assert a >= gap
            assert bytes(found.data[a : a + length]) == bytes(expected.data[b : b + length])


@given(strategies.masks())
def test_pack_and_unpack(mask):
    assert packed.pack(mask).tobytes() == build.bits(mask)
    assert np.array_equal(packed.unpack(packed.pack(mask), *mask.shape), mask)


@given(several, a_box())
def test_paint(placed, box):
    assert np.array_equal(paint(regions_of(placed), box), canvas(placed, box))


@given(near_masks())
def test_paint_of_one_region_is_writable_and_its_own(placed):
    regions = regions_of([placed])
    mask = paint(regions, BBox(*placed[0]))
    mask[:] = ~mask
    assert np.array_equal(paint(regions, BBox(*placed[0])), placed[1])


@given(near_masks(), st.integers(1, 60))
def test_row_blocks(placed, max_pixels):
    (minr, _, maxr, _), mask = placed
    rows = []
    for row, block in row_blocks(regions_of([placed]), 0, minr, maxr, max_pixels=max_pixels):
        assert row == minr + len(rows)
        assert block.size <= max_pixels or len(block) == 1
        rows.extend(block)
    assert np.array_equal(np.array(rows, bool).reshape(mask.shape), mask)


@given(several, several)
def test_join(placed, others):
    parts = [regions_of(placed), regions_of(others, junk=0x5A), regions_of([])]
    both = join(parts)
    assert len(both) == len(placed) + len(others)
    assert (both.start >= LEAD).all()
    for nth, one in enumerate([*placed, *others]):
        assert np.array_equal(paint(both[[nth]], BBox(*one[0])), one[1])


@given(several)
def test_choosing_regions(placed):
    regions = regions_of(placed)
    assert regions[::2].bbox.tolist() == regions.bbox[::2].tolist()
    assert len(regions[np.zeros(len(placed), bool)]) == 0


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([1, 0, 1], "mask has 1 dimensions; expected 2"),
        (np.zeros((2, 2, 3), int), "mask has 3 dimensions; expected 2"),
        (np.zeros((2, 2)), r"mask has dtype float64; .* \(try mask > threshold\)"),
        ([["a"]], "mask has dtype <U1; expected bool or integers"),
        ([[1, 2], [3]], "mask is not an array of rows and columns"),
    ],
)
def test_what_is_no_mask(mask, message):
    with pytest.raises(EncodeError, match=message):
        packed.as_binary(mask)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_any_one_value_but_0_is_inside(dtype):
    for value in (1, 255):
        mask = packed.as_binary(np.array([[0, value], [value, 0]]).astype(dtype))
        assert mask.tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("text", ["101", "1.1/.../1.1", "11/.1/11", "1..1/1..1", ".11/1.1/11."])
def test_split_of_a_few_pixels(text):
    mask = np.array([[pixel == "1" for pixel in row] for row in text.split("/")])
    found, _ = split(mask)
    assert found.bbox.tolist() == [list(box) for box, _ in build.components(mask)]


# ---------------------------------------------------------------- looking without unpacking


def test_regions_far_apart_are_copied():
    placed = [((0, 0, 9, 9), noise(9, 9)), ((5, 5, 14, 14), noise(9, 9, seed=1))]
    near = regions_of(placed)
    far = Regions(
        np.concatenate([near.data[: near.start[1]], np.zeros(5000, np.uint8), near.data]),
        np.array([near.start[0], near.start[1] * 2 + 5000]),
        near.bbox,
    )
    for regions in (near, far):
        found = compact(regions)
        assert len(found.data) < 100
        for one in range(2):
            painted = paint(found[one : one + 1], BBox(*placed[one][0]))
            assert np.array_equal(painted, placed[one][1])
    assert len(compact(near[:0])) == 0


# ---------------------------------------------------------------- two masks


@given(near_masks(), near_masks())
def test_overlap_and_union_of_two_masks(one, other):
    a, b = (place(mask, *bbox[:2]) for bbox, mask in (one, other))
    box = around([one, other])
    full, also = canvas([one], box), canvas([other], box)
    both, either = np.count_nonzero(full & also), np.count_nonzero(full | also)
    n_a, n_b = np.count_nonzero(full), np.count_nonzero(also)
    expected = Overlap(
        both,
        either,
        both / either if either else 0,
        both / n_a if n_a else 0,
        both / n_b if n_b else 0,
    )
    assert overlap(a, b) == expected
    bbox, mask = union(a, b)
    found = np.zeros_like(full)
    if either:
        row, col = bbox.minr - box.minr, bbox.minc - box.minc
        found[row : row + bbox.height, col : col + bbox.width] = mask
    assert np.array_equal(found, full | also)
    assert mask.shape == (bbox.height, bbox.width)


def test_overlap_of_masks_of_many_regions():
    # So many regions that the boxes are joined by a tree.
    a, b = noise(90, 90, 0.1, seed=1), noise(90, 90, 0.1, seed=2)
    assert min(len(place(a)), len(place(b))) > 192
    found = overlap(place(a), place(b, 3, 5))
    assert found.pixels == np.count_nonzero(a[3:, 5:] & b[:-3, :-5])
    assert found.union == np.count_nonzero(a) + np.count_nonzero(b) - found.pixels


# ---------------------------------------------------------------- regions that share pixels


@given(several)
def test_tiles_and_disjoint(placed):
    box = around(placed)
    pixels = canvas(placed, box)
    for found in (tiles(regions_of(placed)), disjoint(regions_of(placed))):
        assert np.array_equal(paint(found, box), pixels)
        assert int(areas(found).sum()) == np.count_nonzero(pixels)


def test_disjoint_leaves_alone_what_is():
    regions = split(noise(20, 20, 0.2))[0]
    assert disjoint(regions) is regions


def test_tiles_of_much():
    # More than is unpacked in one go, and at the far end of the plane.
    mask = noise(700, 901)
    bbox = (64000, 64000, 64700, 64901)
    found = tiles(regions_of([(bbox, mask), ((0, 0, 0, 5), np.zeros((0, 5), bool))]))
    assert np.array_equal(paint(found, BBox(*bbox)), mask)


@given(st.lists(several, max_size=4))
def test_overlapping(masks):
    """Masks of any regions, also of such that share pixels among each other."""
    flat = [one for mask in masks for one in mask]
    owner = np.array([nth for nth, mask in enumerate(masks) for _ in mask], np.int64)
    order = np.random.default_rng(len(flat)).permutation(len(flat))
    box = around(flat)
    painted = [canvas(mask, box) for mask in masks]
    expected = [
        (i, j, int(np.count_nonzero(painted[i] & painted[j])))
        for i in range(len(masks))
        for j in range(i + 1, len(masks))
        if (painted[i] & painted[j]).any()
    ]
    a, b, pixels = overlapping(regions_of([flat[nth] for nth in order]), owner[order])
    assert list(zip(a.tolist(), b.tolist(), pixels.tolist(), strict=True)) == expected


@pytest.mark.parametrize("blank", [0, 5000])
def test_overlapping_of_many(blank):
    """So many that a tree joins them, and that those without a pixel are left out first."""
    random = np.random.default_rng(5)
    placed = []
    for _ in range(300):
        row, col = random.integers(0, 150, 2).tolist()
        height, width = random.integers(1, 12, 2).tolist()
        mask = random.random((height, width)) < 0.5
        placed.append(((row, col, row + height, col + width), mask))
    placed += [((70, 70, 71, 71), np.zeros((1, 1), bool))] * blank
    owner = np.arange(len(placed))
    box = around(placed)
    painted = [canvas([one], box) for one in placed[:300]]
    expected = {
        (i, j): int(np.count_nonzero(painted[i] & painted[j]))
        for i in range(300)
        for j in range(i + 1, 300)
    }
    a, b, pixels = overlapping(regions_of(placed), owner)
    found = dict(zip(zip(a.tolist(), b.tolist(), strict=True), pixels.tolist(), strict=True))
    assert found == {pair: n for pair, n in expected.items() if n}


@pytest.mark.parametrize("kind", ["noise", "stripes", "checks", "rings", "spots"])
@pytest.mark.parametrize("side", [1, 9, 60, 300])
def test_split_numbers_regions_as_scikit_image_does(kind, side):
    """By runs of pixels or, in large and noisy masks, by labels: the regions are the same."""
    rows, cols = np.indices((side, side))
    away = np.hypot(rows - side / 2, cols - side / 3)
    mask = {
        "noise": np.random.default_rng(side).random((side, side)) < 0.4,
        "stripes": (cols % 3 == 0) | (rows == side - 1),
        "checks": (rows + cols) % 2 == 0,
        "rings": away.astype(int) % 4 < 2,
        "spots": (rows % 7 < 3) & (cols % 5 < 2),
    }[kind]
    regions, area = split(mask, 10, 20)
    labels = skimage.measure.label(mask, connectivity=2)
    found = skimage.measure.regionprops(labels)
    assert area == mask.sum()
    assert len(regions) == len(found)
    for nth, segment in enumerate(found):
        minr, minc, maxr, maxc = segment.bbox
        assert regions.bbox[nth].tolist() == [minr + 10, minc + 20, maxr + 10, maxc + 20]
        packed = np.packbits(segment.image.reshape(-1))
        start = regions.start[nth]
        assert (regions.data[start : start + len(packed)] == packed).all()
