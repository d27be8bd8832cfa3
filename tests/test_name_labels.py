"""Names on pictures: how many, which, what they leave out, and where their lines lead."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import iidindex
from gallery import save, square
from iidindex import IID
from iidindex.pictures.domains import Domains
from iidindex.pictures.fonts import typeface
from iidindex.pictures.naming import Names, common_beginning
from iidindex.render.colors import BACKGROUND, color_of
from iidindex.render.name_labels import (
    MOST_LABELS,
    Label,
    pale,
    place_labels,
    readable_number,
    write_labels,
)


@given(st.lists(st.text("ab1-/", max_size=8), max_size=6), st.text("ab1-/", max_size=6))
def test_what_all_names_begin_with(ends, begin):
    names = [begin + end for end in ends]
    common = common_beginning(names)
    assert all(name.startswith(common) for name in names)
    if common:
        assert all(len(name) > len(common) for name in names)
        assert len(set(names)) > 1
        at_word = common[-1] in "-/"
        assert at_word or all(name[len(common)].isdigit() for name in names)
        assert at_word or not common[-1].isdigit()
        # No longer beginning would do, too.
        for end in range(len(common) + 1, min(map(len, names))):
            longer = names[0][:end]
            if all(name.startswith(longer) for name in names):
                assert longer[-1] not in "-/"


@pytest.mark.parametrize(
    ("names", "common"),
    [
        (["sav_000001/auto/1", "sav_000001/auto/2"], "sav_000001/auto/"),
        (["sav_000001/auto/1", "sav_000001/manual/2"], "sav_000001/"),
        (["細胞1", "細胞2"], ""),  # two characters are not worth it
        (["大きな細胞1", "大きな細胞2"], "大きな細胞"),
        (["hex:ff01", "hex:ff02"], ""),
        (["cell-1", "cell-1"], ""),
        (["cell-", "cell-1"], ""),
        ([], ""),
    ],
)
def test_beginnings(names, common):
    assert common_beginning(names) == common


def labels_at(spots, side=4):
    return [
        Label(f"n{nth}", (row, col), (row, col, row + side, col + side), (200, 40, 40))
        for nth, (row, col) in enumerate(spots)
    ]


def test_a_line_leads_from_a_label_to_its_mask():
    face = typeface(12)
    labels = labels_at([(50, 60), (100, 120), (20, 190)])
    picture = np.zeros((150, 250, 3), np.uint8)
    covered = np.zeros((150, 250), bool)
    for one in labels:
        minr, minc, maxr, maxc = one.bbox
        picture[minr:maxr, minc:maxc] = one.color
        covered[minr:maxr, minc:maxc] = True
    placed = place_labels(picture.shape[:2], labels, face, covered=covered, with_lines=True)
    assert len(placed) == 3
    drawn, written = write_labels(picture, labels, face, covered)
    assert written == 3
    for one in placed:
        begin, end = one.line
        minr, minc, maxr, maxc = one.label.bbox
        # It begins at the letters, and ends beside the mask without hiding it.
        assert one.row - 4 <= begin[0] <= one.row + face.height + 4
        assert minr - 1 <= end[0] <= maxr
        assert minc - 1 <= end[1] <= maxc
        assert (drawn[minr:maxr, minc:maxc] == one.label.color).all()
        assert drawn[end].tolist() == list(pale(one.label.color))


def test_a_label_on_its_mask_has_no_line():
    face = typeface(12)
    large = Label("name", (50, 60), (0, 0, 100, 120), (9, 200, 9))
    (only,) = place_labels((100, 120), [large], face, with_lines=True)
    assert only.line is None


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 140)), max_size=40),
    st.integers(1, 50),
)
def test_lines_cross_no_other_label(spots, side):
    face = typeface(11)
    labels = labels_at(spots, side)
    placed = place_labels((100, 150), labels, face, with_lines=True)
    letters = np.full((100, 150), -1)
    for nth, one in enumerate(placed):
        spot = letters[one.row : one.row + face.height, :][
            :, one.col : one.col + face.width(one.label.text)
        ]
        assert (spot == -1).all()
        spot[...] = nth
    for nth, one in enumerate(placed):
        if one.line is None:
            continue
        (row, col), (to_row, to_col) = one.line
        n = max(abs(to_row - row), abs(to_col - col)) + 1
        for r, c in np.rint(np.linspace((row, col), (to_row, to_col), n)).astype(int).tolist():
            if 0 <= r < 100 and 0 <= c < 150 and letters[r, c] not in (-1, nth):
                # Only where the label lies on what the line leads to.
                minr, minc, maxr, maxc = one.label.bbox
                assert minr <= r < maxr
                assert minc <= c < maxc


def test_labels_end_where_nobody_reads_them():
    face = typeface(11)
    shape = (4000, 4000)
    many = labels_at([(10 * nth % 4000, nth) for nth in range(3000)])
    assert readable_number(shape, many, face) == MOST_LABELS
    assert 1 <= readable_number((100, 100), many, face) < 10
    assert readable_number((3, 3), many, face) == 1
    assert readable_number((3, 3), [], face) == 0


@pytest.fixture
def dense(tmp_path):
    """Forty by forty masks, of which twelve are larger than the others."""
    rng = np.random.default_rng(2)
    large = set(rng.choice(1600, 12, replace=False).tolist())
    entries = [
        (b"cell-%04d" % nth, b"x", 14 * (nth // 40), 14 * (nth % 40), square(12 - 6 * small), [])
        for nth in range(1600)
        for small in [nth not in large]
    ]
    save(tmp_path / "a" / "dense.iid", entries, height=560, width=560)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "a")
        yield index, large


def test_the_largest_are_named(dense):
    index, large = dense
    drawn = index.render("dense.iid")
    assert drawn.drawn == 1600
    assert 1600 - MOST_LABELS <= drawn.left_out < 1600
    hits = list(index.entries)
    face = typeface(11)
    names = Names(hits, Domains([b"x"]), face, shortened=True)
    assert names.left_out == {0: "cell-"}
    assert names[7] == "0007"
    whole = Names(hits, Domains([b"x"]), face, shortened=False)
    assert whole[7] == "cell-0007"
    # Where labels are is where pictures with and without them differ.
    bare = index.render("dense.iid", labels=False).picture
    assert bare.shape == (560, 560, 3)
    changed = (drawn.picture[:560] != bare).any(axis=2)
    touched = {
        nth
        for nth in large
        if changed[
            max(0, 14 * (nth // 40) - 2) : 14 * (nth // 40) + 14,
            max(0, 14 * (nth % 40) - 2) : 14 * (nth % 40) + 14,
        ].any()
    }
    assert len(touched) >= 10


def test_the_legend_tells_what_names_leave_out(dense):
    index, _ = dense
    with_names = index.render("dense.iid").picture
    assert with_names.shape[0] > 560
    assert index.render("dense.iid", legend=False).picture.shape[0] == 560
    one = index.render("dense.iid", index.entries.where(address=b"cell-0001"))
    assert one.picture.shape[0] == 560


# ------------------------------------------------------------------ domains


@pytest.fixture
def sides(tmp_path):
    """Four domains side by side, and one mask of two of them in the same place."""
    entries = [
        (b"m", b"%s" % name, 10, 30 * nth + 5, square(20), ["g"])
        for nth, name in enumerate([b"ann", b"ben", b"cat", b"dan"])
    ]
    entries.append((b"n", b"ben", 40, 5, square(20), []))
    entries.append((b"n", b"ann", 40, 5, square(20), []))
    save(tmp_path / "a" / "one.iid", entries, height=70, width=130)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "a")
        yield index


def edge_of(picture, row, col, side=20):
    box = picture[row : row + side, col : col + side]
    ring = np.ones((side, side), bool)
    ring[1:-1, 1:-1] = False
    return box[ring], box[~ring]


def test_the_second_domain_has_outlines(sides):
    plain = {"labels": False, "alpha": 1}
    picture = sides.render("one.iid", **plain).picture
    colors = [color_of(IID(name, b"m")) for name in (b"ann", b"ben", b"cat", b"dan")]
    filled, inner = edge_of(picture, 10, 5)
    assert (filled == colors[0]).all()
    assert (inner == colors[0]).all()
    shares = []
    for nth in (1, 2, 3):
        edge, inner = edge_of(picture, 10, 30 * nth + 5)
        assert (inner == BACKGROUND).all()
        own = (edge == colors[nth]).all(axis=1)
        assert (edge[~own] == BACKGROUND).all()
        shares.append(own.mean())
    assert shares[0] == 1
    assert 0.3 < shares[1] < 0.7
    assert 0.3 < shares[2] < 0.7
    # Where both are, the outline lies on the tint.
    edge, inner = edge_of(picture, 40, 5)
    assert (edge == color_of(IID(b"ben", b"n"))).all()
    assert (inner == color_of(IID(b"ann", b"n"))).all()
    # The one that is named first is filled.
    turned = sides.render("one.iid", sides.entries.where(domain=[b"ben", b"ann"]), **plain).picture
    assert (edge_of(turned, 10, 35)[1] == colors[1]).all()
    assert (edge_of(turned, 10, 5)[1] == BACKGROUND).all()
    # Without outlines, there is nothing to tell them apart by but colours.
    every = sides.render("one.iid", outlines=False, **plain).picture
    assert every.shape[0] == 70
    assert (edge_of(every, 10, 35)[1] == colors[1]).all()


def test_domains_have_a_legend(sides):
    drawn = sides.render("one.iid", labels=False, colour_by="domain", alpha=1)
    strip = drawn.picture[70:].reshape(-1, 3)
    told = {tuple(color) for color in strip.tolist()}
    for nth in range(4):
        inside = [tuple(edge_of(drawn.picture, 10, 30 * nth + 5)[0][0].tolist())]
        assert inside[0] in told
    assert sides.render("one.iid", labels=False, legend=False).picture.shape == (70, 130, 3)
    one = sides.render("one.iid", sides.entries.where(domain=b"ben"), labels=False)
    assert one.picture.shape == (70, 130, 3)


def test_domains_that_nobody_knew_of(sides):
    hits = list(sides.entries)
    domains = Domains([b"ben"])
    assert domains.of(hits).tolist() == [1, 0, 2, 3, 0, 1]
    assert domains.names == [b"ben", b"ann", b"cat", b"dan"]
