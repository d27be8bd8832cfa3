"""Sheets of one individual, tile by tile."""

import numpy as np
import pytest
from PIL import Image

import iidindex
from conftest import disk
from iidindex import IID, QueryError
from iidindex.cli.main import run
from iidindex.pictures.captions import fields
from iidindex.pictures.fonts import typeface
from iidindex.render.colors import color_of
from iidindex.render.palettes import scale_of
from iidindex.render.scale_bar import scale_bar
from iidindex.rows import ENTRY
from pond import photograph, write


def test_a_sheet_has_a_tile_for_each_appearance(pond):
    found = pond.sheet(b"frog", domain=b"pond", image=False, alpha=1, tile=64)
    assert (found.drawn, found.left_out) == (3, 0)
    color = color_of(IID(b"pond", b"frog"))
    assert tiles_of(found.picture, color) == 3
    # All three show a square of 63 pixels, one pixel each.
    assert (found.picture == color).all(axis=2).sum() == 3 * disk(20).sum()
    both = [IID(b"pond", b"frog"), IID(None, b"frog")]
    assert pond.sheet(both, image=False, alpha=1, tile=64).drawn == 4
    assert pond.sheet(b"frog", pond.entries.where(path="one/*")).drawn == 2
    assert pond.sheet([*both, b"lily"]).drawn == 5
    nobody = pond.sheet(b"nobody")
    assert (nobody.drawn, nobody.picture.size) == (0, 0)


def tiles_of(picture, color):
    from skimage.measure import label

    return int(label((picture == color).all(axis=2)).max())


def test_a_sheet_is_bounded(pond):
    found = pond.sheet(b"frog", domain=b"pond", limit=2)
    assert (found.drawn, found.left_out) == (2, 1)
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


# ------------------------------------------------------------------ captions


@pytest.fixture
def film(tmp_path):
    """A frog in five pictures, whose metadata tell when they were taken."""
    for number, minutes in enumerate([30, 4, 200, None, "late"]):
        meta = {"minutes": minutes, "camera": {"lens": "wide", "on": True}, "two": "a\nb"}
        mark = disk(10 + number)
        (tmp_path / "film").mkdir(exist_ok=True)
        write(tmp_path / "film" / f"{number}.iid", [(b"frog", b"pond", (9, 9), mark)], meta)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "film")
        yield index


def test_captions_are_fields(film):
    plain = film.sheet(b"frog", image=False, tile=64)
    path = film.sheet(b"frog", image=False, tile=64, caption=["path"])
    # Each is once in its file, and all are of one domain.
    assert np.array_equal(path.picture, plain.picture)
    three = film.sheet(b"frog", image=False, tile=64, caption=["path", "area", "meta.minutes"])
    assert three.drawn == plain.drawn == 5
    assert three.picture.shape[0] > plain.picture.shape[0]
    assert not np.array_equal(
        film.sheet(b"frog", tile=64, caption=["meta.minutes"]).picture,
        film.sheet(b"frog", tile=64, caption=["meta.camera.lens"]).picture,
    )
    entry = film.entries.first()
    names = ["address", "domain", "path", "key", "meta.minutes", "meta.camera", "meta.two"]
    kind = ENTRY.select([*names, "meta.nothing", "groups"])
    assert fields(entry, kind, typeface(12, None)) == [
        *("frog", "pond", "0.iid", "key 0", "minutes 30", 'camera {"lens": "wide", "on": true}'),
        *("two a b", "nothing -", "groups []"),
    ]


def test_captions_that_are_no_fields(film, monkeypatch, capsys):
    for wrong in (["met.minutes"], ["path", "path"], [], "path", [7]):
        with pytest.raises(QueryError):
            film.sheet(b"frog", caption=wrong)
    monkeypatch.setenv("IIDINDEX_DB", film._catalog.name)
    assert run(["sheet", "frog", "-o", "x.png", "--caption", "met.minutes"]) == 2
    assert "there is no field 'met.minutes'" in capsys.readouterr().err


def test_tiles_in_another_order(film, tmp_path, monkeypatch):
    from skimage.measure import label, regionprops

    def shown(question):
        """The areas of the marks, in the order of their tiles."""
        picture = film.sheet(b"frog", question, image=False, alpha=1, tile=64, outlines=False)
        mark = (picture.picture == color_of(IID(b"pond", b"frog"))).all(axis=2)
        rows = sorted(regionprops(label(mark)), key=lambda one: one.centroid)
        # Tiles of one row have their middles within it.
        return [
            int(one.area)
            for one in sorted(rows, key=lambda one: (round(one.centroid[0] / 64), one.centroid[1]))
        ]

    areas = [int(disk(10 + number).sum()) for number in (1, 0, 2, 4, 3)]
    assert shown(None) == sorted(areas)
    assert shown(film.entries.order_by("meta.minutes")) == areas
    assert shown(film.entries.order_by("-area")) == sorted(areas, reverse=True)
    monkeypatch.setenv("IIDINDEX_DB", film._catalog.name)
    monkeypatch.chdir(tmp_path)
    arguments = ["--order-by", "meta.minutes", "--caption", "path,meta.minutes", "--no-image"]
    assert run(["sheet", "frog", "-o", "x.npy", *arguments]) == 0
    question = film.entries.order_by("meta.minutes")
    whole = film.sheet(b"frog", question, caption=["path", "meta.minutes"], image=False)
    assert np.array_equal(np.load("x.npy"), whole.picture)


# ------------------------------------------------------------------ any question, and how large


def test_a_sheet_of_any_question(pond, tmp_path, monkeypatch, capsys):
    plain = {"image": False, "alpha": 1, "tile": 64}
    every = pond.sheet(**plain)
    assert every.drawn == pond.entries.count()
    large = pond.sheet(None, pond.entries.where(area=(1300, None)), limit=1, **plain)
    assert (large.drawn, large.left_out) == (1, pond.entries.where(area=(1300, None)).count() - 1)
    assert pond.sheet(domain=b"pond", **plain).drawn == pond.entries.where(domain=b"pond").count()
    at = pond.sheet(None, pond.entries.at(60, 50), **plain)
    assert at.drawn == pond.entries.at(60, 50).count()
    assert pond.sheet(None, pond.entries.where(address=b"nobody")).drawn == 0
    monkeypatch.setenv("IIDINDEX_DB", pond._catalog.name)
    monkeypatch.chdir(tmp_path)
    words = ["sheet", "-o", "x.npy", "--at", "60", "50", "--no-image", "--alpha", "1"]
    assert run([*words, "--tile", "64"]) == 0
    assert np.array_equal(np.load("x.npy"), at.picture)
    assert run(["sheet", "-o", "y.png", "--domain", "nobody"]) == 1
    assert "no domain 'nobody'" in capsys.readouterr().err


def bar_in(part):
    """The length of a bar that is white and some pixels high."""
    from skimage.measure import label, regionprops

    found = regionprops(label((part == 255).all(axis=2)))
    flat = [one for one in found if one.area_bbox == one.area and one.bbox[2] - one.bbox[0] > 1]
    return max(one.bbox[3] - one.bbox[1] for one in flat)


def test_a_bar_tells_how_large_masks_are(pond):
    asked = {"image": False, "alpha": 0, "outlines": False, "margin": 0, "legend": False}
    frog = pond.entries.where(address=b"frog", domain=b"pond")
    # The disk has 41 pixels, and four more are seen on each side.
    for tile, scale, pixels in ((49, 1, 20), (98, 2, 20), (196, 4, 20), (490, 10, 20)):
        drawn = pond.sheet(None, frog, tile=tile, **asked).picture
        assert bar_in(drawn[-30:]) == scale * pixels
        bare = pond.sheet(None, frog, tile=tile, scale="none", **asked).picture
        assert (bare == drawn[: len(bare)]).all()
        assert len(drawn) > len(bare)
        # On each tile, where these have not one scale.
        fitted = pond.sheet(None, frog.limit(1), tile=tile, fit=True, **asked).picture
        assert bar_in(fitted) == scale * pixels
    small = pond.sheet(None, frog, tile=20, **asked).picture
    assert bar_in(small[-30:]) == round(20 / 49 * 20)
    areas = pond.sheet(None, frog, scale="area", **asked).picture
    assert areas.shape[0] > pond.sheet(None, frog, scale="none", **asked).picture.shape[0]
    with pytest.raises(QueryError, match="scale is 'long'"):
        pond.sheet(b"frog", domain=b"pond", scale="long")


def test_round_numbers_of_pixels():
    for scale in (0.001, 0.03, 0.4, 1, 3, 17, 64):
        for side in (20, 192, 1024):
            bar = scale_bar(scale, side)
            assert str(bar.pixels).strip("0") in ("1", "2", "5")
            assert bar.length == max(1, round(bar.pixels * scale))
            assert bar.length <= side * 0.45 or bar.pixels == 1
            assert bar.length >= side * 0.17 or scale > 8


def test_colours_on_a_sheet(film):
    shown = film.sheet(b"frog", colour_by="area", alpha=1, outlines=False, tile=64).picture
    areas = np.array([disk(10 + number).sum() for number in range(5)])
    part = (areas - areas.min()) / (areas.max() - areas.min())
    for color in scale_of("sea")[np.rint(part * 255).astype(int)]:
        assert (shown == color).all(axis=2).sum() > 300
    bare = film.sheet(b"frog", colour_by="area", alpha=1, outlines=False, tile=64, legend=False)
    assert (bare.picture == shown[: len(bare.picture)]).all()
    assert len(bare.picture) < len(shown)
    with pytest.raises(QueryError, match="palette"):
        film.sheet(b"frog", palette="sea")
