"""Masks of packed bits against the same in plain NumPy."""

import math

import numpy as np
import pytest
import skimage.measure
from hypothesis import given
from hypothesis import strategies as st

import build
import strategies
from iidindex import EncodeError
from iidindex.masks import regions as packed
from iidindex.masks.columns import columns, count_shared, words_needed, words_shared
from iidindex.masks.distance import distance, distances
from iidindex.masks.measure import Overlap, any_in, areas, hull, overlap, place, union
from iidindex.masks.overlaps import overlapping
from iidindex.masks.regions import LEAD, Regions, compact, join, paint, pixel_in, row_blocks
from iidindex.masks.split import split, split_many
from iidindex.masks.tiles import disjoint, tiles
from iidindex.masks.windows import count_common, count_inside
from iidindex.model import BBox


def regions_of(placed, junk=0xA5):
    """`Regions` of (bbox, mask) pairs in a buffer of nonsense, as if in the middle of a file.

    The bits after each last pixel are set, to show whether anybody counts them.
    """
    data, start = bytes([junk]) * LEAD, []
    for nth, (_, mask) in enumerate(placed):
        bits = np.concatenate([mask.reshape(-1), np.ones(-mask.size % 8, bool)])
        start.append(len(data))
        data += np.packbits(bits).tobytes() + bytes([junk]) * (nth % 3)
    bbox = np.array([bbox for bbox, _ in placed], np.int64).reshape(-1, 4)
    return Regions(np.frombuffer(data, np.uint8), np.array(start, np.int64), bbox)


def canvas(placed, box):
    """Everything painted onto one array that covers `box`."""
    out = np.zeros((box[2] - box[0], box[3] - box[1]), bool)
    for (minr, minc, _, _), mask in placed:
        for row, col in np.add(np.argwhere(mask), (minr - box[0], minc - box[1])):
            if 0 <= row < out.shape[0] and 0 <= col < out.shape[1]:
                out[row, col] = True
    return out


def around(placed):
    """A box around everything, and a little more."""
    corners = np.array([bbox for bbox, _ in placed] or [(0, 0, 0, 0)])
    (minr, minc), (maxr, maxc) = corners[:, :2].min(axis=0) - 2, corners[:, 2:].max(axis=0) + 2
    return BBox(int(minr), int(minc), int(maxr), int(maxc))


@st.composite
def near_masks(draw, max_side=14, spread=20):
    """``(bbox, mask)`` near the corner, so that many overlap."""
    mask = draw(strategies.masks(max_side))
    row, col = draw(st.integers(0, spread)), draw(st.integers(0, spread))
    return (row, col, row + mask.shape[0], col + mask.shape[1]), mask


several = st.lists(near_masks(), max_size=5)


@st.composite
def a_box(draw, side=40):
    row, col = draw(st.integers(0, side)), draw(st.integers(0, side))
    return BBox(row, col, row + draw(st.integers(0, side)), col + draw(st.integers(0, side)))


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
def test_every_value_but_0_is_inside(dtype):
    mask = packed.as_binary(np.array([[0, 1], [255, 0]]).astype(dtype))
    assert mask.tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("text", ["101", "1.1/.../1.1", "11/.1/11", "1..1/1..1", ".11/1.1/11."])
def test_split_of_a_few_pixels(text):
    mask = np.array([[pixel == "1" for pixel in row] for row in text.split("/")])
    found, _ = split(mask)
    assert found.bbox.tolist() == [list(box) for box, _ in build.components(mask)]


# ---------------------------------------------------------------- looking without unpacking


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


@given(st.lists(near_masks(max_side=90, spread=140), min_size=2, max_size=6))
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
    box = BBox(0, 0, 240, 240)
    dense = [canvas([one], box) for one in placed]
    expected = [np.count_nonzero(dense[a] & dense[b]) for a, b in pairs]
    assert count_shared(cut, i, j).tolist() == expected
    assert words_needed(regions.bbox).sum() == cut.blocks.size
    assert words_shared(regions.bbox, i, j) * 64 >= sum(expected)


def test_full_masks_of_many_columns():
    full = [((r, c, r + 900, c + 700), np.ones((900, 700), bool)) for r, c in ((3, 5), (50, 99))]
    shared = count_shared(columns(regions_of(full)), np.array([0]), np.array([1]))
    assert shared.tolist() == [(900 - 47) * (700 - 94)]


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


def noise(height, width, share=0.5, seed=0):
    return np.random.default_rng(seed).random((height, width)) < share


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
