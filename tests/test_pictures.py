"""Pictures, pixel by pixel."""

import os
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import brute
import build
import iidindex
import strategies
from conftest import disk
from iidindex import IID, IIDFile, QueryError, SourceError, SourceNotFoundError, StaleFileError
from iidindex.cli.main import run
from iidindex.pictures.fonts import typeface
from iidindex.pictures.graph import draw_graph
from iidindex.pictures.heat import draw_heat
from iidindex.render.colors import BACKGROUND, color_of, heat_scale
from iidindex.render.heat import as_colors, heat_picture, ticks_to

SIZE = (200, 260)


def photograph(height=SIZE[0], width=SIZE[1]):
    """Something with no two rows or columns alike, and darker than outlines are."""
    row, col = np.mgrid[:height, :width]
    return np.stack([row % 120, col % 120, (row + col) % 120], axis=-1).astype(np.uint8)


def opened(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def write(path, entries, meta=None):
    file = IIDFile()
    file.meta.data = meta or {}
    for address, domain, (row, col), mask in entries:
        file.add(address, domain, (row, col, row + mask.shape[0], col + mask.shape[1]), mask)
    file.save(path)


@pytest.fixture
def pond(tmp_path):
    """An index of two files whose metadata name pictures, and a third that has none."""
    root = tmp_path / "pond"
    (root / "one").mkdir(parents=True)
    Image.fromarray(photograph()).save(root / "photo.png")
    meta = {"image": "../photo.png", "height": SIZE[0], "width": SIZE[1]}
    frog, lily = disk(20), np.ones((30, 50), bool)
    write(
        root / "one" / "a.iid",
        [(b"frog", b"pond", (40, 50), frog), (b"lily", b"pond", (150, 100), lily)],
        meta,
    )
    write(root / "one" / "b.iid", [(b"frog", b"pond", (60, 80), frog)], meta)
    write(root / "c.iid", [(b"frog", b"pond", (0, 0), frog), (b"frog", b"", (100, 7), lily)])
    with iidindex.open(tmp_path / "x.db", create=True) as opened:
        opened.ingest(root)
        yield opened


# ------------------------------------------------------------------ render


def inside(*masks):
    """Where masks, each with its corner, lie in the frame."""
    found = np.zeros(SIZE, bool)
    for (row, col), mask in masks:
        found[row : row + mask.shape[0], col : col + mask.shape[1]] |= mask
    return found


def test_render_tints_masks_and_nothing_else(pond):
    photo = photograph()
    found = pond.render("one/a.iid", labels=False, outlines=False, alpha=0.4)
    assert (found.drawn, found.left_out) == (2, 0)
    assert [os.path.basename(name) for name in found.images] == ["photo.png"]
    frog, lily = inside(((40, 50), disk(20))), inside(((150, 100), np.ones((30, 50), bool)))
    assert (found.picture[~(frog | lily)] == photo[~(frog | lily)]).all()
    for address, mask in ((b"frog", frog), (b"lily", lily)):
        color = np.array(color_of(IID(b"pond", address)))
        expected = photo[mask] + (color - photo[mask].astype(float)) * 0.4
        assert np.abs(found.picture[mask] - expected).max() <= 1


def test_an_individual_has_one_colour_everywhere(pond):
    color = list(color_of(IID(b"pond", b"frog")))
    for path, pixel in (("one/a.iid", (60, 70)), ("one/b.iid", (80, 100)), ("c.iid", (20, 20))):
        picture = pond.render(path, image=False, labels=False, alpha=1).picture
        assert picture[pixel].tolist() == color


def test_render_of_some_entries(pond):
    whole = pond.render("one/a.iid", labels=False)
    part = pond.render("one/a.iid", pond.entries.where(address=b"lily"), labels=False)
    assert part.drawn == 1
    differs = (whole.picture != part.picture).any(axis=2)
    assert (differs == inside(((40, 50), disk(20)))).all()


def test_crop_zoom_and_size(pond):
    plain = {"labels": False, "outlines": False}
    whole = pond.render("one/a.iid", **plain).picture
    crop = pond.render("one/a.iid", crop=(30, 40, 90, 101), **plain).picture
    assert (crop == whole[30:90, 40:101]).all()
    # No outline goes along the edge of a part, where a mask goes on.
    outlined = pond.render("one/a.iid", labels=False).picture
    part = pond.render("one/a.iid", crop=(50, 40, 90, 80), labels=False).picture
    assert (part == outlined[50:90, 40:80]).all()
    zoomed = pond.render("one/a.iid", crop=(30, 40, 90, 101), zoom=3, **plain).picture
    assert (zoomed == crop.repeat(3, axis=0).repeat(3, axis=1)).all()
    # As far as the size allows.
    assert pond.render("one/a.iid", zoom=9, size=600, **plain).picture.shape == (400, 520, 3)
    small = pond.render("one/a.iid", size=26, **plain).picture
    assert small.shape == (20, 26, 3)
    assert pond.render("one/a.iid", size=1).picture.shape == (1, 1, 3)
    for wrong in ({"size": 0}, {"size": 10**6}, {"zoom": 0}, {"size": "x"}, {"alpha": 2}):
        with pytest.raises(QueryError, match=next(iter(wrong))):
            pond.render("one/a.iid", **wrong)
    with pytest.raises(QueryError, match="no pixel in the frame"):
        pond.render("one/a.iid", crop=(500, 500, 600, 600))


def test_a_frame_is_the_image_or_the_metadata_or_what_holds_the_boxes(pond):
    assert pond.render("one/a.iid").picture.shape == (*SIZE, 3)
    assert pond.render("one/a.iid", image=False).picture.shape == (*SIZE, 3)
    assert pond.render("c.iid").picture.shape == (130, 57, 3)
    assert pond.render("c.iid").images == ()


@pytest.mark.parametrize("key", ["image", "picture", "file_name", "filename", "path"])
def test_names_of_the_image(tmp_path, key):
    Image.fromarray(photograph(30, 40)).save(tmp_path / "x.png")
    write(tmp_path / "a.iid", [(b"a", None, (1, 1), np.eye(5, dtype=bool))], {key: "x.png"})
    write(tmp_path / "b.iid", [(b"a", None, (1, 1), np.eye(5, dtype=bool))], {key: ["x.png"]})
    write(tmp_path / "c.iid", [(b"a", None, (1, 1), np.eye(5, dtype=bool))], {key: "gone.png"})
    write(tmp_path / "d.iid", [(b"a", None, (1, 1), np.eye(5, dtype=bool))], {key: "x\0.png"})
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        assert index.render("a.iid").picture.shape == (30, 40, 3)
        for other in "bcd":
            assert index.render(f"{other}.iid").images == ()


def test_images_that_do_not_fit(pond, tmp_path):
    Image.fromarray(photograph(99, 99)).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_bytes(b"no image")
    with pytest.raises(QueryError, match=r"small.png: has 99 x 99 .* tell 200 x 260"):
        pond.render("one/a.iid", image=tmp_path / "small.png")
    with pytest.raises(QueryError, match=r"small.png: has 99 x 99 .* reach to row 130, column 57"):
        pond.render("c.iid", image=tmp_path / "small.png")
    with pytest.raises(SourceError, match=r"text.png: is not an image"):
        pond.render("c.iid", image=str(tmp_path / "text.png"))
    with pytest.raises(SourceNotFoundError, match=r"gone.png: there is no such file"):
        pond.render("c.iid", image=tmp_path / "gone.png")
    with pytest.raises(SourceError, match="is not a regular file"):
        pond.render("c.iid", image=tmp_path)
    data = (tmp_path / "pond" / "photo.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"cut.png: is not an image"):
        pond.render("one/a.iid", image=tmp_path / "cut.png")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F"])
def test_images_of_every_kind(tmp_path, pond, mode):
    grey = photograph()[..., 0]
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 500)
    elif mode in ("I", "F"):
        image = Image.fromarray(grey.astype(np.int32 if mode == "I" else np.float32) * 7 - 3)
    else:
        image = Image.fromarray(grey).convert(mode)
    assert image.mode == mode
    image.save(tmp_path / "x.tif")
    found = pond.render("one/b.iid", image=tmp_path / "x.tif", labels=False).picture
    outside = ~inside(((60, 80), disk(20)))
    if mode in ("I;16", "I", "F"):
        expected = np.rint(grey[outside] * (255 / 119))
        assert np.abs(found[outside, 0] - expected).max() <= 1
    elif mode in ("L", "LA", "P", "RGBA"):
        assert (found[outside, 0] == grey[outside]).all()


def test_labels_are_the_only_difference(pond):
    with_labels = pond.render("one/a.iid").picture
    without = pond.render("one/a.iid", labels=False).picture
    differs = np.argwhere((with_labels != without).any(axis=2))
    assert 20 < len(differs) < 2000
    assert pond.render("one/a.iid", size=20).left_out == 2


def test_same_picture_twice(pond, tmp_path):
    for nth in "12":
        assert (
            run(
                [
                    "--db",
                    str(tmp_path / "x.db"),
                    "render",
                    "one/a.iid",
                    "-o",
                    f"{tmp_path}/{nth}.png",
                ]
            )
            == 0
        )
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


def test_paths_are_no_patterns(tmp_path):
    square = np.ones((5, 5), bool)
    write(tmp_path / "a[1].iid", [(b"star", None, (0, 0), square)])
    write(tmp_path / "a1.iid", [(b"one", None, (0, 0), square), (b"two", None, (9, 9), square)])
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        assert index.render("a[1].iid").drawn == 1
        assert index.render(str(tmp_path / "a1.iid")).drawn == 2
        with pytest.raises(QueryError, match="no indexed file"):
            index.render("a*.iid")


def test_regions_that_share_pixels_and_empty_masks(tmp_path):
    twice = [build.region((2, 2, 6, 6), np.ones((4, 4), bool))] * 2
    rows = [
        build.Row(0, b"d", b"twice", (2, 2, 6, 6), twice, 16),
        build.Row(1, b"d", b"none", (0, 0, 9, 9), [], 0),
    ]
    (tmp_path / "a.iid").write_bytes(build.odd_file(rows))
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        found = index.render("a.iid", labels=False, outlines=False, alpha=1)
        assert found.drawn == 1
        assert (found.picture[2:6, 2:6] == color_of(IID(b"d", b"twice"))).all()
        heat = index.entries.heat()
        assert heat.counts.sum() == 16
        assert heat.entries == 2


# ------------------------------------------------------------------ sheets


def test_a_sheet_has_a_tile_for_each_appearance(pond):
    found = pond.sheet(b"frog", domain=b"pond", image=False, alpha=1, tile=64)
    assert (found.drawn, found.left_out) == (3, 0)
    color = color_of(IID(b"pond", b"frog"))
    assert tiles_of(found.picture, color) == 3
    # All three show a square of 63 pixels, one pixel each.
    assert (found.picture == color).all(axis=2).sum() == 3 * disk(20).sum()
    both = pond.sheet(b"frog", image=False, alpha=1, tile=64)
    assert both.drawn == 4
    assert pond.sheet(b"frog", pond.entries.where(path="one/*")).drawn == 2
    assert pond.sheet([b"frog", b"lily"]).drawn == 5
    nobody = pond.sheet(b"nobody")
    assert (nobody.drawn, nobody.picture.size) == (0, 0)


def tiles_of(picture, color):
    from skimage.measure import label

    return int(label((picture == color).all(axis=2)).max())


def test_a_sheet_is_bounded(pond):
    found = pond.sheet(b"frog", limit=2)
    assert (found.drawn, found.left_out) == (2, 2)
    for wrong in ({"limit": 0}, {"limit": 10**6}, {"tile": 0}, {"margin": -1}):
        with pytest.raises(QueryError, match=next(iter(wrong))):
            pond.sheet(b"frog", **wrong)


def test_tiles_show_the_picture_around(pond):
    frog = pond.entries.where(path="one/a.iid")
    found = pond.sheet(b"frog", frog, tile=63, outlines=False, alpha=0)
    photo = photograph()[29:92, 39:102]
    height, width = found.picture.shape[:2]
    assert any(
        (found.picture[row : row + 63, col : col + 63] == photo).all()
        for row in range(height - 62)
        for col in range(width - 62)
    )


def test_tiles_at_the_edge_of_a_picture(tmp_path):
    Image.fromarray(photograph(7, 3)).save(tmp_path / "x.png")
    dot = np.ones((7, 3), bool)
    write(tmp_path / "a.iid", [(b"dot", None, (0, 0), dot)], {"image": "x.png"})
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        for tile in (1, 2, 3, 5, 16, 100):
            assert index.sheet(b"dot", tile=tile, margin=50).drawn == 1


def test_tiles_that_fit(pond):
    big, small = (pond.entries.where(address=name, path="one/a.iid") for name in (b"lily", b"frog"))
    every = [b"lily", b"frog"]
    color = color_of(IID(b"pond", b"frog"))
    plain = {"image": False, "alpha": 1, "tile": 400}
    n_alike, n_fit = (
        (pond.sheet(every, pond.entries.where(path="one/a.iid"), fit=fit, **plain).picture == color)
        .all(axis=2)
        .sum()
        for fit in (False, True)
    )
    assert n_fit > n_alike > 0
    assert big.count() == small.count() == 1


# ------------------------------------------------------------------ heat


@given(st.lists(strategies.contents(), max_size=3), st.integers(1, 90), st.booleans())
def test_heat_is_the_sum_of_all_masks(tmp_path_factory, contents, size, cropped):
    root = tmp_path_factory.mktemp("heat")
    near = 150
    masks = []
    for nth, content in enumerate(contents):
        content.meta = {}
        path = root / f"{nth}.iid"
        path.write_bytes(content.to_bytes())
        masks += [(entry.bbox, entry.mask) for entry in brute.read_path(path).entries]
    box = (-5, 10, near, near + 30)
    if not cropped:
        edge = np.array([(1, 1), *((bbox[2], bbox[3]) for bbox, _ in masks)]).max(axis=0)
        box = (0, 0, *edge.tolist())
    with iidindex.open(root / "x.db", create=True) as index:
        index.ingest(root)
        heat = index.entries.heat(size=size, crop=box if cropped else None)
    assert heat.entries == len(masks)
    assert heat.grid.bbox == box
    assert max(heat.counts.shape) <= size
    expected = np.zeros(heat.counts.shape, int)
    for (minr, minc, _, _), mask in masks:
        for row, col in np.add(np.argwhere(mask), (minr, minc)):
            i = np.searchsorted(heat.grid.rows, row, side="right") - 1
            j = np.searchsorted(heat.grid.cols, col, side="right") - 1
            if 0 <= i < expected.shape[0] and 0 <= j < expected.shape[1]:
                expected[i, j] += 1
    assert (heat.counts == expected).all()
    picture = draw_heat(heat).picture
    assert picture.dtype == np.uint8
    assert picture.ndim == 3


def test_heat_of_an_individual(pond):
    heat = pond.entries.where(address=b"frog", domain=b"pond").heat()
    expected = sum(
        inside((corner, disk(20))).astype(int) for corner in ((40, 50), (60, 80), (0, 0))
    )
    assert (heat.counts == expected).all()
    assert (heat.mean == expected).all()
    with pytest.raises(QueryError, match="order"):
        pond.entries.order_by("area").heat()
    with pytest.raises(QueryError, match="crop"):
        pond.entries.heat(crop=(5, 5, 5, 9))


def test_colours_of_heat():
    values = np.array([[0.0, 1, 2], [4, 3, 0]])
    colors = as_colors(values, 4)
    assert colors[0, 0].tolist() == colors[1, 2].tolist() == list(BACKGROUND)
    assert colors[1, 0].tolist() == heat_scale()[-1].tolist()
    assert colors[0, 2].tolist() == heat_scale()[128].tolist()
    picture = heat_picture(np.kron(values, np.ones((40, 40))), "masks", typeface(12))
    found = np.unique(picture.reshape(-1, 3), axis=0)
    for color in colors.reshape(-1, 3):
        assert (found == color).all(axis=1).any()
    assert heat_picture(np.zeros((3, 3)), "none", typeface(12)).shape[2] == 3


@given(st.floats(1e-6, 1e9))
def test_ticks(most):
    ticks = ticks_to(most)
    assert ticks[0] == 0
    assert ticks[-1] <= most * 1.000001
    assert 2 <= len(ticks) <= 8


# ------------------------------------------------------------------ the command line


@pytest.fixture
def call(tmp_path, pond, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IIDINDEX_DB", str(tmp_path / "x.db"))

    def called(*arguments):
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


def test_verbs_write_what_the_library_gives(call, pond):
    assert call("render", "one/a.iid", "-o", "a.png")[0] == 0
    assert (opened("a.png") == pond.render("one/a.iid").picture).all()
    plain = "--no-labels --no-outlines --alpha 1 --no-image --zoom 2 --crop 30 40 90 100"
    assert call("render", "one/a.iid", "-o", "a.npy", *plain.split(), "--address", "frog")[0] == 0
    expected = pond.render(
        "one/a.iid",
        pond.entries.where(address=b"frog"),
        labels=False,
        outlines=False,
        alpha=1,
        image=False,
        zoom=2,
        crop=(30, 40, 90, 100),
    )
    assert (np.load("a.npy") == expected.picture).all()
    code, out, err = call("sheet", "frog", "-o", "s.png", "--domain", "pond", "--limit", 2)
    assert (code, err.count("1 appearances more")) == (0, 1)
    assert "2 tiles" in out
    expected = pond.sheet(b"frog", domain=b"pond", limit=2).picture
    assert (opened("s.png") == expected).all()
    assert call("heat", "-o", "h.npy", "--address", "frog")[0] == 0
    assert (np.load("h.npy") == pond.entries.where(address=b"frog").heat().counts).all()
    assert call("heat", "-o", "h.png", "--size", 50)[0] == 0
    expected = draw_heat(pond.entries.heat(size=50)).picture
    assert (opened("h.png") == expected).all()


def test_nothing_to_draw_writes_nothing(call, tmp_path):
    before = sorted(os.listdir(tmp_path))
    assert call("render", "one/a.iid", "--address", "nobody", "-o", "x.png")[0] == 1
    assert call("sheet", "nobody", "-o", "x.png")[0] == 1
    assert call("heat", "--address", "nobody", "-o", "x.png")[0] == 1
    assert call("graph", "--address", "nobody", "-o", "x.png")[0] == 1
    assert sorted(os.listdir(tmp_path)) == before


def test_wrong_use(call, tmp_path):
    before = sorted(os.listdir(tmp_path))
    for arguments, message in [
        (["render", "one/a.iid", "-o", "x.jpg"], "expected a name that ends in .png or .npy"),
        (["render", "gone.iid", "-o", "x.png"], "no indexed file has this path"),
        (["render", "one/a.iid", "-o", "x.png", "--image", "x", "--no-image"], "exclude"),
        (["render", "one/a.iid", "-o", "x.png", "--path", "x"], "name the file as PATH"),
        (["render", "one/a.iid", "-o", "x.png", "--font", "x.db"], "is not a font"),
        (["render", "one/a.iid", "-o", "gone/x.png"], "cannot be written"),
        (["sheet", "frog", "-o", "x.png", "--limit", "401"], "401"),
        (["heat", "-o", "x.png", "--crop", "9", "9", "1", "1"], "reversed"),
        (["graph", "--domain", "pond"], "name one"),
        (["graph", "--address", "frog", "--path", "c.iid"], "name one of them"),
    ]:
        code, _, err = call(*arguments)
        assert code == 2, arguments
        assert message in err, arguments
    assert sorted(os.listdir(tmp_path)) == before


def test_stale_files_are_refused_and_nothing_is_written(call, pond, tmp_path):
    (tmp_path / "x.png").write_bytes(b"before")
    write(tmp_path / "pond" / "one" / "a.iid", [(b"frog", b"pond", (0, 0), disk(3))])
    for arguments in (["render", "one/a.iid"], ["sheet", "frog"], ["heat"]):
        code, _, err = call(*arguments, "-o", "x.png")
        assert code == 3
        assert "has changed since it was indexed" in err
    assert (tmp_path / "x.png").read_bytes() == b"before"
    with pytest.raises(StaleFileError):
        pond.sheet(b"frog")
    assert pond.sheet(b"frog", on_stale="skip").drawn == 3
    assert pond.render("one/a.iid", on_stale="skip").drawn == 0
    skipped = pond.entries.reading(on_stale="skip").where(address=b"frog", domain=b"pond").heat()
    assert skipped.counts.sum() == 2 * disk(20).sum()


def test_an_output_is_replaced_whole(call, tmp_path):
    (tmp_path / "x.png").write_bytes(b"before")
    os.link(tmp_path / "x.png", tmp_path / "kept")
    assert call("sheet", "frog", "-o", "x.png")[0] == 0
    assert (tmp_path / "kept").read_bytes() == b"before"
    assert opened("x.png").size > 0
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


# ------------------------------------------------------------------ graphs


def nodes_around(archive, start, depth):
    """Levels of nodes, by following every link; `archive` has sets of IIDs by path."""
    depths, level = {start: 0}, {start}
    for away in range(1, depth + 1):
        found = set()
        for node in level:
            if node in archive:
                found |= archive[node]
            else:
                found |= {path for path, iids in archive.items() if node in iids}
        level = found - set(depths)
        depths |= dict.fromkeys(level, away)
    return depths


def told(graph):
    from base64 import b64decode

    return {
        data["path"]
        if data["kind"] == "file"
        else (b64decode(data["domain_b64"]), b64decode(data["address_b64"])): data["depth"]
        for _, data in graph.nodes(data=True)
    }


@given(st.lists(st.sets(st.sampled_from("abcdefg")), min_size=1, max_size=6), st.integers(1, 5))
def test_the_graph_around_something(tmp_path_factory, files, depth):
    root = tmp_path_factory.mktemp("graph")
    dot = np.ones((1, 1), bool)
    archive = {}
    for nth, names in enumerate(files):
        write(root / f"{nth}.iid", [(name.encode(), b"d", (0, 0), dot) for name in sorted(names)])
        archive[f"{nth}.iid"] = {(b"d", name.encode()) for name in names}
    with iidindex.open(root / "x.db", create=True) as index:
        index.ingest(root)
        graph = index.link_graph(path="0.iid", depth=depth)
        assert told(graph) == nodes_around(archive, "0.iid", depth)
        assert graph.graph["left_out"] == 0
        for name in sorted(files[0])[:1]:
            around = index.link_graph(address=name.encode(), domain=b"d", depth=depth)
            expected = nodes_around(archive, (b"d", name.encode()), depth)
            assert told(around) == expected
            links = sum(
                len(iids & set(expected)) for path, iids in archive.items() if path in expected
            )
            assert around.number_of_edges() == links
            few = index.link_graph(address=name.encode(), depth=depth, limit=2)
            assert len(few) == min(2, len(expected))
            assert bool(few.graph["left_out"]) == (len(expected) > 2)
        assert len(index.link_graph(address=b"nobody")) == 0


def test_a_projection_of_what_lies_around(pond):
    graph = pond.link_graph(address=b"lily", domain=b"pond", depth=2, project="iids")
    assert told(graph) == {(b"pond", b"lily"): 0, (b"pond", b"frog"): 2}
    assert [weight for *_, weight in graph.edges(data="weight")] == [1]
    graph = pond.link_graph(address=b"frog", domain=b"pond", depth=1, project="files")
    assert told(graph) == dict.fromkeys(["one/a.iid", "one/b.iid", "c.iid"], 1)
    assert draw_graph(graph, ".png")[:4] == b"\x89PNG"


def test_wrong_graphs(pond):
    for wrong in ({"depth": 0}, {"depth": 101}, {"limit": 0}, {"limit": 2001}):
        with pytest.raises(QueryError, match=next(iter(wrong))):
            pond.link_graph(address=b"frog", **wrong)
    with pytest.raises(QueryError, match="no indexed file"):
        pond.link_graph(path="gone.iid")


HOSTILE = [b"<&>\"'", b"\0\x1b]", b"\xff\xfe", "樹\u200b\ufffe".encode(), b"]]>", b"", b"a" * 999]


def test_svg_is_well_formed_whatever_names_hold(tmp_path):
    name = os.fsdecode(b"\xff<\x01&.iid")
    write(tmp_path / name, [(one, one, (0, 0), np.ones((2, 2), bool)) for one in HOSTILE])
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        graph = index.link_graph(address=HOSTILE[0])
    assert len(graph) == 1 + len(HOSTILE)
    svg = draw_graph(graph, ".svg")
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg"
    assert len(root.findall(f".//{space}circle")) == len(HOSTILE)
    assert len(root.findall(f".//{space}line")) == len(HOSTILE)
    assert len(root.findall(f".//{space}title")) == len(graph)
    texts = {text.text for text in root.findall(f".//{space}text")}
    assert HOSTILE[0].decode() in texts
    assert "hex:fffe" in texts
    assert draw_graph(graph, ".svg") == svg
    assert draw_graph(graph, ".png")[:4] == b"\x89PNG"


def test_graphs_from_the_command_line(call, tmp_path):
    import networkx

    code, out, err = call(
        "graph", "--address", "frog", "--domain", "pond", "-o", "g.svg", "--limit", 3
    )
    assert (code, err.count("1 nodes more")) == (0, 1)
    assert "3 nodes" in out
    ET.parse("g.svg")
    assert call("graph", "--path", "one/a.iid", "-o", "g.PNG", "--size", 400)[0] == 0
    assert opened("g.PNG").shape == (300, 400, 3)
    assert call("graph", "--path", "one/a.iid", "--depth", 1, "-o", "g.graphml")[0] == 0
    graph = networkx.read_graphml("g.graphml")
    assert sorted(told(graph).values()) == [0, 1, 1]
    color = color_of(IID(b"pond", b"frog"))
    picture = opened("g.PNG").reshape(-1, 3)
    assert (picture == color).all(axis=1).sum() > 50


def test_a_graph_that_is_too_large_is_refused():
    import networkx

    with pytest.raises(QueryError, match="2001 nodes is too much"):
        draw_graph(networkx.path_graph(2001), ".png")


# ------------------------------------------------------------------ large frames


def test_a_large_frame_is_drawn_small(tmp_path):
    side = 65535
    band = build.region((30000, 0, 34000, side), bytes([255]) * (4000 * side // 8))
    rows = [build.Row(0, b"d", b"band", (0, 0, side, side), [band], 4000 * side)]
    (tmp_path / "a.iid").write_bytes(build.odd_file(rows))
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        found = index.render("a.iid", size=100, labels=False, outlines=False, alpha=1).picture
        heat = index.entries.heat(size=100)
    assert found.shape == (100, 100, 3)
    assert heat.counts.sum() == 4000 * side
    covered = heat.counts.sum(axis=1) / heat.grid.pixels.sum(axis=1)
    expected = BACKGROUND + (np.array(color_of(IID(b"d", b"band"))) - BACKGROUND) * covered[:, None]
    assert np.abs(found - expected[:, None]).max() <= 1


def test_far_crops(pond):
    for crop in ((0, 0, 2**62, 2**62), (0, 0, 10**20, 5), (-(2**40), 0, 5, 5)):
        with pytest.raises(QueryError, match="crop"):
            pond.entries.heat(crop=crop)
    assert pond.entries.heat(crop=(0, 0, 2**30, 2**30)).counts.sum() == sum(
        int(mask.sum()) for _, mask in pond.entries.masks()
    )


def test_changed_files_are_left_out_of_what_is_counted(pond, tmp_path):
    total = pond.entries.heat().entries
    inside = pond.entries.where(path="one/a.iid").count()
    with (tmp_path / "pond" / "one" / "a.iid").open("ab") as file:
        file.write(b" ")
    skipping = pond.entries.reading(on_stale="skip")
    assert skipping.heat().entries == total - inside
    assert "a.iid" not in {entry.path.rpartition("/")[2] for entry, _ in skipping.masks()}
    assert pond.sheet(b"frog", skipping).drawn == pond.sheet(b"frog", on_stale="skip").drawn
    assert pond.render("one/a.iid", skipping, image=False).drawn == 0
    with pytest.raises(StaleFileError):
        pond.render("one/a.iid", image=False)


def test_metadata_that_name_no_picture(tmp_path):
    write(
        tmp_path / "a.iid", [(b"x", b"", (0, 0), disk(3))], {"path": "notes.txt", "image": "a.iid"}
    )
    (tmp_path / "notes.txt").write_text("no picture")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        assert index.render("a.iid").images == ()
        assert index.sheet(b"x").images == ()
