"""Colours by group, domain, area and metadata, and the legend that says so; parts that fit."""

import numpy as np
import pytest

import iidindex
from gallery import save, square
from iidindex import IID, BBox, QueryError
from iidindex.cli.main import run
from iidindex.pictures.coloring import Coloring, paint_of
from iidindex.pictures.fonts import typeface
from iidindex.render.colors import BACKGROUND, color_of
from iidindex.render.palettes import (
    CATEGORIES,
    NONE,
    OTHERS,
    PALETTES,
    SCALES,
    categories_of,
    scale_of,
)
from test_disagreement import apart_for_all

FACE = typeface(12)
SIDES = [4, 8, 16, 30]


@pytest.fixture
def herd(tmp_path):
    """Squares of four sizes, some in groups; three files whose metadata tell something."""
    for nth, minutes in enumerate([10, 30, None]):
        entries = [
            (b"%d" % side, b"pen", 10, 40 * place + 3, square(side), groups)
            for place, (side, groups) in enumerate(
                zip(SIDES, [["cow"], ["cow", "old"], ["pig"], []], strict=True)
            )
        ]
        meta = {
            "height": 60,
            "width": 170,
            "minutes": minutes,
            "day": "monday" if nth else "sunday",
        }
        save(tmp_path / "a" / f"{nth}.iid", entries, **meta)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "a")
        yield index


PLAIN = {"labels": False, "alpha": 1, "outlines": False}


def middles(picture):
    return [
        tuple(picture[10 + side // 2, 40 * place + 3 + side // 2].tolist())
        for place, side in enumerate(SIDES)
    ]


def legend_colors(picture, height=60):
    return {tuple(color) for color in picture[height:].reshape(-1, 3).tolist()}


def test_groups_have_colours(herd):
    colors = [tuple(color) for color in categories_of("okabe-ito").tolist()]
    picture = herd.render("0.iid", colour_by="group", **PLAIN).picture
    assert middles(picture) == [colors[0], colors[0], colors[2], NONE] or middles(picture) == [
        colors[0],
        colors[0],
        colors[1],
        NONE,
    ]
    assert set(middles(picture)) <= legend_colors(picture)
    # The group that is asked for is the one that counts.
    old = herd.entries.where(group=["old", "cow"])
    asked = herd.render("0.iid", old, colour_by="group", **PLAIN).picture
    assert middles(asked)[:2] == [colors[1], colors[0]]
    assert middles(asked)[2:] == [BACKGROUND, BACKGROUND]
    muted = herd.render("0.iid", colour_by="group", palette="muted", **PLAIN).picture
    assert middles(muted)[0] == tuple(categories_of("muted")[0].tolist())


def test_keys_count_what_is_drawn(herd):
    hits = list(herd.entries.where(path="0.iid"))
    coloring = Coloring(paint_of("group", None), hits)
    told = {key.text: key.color for key in coloring.keys(hits, FACE)}
    assert {text.rpartition(":")[0]: int(text.rpartition(":")[2]) for text in told} == {
        "cow": 2,
        "pig": 1,
        "no group": 1,
    }
    assert [tuple(color) for color in coloring.colors(hits).tolist()] == [
        told["cow: 2"],
        told["cow: 2"],
        told["pig: 1"],
        told["no group: 1"],
    ]


def test_areas_are_a_scale(herd):
    picture = herd.render("0.iid", colour_by="area", **PLAIN).picture
    scale = scale_of("sea")
    # 16 to 900 pixels are more than twentyfold, so that equal steps multiply.
    part = np.log(np.square(SIDES) / 16) / np.log(900 / 16)
    expected = [tuple(color) for color in scale[np.rint(part * 255).astype(int)].tolist()]
    assert middles(picture) == expected
    assert {expected[0], expected[-1]} <= legend_colors(picture)
    grey = herd.render("0.iid", colour_by="area", palette="grey", **PLAIN).picture
    assert middles(grey)[3] == (255, 255, 255)


def test_metadata_are_a_scale_or_categories(herd):
    hits = list(herd.entries)
    coloring = Coloring(paint_of("meta.minutes", None), hits)
    assert (coloring.ramp.low, coloring.ramp.high, coloring.ramp.is_log) == (10, 30, False)
    by_path = {
        hit.path: color for hit, color in zip(hits, coloring.colors(hits).tolist(), strict=True)
    }
    assert by_path["0.iid"] == scale_of("sea")[0].tolist()
    assert by_path["1.iid"] == scale_of("sea")[-1].tolist()
    assert by_path["2.iid"] == list(NONE)
    assert [key.text for key in coloring.keys(hits, FACE)] == ["no number: 4"]
    days = Coloring(paint_of("meta.day", None), hits)
    assert [key.text for key in days.keys(hits, FACE)] == ["monday: 8", "sunday: 4"]
    numbers = Coloring(paint_of("meta.minutes", "bright"), hits)
    assert numbers.ramp is None
    assert {key.text for key in numbers.keys(hits, FACE)} == {
        *("10: 4", "30: 4", "no minutes: 4"),
    }


def test_individuals_share_the_colours_of_a_palette(herd):
    own = herd.render("0.iid", **PLAIN).picture
    assert own.shape[0] == 60
    assert middles(own) == [color_of(IID(b"pen", b"%d" % side)) for side in SIDES]
    few = [herd.render(f"{nth}.iid", palette="bright", **PLAIN).picture for nth in (0, 1)]
    assert middles(few[0]) == middles(few[1])
    assert set(middles(few[0])) <= {tuple(color) for color in categories_of("bright").tolist()}


def test_more_categories_than_colours(tmp_path):
    names = [f"kind {nth:02}" for nth in range(12)]
    entries = [(b"%d" % nth, b"", 0, 10 * nth, square(8), [name]) for nth, name in enumerate(names)]
    save(tmp_path / "a" / "x.iid", entries)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "a")
        hits = list(index.entries)
        coloring = Coloring(paint_of("group", None), hits)
        colors = [tuple(color) for color in coloring.colors(hits).tolist()]
        keys = coloring.keys(hits, FACE)
    assert colors[:7] == [tuple(color) for color in categories_of("okabe-ito").tolist()]
    assert colors[7:] == [OTHERS] * 5
    assert (keys[-1].text, keys[-1].color) == ("others: 5", OTHERS)
    assert len(keys) == 8


def test_colours_that_cannot_be(herd):
    for wrong in ({"colour_by": "size"}, {"colour_by": "meta."}, {"palette": "rainbow"}):
        with pytest.raises(QueryError, match=next(iter(wrong))):
            herd.render("0.iid", **wrong)
    for by, palette in (("area", "muted"), ("group", "sea"), ("individual", "ember")):
        with pytest.raises(QueryError, match="expected a palette"):
            herd.render("0.iid", colour_by=by, palette=palette)
    with pytest.raises(QueryError, match="colours of its own"):
        herd.render("0.iid", colour_by="area", compare=("pen", "x"))


def test_palettes_are_for_everybody():
    assert set(PALETTES) == {*CATEGORIES, *SCALES}
    # Neighbours among the first colours, which are used first.
    assert apart_for_all([*categories_of("okabe-ito")[:4], BACKGROUND]) > 0.1
    for name in SCALES:
        scale = scale_of(name).astype(float)
        assert scale.shape == (256, 3)
        light = (scale / 255) ** 2.2 @ np.array([0.2126, 0.7152, 0.0722])
        assert (np.diff(light) > -0.004).all(), name
        assert light[-1] - light[0] > 0.6
    for name in PALETTES:
        colors = scale_of(name) if name in SCALES else categories_of(name)
        assert np.abs(colors.astype(int) - BACKGROUND).max(axis=1).min() > 25
    with pytest.raises(QueryError, match="expected one of"):
        categories_of("sea")
    with pytest.raises(QueryError, match="unknown"):
        scale_of("x")


# ------------------------------------------------------------------ parts that fit


def test_what_is_drawn_is_cropped_to(herd):
    some = herd.entries.where(address=[b"8", b"16"])
    box = BBox(
        *np.array([hit.bbox for hit in some]).min(axis=0)[:2].tolist(),
        *np.array([hit.bbox for hit in some]).max(axis=0)[2:].tolist(),
    )
    plain = {"labels": False, "legend": False}
    whole = herd.render("0.iid", some, **plain).picture
    fitted = herd.render("0.iid", some, fit=True, zoom=1, **plain).picture
    assert fitted.shape == (box.height, box.width, 3)
    assert (fitted == whole[box.minr : box.maxr, box.minc : box.maxc]).all()
    # Small parts are enlarged, as far as they may be.
    large = herd.render("0.iid", some, fit=True, **plain).picture
    assert (large[::8, ::8] != BACKGROUND).any()
    assert large.shape == (480 // box.width * box.height, 480 // box.width * box.width, 3)
    small = herd.render("0.iid", some, fit=True, size=20, **plain).picture
    assert max(small.shape) == 20
    with pytest.raises(QueryError, match="one of them"):
        herd.render("0.iid", fit=True, crop=(0, 0, 9, 9))
    nobody = herd.render("0.iid", herd.entries.where(address=b"nobody"), fit=True, **plain)
    assert (nobody.drawn, nobody.picture.shape) == (0, (120, 340, 3))


def test_colours_from_the_command_line(herd, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IIDINDEX_DB", herd._catalog.name)
    monkeypatch.chdir(tmp_path)
    words = [
        "render",
        "0.iid",
        "-o",
        "x.npy",
        "--fit",
        "--colour-by",
        "group",
        "--palette",
        "muted",
    ]
    assert run(words) == 0
    drawn = herd.render("0.iid", fit=True, colour_by="group", palette="muted")
    assert np.array_equal(np.load("x.npy"), drawn.picture)
    assert run(["render", "0.iid", "-o", "y.npy", "--color-by", "meta.day", "--no-legend"]) == 0
    drawn = herd.render("0.iid", colour_by="meta.day", legend=False)
    assert np.array_equal(np.load("y.npy"), drawn.picture)
    capsys.readouterr()
    for more in (["--fit", "--crop", "0", "0", "5", "5"], ["--colour-by", "size"]):
        assert run(["render", "0.iid", "-o", "z.png", *more]) == 2
    assert "colour_by is 'size'" in capsys.readouterr().err
    assert not (tmp_path / "z.png").exists()
