"""Colours, tints, outlines and words, pixel by pixel."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import iidindex
from iidindex import IID
from iidindex.masks.cells import CellCounts, Grid
from iidindex.pictures.fonts import typeface
from iidindex.render.canvas import Canvas, Look
from iidindex.render.colors import BACKGROUND, color_of, colors_of, heat_scale
from iidindex.render.name_labels import Label, place_labels

# ------------------------------------------------------------------ colours


def test_colours_never_change():
    assert color_of(IID(b"coins", b"coin-001")) == (174, 128, 255)
    assert color_of(IID(None, b"")) == color_of(IID(b"", b"")) == (192, 67, 188)
    assert color_of(IID(b"a", b"b")) != color_of(IID(b"b", b"a"))


def test_colours_differ_from_each_other_and_from_the_ground():
    colors = colors_of(IID(b"d", b"%d" % nth) for nth in range(3000)).astype(int)
    assert len(np.unique(colors, axis=0)) > 600
    for ground in (BACKGROUND, (0, 0, 0), (255, 255, 255)):
        assert np.abs(colors - ground).max(axis=1).min() > 70
    assert colors.shape == (3000, 3)
    assert colors_of([]).shape == (0, 3)


def test_the_scale_of_heat_grows_brighter_step_by_step():
    luma = heat_scale() @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luma) > -0.5).all()
    assert luma[0] < 40
    assert luma[-1] > 220


# ------------------------------------------------------------------ tints and outlines


def cells_of(masks):
    """Masks of one shape, each cell a pixel."""
    owner, row, col = np.nonzero(np.array(masks))
    cell = row * masks[0].shape[1] + col
    return CellCounts(owner, cell, np.ones(len(owner), np.uint32))


def slow_picture(base, masks, colors, alpha, width, closed=True):
    """What a canvas should give where every cell is a pixel, pixel by pixel."""
    base = base.astype(float)
    by_area = sorted(range(len(masks)), key=lambda nth: (masks[nth].sum(), nth))
    tinted, edges = base.copy(), np.full(base.shape, -1.0)
    for nth in reversed(by_area):
        inside = masks[nth]
        tinted[inside] = base[inside] + (colors[nth] - base[inside]) * alpha
        inner = inside
        for _ in range(width):
            around = np.pad(inner, 1, constant_values=not closed)
            inner = (
                inner & around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
            )
        edges[inside & ~inner] = colors[nth]
    return np.where(edges >= 0, edges, np.rint(tinted)).astype(np.uint8)


@st.composite
def layers(draw):
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    masks = [random.random(shape) < share for share in draw(st.lists(st.floats(0, 1), max_size=5))]
    masks = [mask for mask in masks if mask.any()]
    colors = random.integers(0, 256, (max(len(masks), 1), 3)).astype(np.uint8)
    return random.integers(0, 120, (*shape, 3)).astype(np.uint8), masks, colors


@given(layers(), st.floats(0, 1), st.integers(0, 2), st.booleans())
def test_a_canvas_is_what_it_should_be(drawn, alpha, width, closed):
    base, masks, colors = drawn
    height, across = base.shape[:2]
    canvas = Canvas(Grid.over(iidindex.BBox(0, 0, height, across), 99))
    if masks:
        area = np.array([mask.sum() for mask in masks])
        marks = canvas.add(cells_of(masks), Look(colors), area, width=width, closed=closed)
        assert marks.owner.tolist() == list(range(len(masks)))
        for (row, col), mask in zip(marks.anchor, masks, strict=True):
            assert mask[row, col]
    before = base.copy()
    picture = canvas.over(base, alpha=alpha)
    assert (base == before).all()
    expected = slow_picture(base, masks, colors, alpha, width, closed)
    assert np.abs(picture.astype(int) - expected).max(initial=0) <= 1
    outside = ~np.any([np.zeros(base.shape[:2], bool), *masks], axis=0)
    assert (picture[outside] == base[outside]).all()


@given(layers(), st.randoms())
def test_the_order_in_which_masks_come_does_not_matter(drawn, random):
    base, masks, colors = drawn
    area = np.array([mask.sum() for mask in masks])
    # Equal areas are told apart by their order.
    if len(set(area.tolist())) < len(area) or not masks:
        return
    grid = Grid.over(iidindex.BBox(0, 0, *base.shape[:2]), 99)
    found = cells_of(masks)
    pictures = []
    for _ in range(2):
        canvas = Canvas(grid)
        order = list(range(len(masks)))
        random.shuffle(order)
        for nth in order:
            own = found.owner == nth
            part = CellCounts(found.owner[own], found.cell[own], found.count[own])
            canvas.add(part, Look(colors), area, width=1)
        pictures.append(canvas.over(base, alpha=0.5))
    assert (np.abs(pictures[0].astype(int) - pictures[1]) <= 1).all()


def test_of_equal_masks_the_first_is_on_top():
    mask = np.ones((3, 3), bool)
    colors = np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200]], np.uint8)
    area = np.array([9, 9, 9])
    canvas = Canvas(Grid.over(iidindex.BBox(0, 0, 3, 3), 3))
    found = cells_of([mask, mask, mask])
    for owners in ([1, 2], [0]):
        own = np.isin(found.owner, owners)
        part = CellCounts(found.owner[own], found.cell[own], found.count[own])
        canvas.add(part, Look(colors), area, width=1)
    picture = canvas.over(np.zeros((3, 3, 3), np.uint8), alpha=1)
    assert (picture == [0, 200, 0]).all()


def test_a_cell_is_tinted_by_the_part_that_is_covered():
    grid = Grid.over(iidindex.BBox(0, 0, 4, 40), 10)
    canvas = Canvas(grid)
    counts = np.arange(1, 11, dtype=np.uint32)
    found = CellCounts(np.zeros(10, np.int64), np.arange(10), counts)
    color = np.array([[200, 100, 0]], np.uint8)
    canvas.add(found, Look(color), np.array([55]), width=0)
    picture = canvas.over(np.zeros((1, 10, 3), np.uint8), alpha=1)
    assert (picture[0, :, 0] == np.rint(200 * counts / 16)).all()


def test_outlines_are_darker_on_a_bright_picture():
    mask = np.pad(np.ones((8, 8), bool), 2)
    color = np.array([[200, 100, 50]], np.uint8)
    for value, expected in ((0, [200, 100, 50]), (250, [120, 60, 30])):
        canvas = Canvas(Grid.over(iidindex.BBox(0, 0, 12, 12), 12))
        canvas.add(cells_of([mask]), Look(color), np.array([64]), width=1)
        picture = canvas.over(np.full((12, 12, 3), value, np.uint8), alpha=0)
        assert picture[2, 2].tolist() == expected
        assert (picture[3:-3, 3:-3] == value).all()


# ------------------------------------------------------------------ words


def test_text_is_written_if_it_can_be_and_otherwise_as_hex():
    face = typeface(14)
    assert face.readable(b"tree") == "tree"
    assert face.readable(b"\xff\x00") == "hex:ff00"
    assert face.readable(b"a\nb") == "hex:610a62"
    assert face.readable(b"hex:00") == "hex:6865783a3030"
    private = "\ue123\U000f1234"  # no font has these
    assert face.readable(private.encode()) == f"hex:{private.encode().hex()}"
    assert face.readable("樹".encode(), any_character=True) == "樹"


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60), st.integers(20, 90)
)
def test_long_text_is_shortened_in_its_middle(text, width):
    face = typeface(11)
    shown = face.within(text, width)
    assert face.width(shown) <= width or shown == "…"
    if shown != text:
        begin, _, end = shown.rpartition("…")
        assert text.startswith(begin)
        assert text.endswith(end)
        assert len(shown) <= len(text)


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 149), st.integers(1, 60)), max_size=30)
)
def test_labels_do_not_cover_each_other(spots):
    face = typeface(11)
    labels = [
        Label(
            f"n{nth}",
            (row, col),
            (max(0, row - half), max(0, col - half), min(100, row + half), min(150, col + half)),
            (9, 9, 9),
        )
        for nth, (row, col, half) in enumerate(spots)
    ]
    placed = place_labels((100, 150), labels, face)
    taken = np.zeros((100, 150), int)
    for label, row, col, _ in placed:
        taken[row : row + face.height, col : col + face.width(label.text)] += 1
        assert 0 <= row <= 100 - face.height
        assert 0 <= col <= 150 - face.width(label.text)
    assert taken.max(initial=0) <= 1
    if len(spots) == 1:
        assert len(placed) == 1
