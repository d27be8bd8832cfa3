"""Drawing polygons, with pycocotools, Pillow and fractions as judges."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from iidindex.errors import ExchangeError
from iidindex.masks.polygons import checked, draw
from iidindex.model import BBox
from shape_frames import by_pycocotools, drawn, in_frame

# The judge hands out arrays in a way that NumPy has given up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

FAR = 2.0**17


def ring(*numbers):
    return np.array(numbers, np.float64).reshape(-1, 2)


def square(low, high):
    return ring(low, low, high, low, high, high, low, high)


def by_pillow(shape, height, width):
    image = Image.new("L", (width, height))
    for each in shape:
        xy = [tuple(point) for point in each.tolist()]
        ImageDraw.Draw(image).polygon(xy, outline=1, fill=1)
    return np.asarray(image) > 0


def by_fractions(shape, height, width):
    """Count for each pixel the edges that are crossed on the way to it from above."""
    frame = np.zeros((height, width), np.bool_)
    half = Fraction(1, 2)
    for each in shape:
        points = [tuple(map(Fraction, point)) for point in each.tolist()]
        for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
            for c in range(width):
                x = c + half
                if min(x0, x1) <= x < max(x0, x1):
                    y = y0 + (x - x0) * (y1 - y0) / (x1 - x0)
                    rows = np.array([r + half >= y for r in range(height)])
                    frame[:, c] ^= rows
    return frame


def random_shapes(n, seed, size=60, most_rings=3, most_points=12):
    """Shapes within the frame and outside, from tiny to huge, crossing themselves at will."""
    random = np.random.default_rng(seed)
    for _ in range(n):
        shape = []
        for _ in range(random.integers(1, most_rings + 1)):
            spread = random.choice([0.3, 2, 10, 40])
            middle = random.uniform(-size / 3, size * 1.3, 2)
            points = middle + random.normal(0, spread, (random.integers(3, most_points), 2))
            # Whole pixels, halves, fifths (which the rule of COCO steps in), tenths, or any.
            grid = random.choice([1, 2, 5, 10, 0])
            if grid:
                points = np.round(points * grid) / grid
            if random.random() < 0.2:
                points = np.concatenate([points, points[:1]])
            if random.random() < 0.1:
                points = np.repeat(points, 2, axis=0)
            shape.append(points)
        yield shape


# Halves and fifths are where a rule decides.
places = st.one_of(
    st.integers(-40, 80).map(float),
    st.integers(-400, 800).map(lambda tenths: tenths / 10),
    st.floats(-40, 80, width=32),
)
rings = st.lists(st.tuples(places, places), min_size=3, max_size=9).map(lambda xy: np.array(xy))
shapes = st.lists(rings, min_size=1, max_size=3)
sides = st.integers(1, 40)


# ---------------------------------------------------------------------- the rule of COCO


@pytest.mark.parametrize("seed", range(6))
def test_coco_is_pycocotools_of_many_shapes_at_once(seed):
    random = np.random.default_rng(seed)
    for nth in range(40):
        height, width = random.integers(1, 60, 2).tolist()
        together = list(random_shapes(1 + nth, seed * 100 + nth, most_rings=1 + nth % 3))
        found = draw(together, height, width, "coco")
        assert len(found) == len(together)
        for shape, each in zip(together, found, strict=True):
            expected = by_pycocotools(shape, height, width)
            np.testing.assert_array_equal(in_frame(each, height, width), expected)


@given(shapes, sides, sides)
def test_coco_is_pycocotools(shape, height, width):
    expected = by_pycocotools(shape, height, width)
    np.testing.assert_array_equal(drawn(shape, height, width, "coco"), expected)


@pytest.mark.parametrize(
    "numbers",
    [
        (0, 0, 9, 0, 9, 9, 0, 9),
        (2, 2, 5, 2, 5, 5, 2, 5),
        (1.5, 1.5, 5.5, 1.5, 5.5, 5.5, 1.5, 5.5),
        (2, 2, 10, 2, 2, 10),
        (3, 3, 3, 3, 3, 3),
        (3, 3, 9, 3, 6, 3),
        (3, 3, 3, 9, 3, 6),
        (0, 0, 19, 19, 0, 0),
        (-FAR, -FAR, FAR, -FAR, FAR, FAR, -FAR, FAR),
        (-FAR, 7, FAR, 7.3, 11, FAR),
        (FAR, -FAR, -FAR, FAR, -FAR, 3),
        (-3, -3, -1, -3, -1, -1),
        (20, 20, 25, 20, 25, 25),
        (-0.1, -0.1, 0.6, -0.1, 0.6, 0.6, -0.1, 0.6),
        (19.4, 19.4, 20, 19.4, 20, 20, 19.4, 20),
        (2, 2, 12, 12, 12, 2, 2, 12),
        (2, 2, 12, 2, 12, 12, 2, 12, 2, 2, 12, 2, 12, 12, 2, 12),
    ],
)
def test_coco_of_odd_shapes(numbers):
    shape = [ring(*numbers)]
    np.testing.assert_array_equal(drawn(shape, 20, 20, "coco"), by_pycocotools(shape, 20, 20))


def test_coco_of_far_points():
    random = np.random.default_rng(0)
    for _ in range(30):
        shape = [random.uniform(-FAR, FAR, (4, 2)), random.uniform(-30, 60, (5, 2))]
        height, width = random.integers(1, 60, 2).tolist()
        expected = by_pycocotools(shape, height, width)
        np.testing.assert_array_equal(drawn(shape, height, width, "coco"), expected)


def test_coco_of_a_large_shape_beside_small_ones():
    angle = np.linspace(0, 2 * np.pi, 3000, endpoint=False)
    radius = np.where(np.arange(3000) % 2, 1400, 300)
    star = np.stack([1500 + radius * np.cos(angle), 1300 + radius * np.sin(angle)], axis=1)
    small = [[square(2, 5)], [square(3.2, 77.7), square(50, 90)]]
    # The second is drawn by columns in blocks, and its rings overlap.
    together = [small[0], [star, star + 40.3], small[1], [star[:1000]]]
    for shape, each in zip(together, draw(together, 2500, 2600, "coco"), strict=True):
        expected = by_pycocotools(shape, 2500, 2600)
        np.testing.assert_array_equal(in_frame(each, 2500, 2600), expected)


def test_more_shapes_than_fit_a_block():
    together = list(random_shapes(500, 5, size=300))
    apart = [draw([shape], 300, 400, "coco")[0] for shape in together]
    for alone, beside in zip(apart, draw(together, 300, 400, "coco"), strict=True):
        assert alone[0] == beside[0]
        np.testing.assert_array_equal(alone[1], beside[1])


def test_a_hole_of_coco_is_filled():
    assert drawn([square(2, 9), square(4, 7)], 20, 20, "coco").sum() == 49


def test_a_bridge_of_no_width_leaves_the_hole():
    # As YOLO writes a hole: in along a line, around, and back along the same line.
    bridged = ring(2, 2, 9, 2, 9, 9, 2, 9, 2, 2, 4, 4, 4, 7, 7, 7, 7, 4, 4, 4)
    frame = drawn([bridged], 20, 20, "coco")
    np.testing.assert_array_equal(frame, by_pycocotools([bridged], 20, 20))
    assert frame.sum() == 49 - 9


# ---------------------------------------------------------------------- even-odd


@pytest.mark.parametrize("seed", range(3))
def test_even_odd_is_that_of_fractions(seed):
    random = np.random.default_rng(seed)
    for nth in range(30):
        height, width = random.integers(1, 25, 2).tolist()
        together = list(random_shapes(5, seed * 100 + nth, size=20))
        # Steps of 1/256 of a pixel are drawn exactly.
        together = [[np.round(each * 256) / 256 for each in shape] for shape in together]
        for shape, each in zip(together, draw(together, height, width, "even-odd"), strict=True):
            expected = by_fractions(shape, height, width)
            np.testing.assert_array_equal(in_frame(each, height, width), expected)


@given(shapes, st.integers(1, 20), st.integers(1, 20))
@example([ring(0.5, 0.5, 2.5, 0.5, 2.5, 2.5, 0.5, 2.5)], 4, 4)
@example([ring(-FAR, -FAR, FAR, FAR, FAR, -FAR)], 20, 20)
def test_even_odd_of_halves(shape, height, width):
    shape = [np.round(each * 2) / 2 for each in shape]
    expected = by_fractions(shape, height, width)
    np.testing.assert_array_equal(drawn(shape, height, width, "even-odd"), expected)


def test_a_centre_on_an_edge_belongs_to_what_is_right_or_below():
    frame = drawn([square(0.5, 2.5)], 4, 4, "even-odd")
    assert np.argwhere(frame).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


@given(st.lists(st.tuples(places, places), min_size=4, max_size=4))
def test_what_a_cut_parts_is_whole_and_apart(points):
    # Two triangles with a common edge, walked to and fro.
    a, b, c, d = (ring(*point) for point in points)
    one, other = np.concatenate([a, b, c]), np.concatenate([c, b, d])
    whole = np.concatenate([a, b, d, c])
    parts = [drawn([each], 40, 40, "even-odd") for each in (one, other, whole)]
    np.testing.assert_array_equal(parts[0] ^ parts[1], parts[2])


def test_a_ring_inside_is_a_hole():
    frame = drawn([square(2, 9), square(4, 7)[::-1]], 20, 20, "even-odd")
    assert frame.sum() == 49 - 9
    assert not frame[4:7, 4:7].any()


def test_even_odd_of_a_large_shape():
    frame = drawn([square(1, 2000), square(100, 1900)], 2100, 2100, "even-odd")
    expected = np.zeros((2100, 2100), np.bool_)
    expected[1:2000, 1:2000] = True
    expected[100:1900, 100:1900] = False
    np.testing.assert_array_equal(frame, expected)


def test_many_edges_of_a_large_shape():
    # A comb: most columns cross every tooth, which is two pixels high at its root.
    teeth = np.arange(0, 3000, 2.0)
    right = np.stack([np.full(1500, 603.0), teeth], axis=1)
    tips = np.stack([np.full(1500, 3.0), teeth + 1], axis=1)
    zigzag = np.stack([right, tips], axis=1).reshape(-1, 2)
    comb = np.concatenate([zigzag, ring(603, 3000, 700, 3000, 700, 0)])
    frame = drawn([comb], 3000, 800, "even-odd")
    assert frame[:, 603:700].all()
    assert not frame[:, 700:].any()
    for column in (2, 3, 300, 301, 450, 602):
        near = np.concatenate([zigzag[:20] - (column, 0), ring(610, 20, 610, 0)])
        np.testing.assert_array_equal(frame[:18, column : column + 1], by_fractions([near], 18, 1))
        np.testing.assert_array_equal(frame[:18, column], frame[1800:1818, column])


# ---------------------------------------------------------------------- the rule of LabelMe


@pytest.mark.parametrize("seed", range(3))
def test_the_border_is_pillows(seed):
    random = np.random.default_rng(seed)
    for nth in range(20):
        height, width = random.integers(1, 60, 2).tolist()
        together = list(random_shapes(20, seed * 100 + nth))
        for shape, each in zip(together, draw(together, height, width, "border"), strict=True):
            expected = by_pillow(shape, height, width)
            np.testing.assert_array_equal(in_frame(each, height, width), expected)


@given(shapes, sides, sides)
def test_the_border_belongs(shape, height, width):
    expected = by_pillow(shape, height, width)
    np.testing.assert_array_equal(drawn(shape, height, width, "border"), expected)


def test_the_border_far_from_the_first_column():
    # Floats of 32 bits have few digits left there, and strips of rows must not show.
    random = np.random.default_rng(3)
    together = [
        [random.integers((39_000, 3), (40_000, 190), (random.integers(3, 9), 2)).astype(float)]
        for _ in range(10)
    ]
    for shape, each in zip(together, draw(together, 200, 40_000, "border"), strict=True):
        np.testing.assert_array_equal(in_frame(each, 200, 40_000), by_pillow(shape, 200, 40_000))


def test_the_border_of_far_points():
    for numbers in ((-FAR, -FAR, FAR, -FAR, FAR, FAR), (-FAR, 7, FAR, 7.9, 11, FAR)):
        shape = [ring(*numbers)]
        np.testing.assert_array_equal(drawn(shape, 50, 60, "border"), by_pillow(shape, 50, 60))


# ---------------------------------------------------------------------- all rules


@pytest.mark.parametrize("rule", ["coco", "even-odd", "border"])
def test_nothing_to_draw(rule):
    nothing = [[], [ring()], [ring(3, 3, 3, 3, 3, 3) + 100], [square(2, 4), ring()]]
    found = draw(nothing, 20, 20, rule)
    assert [box for box, _ in found[:3]] == [BBox(0, 0, 0, 0)] * 3
    assert {mask.shape for _, mask in found[:3]} == {(0, 0)}
    assert found[3][1].all()
    assert draw([], 20, 20, rule) == []
    assert draw([[square(2, 4)]], 0, 0, rule)[0][0] == BBox(0, 0, 0, 0)
    assert draw([[square(2, 4)]], 0, 9, rule)[0][0] == BBox(0, 0, 0, 0)
    assert draw([[square(2, 4)]], 9, 0, rule)[0][0] == BBox(0, 0, 0, 0)


@pytest.mark.parametrize("rule", ["coco", "even-odd", "border"])
def test_a_small_shape_in_a_frame_that_fits_no_memory(rule):
    box, mask = draw([[square(60_000, 60_003)]], 10**9, 10**9, rule)[0]
    assert box[:2] == (60_000, 60_000)
    assert mask.all()


@pytest.mark.parametrize("rule", ["coco", "even-odd", "border"])
def test_what_is_given_is_not_written_to(rule):
    shape = square(2.25, 7.75)
    shape.flags.writeable = False
    draw([[shape]], 20, 20, rule)
    assert shape.tolist() == square(2.25, 7.75).tolist()


# ---------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], "0 points"),
        ([1, 2, 3, 4], "2 points; expected at least 3"),
        ([[]], "a point []"),
        ([1, 2, 3, 4, 5, 6, 7], "7 numbers; expected pairs"),
        ([1, 2, 3, 4, 5, float("nan")], "a coordinate nan"),
        ([1, 2, 3, 4, 5, float("inf")], "a coordinate inf"),
        ([1, 2, 3, 4, 5, -float("inf")], "a coordinate -inf"),
        ([1, 2, 3, 4, 5, 1e9], "a coordinate 1e+09; expected -131072 to 131072"),
        ([1, 2, 3, 4, 5, -131072.5], "a coordinate -131072"),
        ([1, 2, 3, 4, 5, 10**400], "beyond all floats"),
        ([1, 2, 3, 4, 5, True], "holds bool; expected numbers"),
        ([True] * 6, "holds bool"),
        ([1, 2, 3, 4, 5, "6"], "holds str"),
        ([1, 2, 3, 4, 5, None], "holds NoneType"),
        ([1, 2, 3, 4, 5, 6j], "holds complex"),
        ([1, 2, 3, 4, 5, [6]], "holds list"),
        (["a", "b"], "holds str"),
        ([[1, 2], [3, 4], [5]], "a point [5]; expected x and y"),
        ([[1, 2], [3, 4], [5, 6, 7]], "a point [5, 6, 7]"),
        ([[1, 2], [3], [5, 6, 7]], "a point [3]"),
        ([[1, 2], [3, 4], 5, 6], "a point 5"),
        ([[1, 2], [3, 4], "56"], "a point '56'"),
        ([[1, 2], [3, 4], [5, [6]]], "holds list"),
        ("123456", "is str; expected a list"),
        (None, "is NoneType"),
        ({"size": [2, 2], "counts": "04"}, "is dict"),
        (np.array([True] * 6), "holds bool"),
        (np.array(["1"] * 6), "expected numbers"),
        (np.array([1, 2, 3, 4, 5, np.nan]), "a coordinate nan"),
        (np.zeros((3, 3)), "shape (3, 3)"),
        (np.zeros((2, 3, 2)), "shape (2, 3, 2)"),
        (np.array(5), "shape ()"),
    ],
)
def test_numbers_that_are_refused(values, found):
    with pytest.raises(ExchangeError) as error:
        checked(values, "segmentation 3")
    assert str(error.value).startswith("segmentation 3 ")
    assert found in str(error.value)
    assert "expected" in str(error.value)


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3.5, 4, -131072, 131072.0],
        (1, 2, 3.5, 4, -131072, 131072.0),
        [[1, 2], (3.5, 4), [-131072, 131072]],
        [1, np.float32(2), 3.5, np.int16(4), -131072, 131072],
        np.array([1, 2, 3.5, 4, -131072, 131072]),
        np.array([[1, 2], [3.5, 4], [-131072, 131072]], np.float32),
    ],
)
def test_numbers_that_are_read(values):
    found = checked(values, "ring")
    assert found.dtype == np.float64
    assert found.tolist() == [[1, 2], [3.5, 4], [-131072, 131072]]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=20,
)


@given(json_like | st.lists(st.integers() | st.floats() | st.booleans(), max_size=9))
def test_any_json_is_refused_or_drawn(values):
    try:
        found = checked(values, "ring")
    except ExchangeError:
        return
    expected = by_pycocotools([found], 30, 30)
    np.testing.assert_array_equal(drawn([found], 30, 30, "coco"), expected)
