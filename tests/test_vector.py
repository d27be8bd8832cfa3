"""Outlines as SVG: well-formed whatever names hold, and exact to the pixel."""

import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from PIL import Image

import build
import iidindex
import strategies
from gallery import HOSTILE, save, square
from iidindex import QueryError
from iidindex.cli.main import run
from iidindex.masks.polygons import draw
from pond import photograph

SPACE = "{http://www.w3.org/2000/svg}"


def paths_of(svg):
    """What is told of each mask, and its pixels within a frame."""
    root = ET.fromstring(svg)
    assert root.tag == f"{SPACE}svg"
    return [(path.find(f"{SPACE}title").text, path.attrib) for path in root.iter(f"{SPACE}path")]


def rings_of(data):
    """The corners of a path that goes along rows and columns."""
    rings = []
    for part in filter(None, data.split("z")):
        begin, *steps = re.findall(r"[Mhv][-\d ]+", part)
        x, y = map(int, begin[1:].split())
        points = [(x, y)]
        for step in steps:
            if step[0] == "h":
                x += int(step[1:])
            else:
                y += int(step[1:])
            points.append((x, y))
        rings.append(np.array(points, float))
    return rings


def pixels(data, box):
    """Which pixels of a box a path covers."""
    minr, minc, maxr, maxc = box
    # One pixel more on each side, which none may cover; a frame may be four thousand million.
    rings = [ring - (minc - 1, minr - 1) for ring in rings_of(data)]
    height, width = maxr - minr + 2, maxc - minc + 2
    for ring in rings:
        assert (ring >= 1).all()
        assert (ring <= (width - 1, height - 1)).all()
    ((found, mask),) = draw([rings], height, width, "even-odd")
    frame = np.zeros((height, width), bool)
    frame[found.minr : found.maxr, found.minc : found.maxc] = mask
    return frame[1:-1, 1:-1]


@given(strategies.contents())
def test_outlines_are_the_borders_of_pixels(tmp_path_factory, content):
    root = tmp_path_factory.mktemp("svg")
    content.meta = {}
    (root / "a.iid").write_bytes(content.to_bytes())
    with iidindex.open(root / "x.db", create=True) as index:
        index.ingest(root)
        expected = {entry.key: (entry.bbox, mask) for entry, mask in index.entries.masks()}
        drawn = index.render_svg("a.iid", labels=False)
    found = {int(title.rpartition(" ")[2]): made for title, made in paths_of(drawn.svg)}
    assert set(found) == {key for key, (_, mask) in expected.items() if mask.any()}
    assert drawn.drawn == len(found)
    for key, made in found.items():
        box, mask = expected[key]
        assert (pixels(made["d"], box) == mask).all()


@pytest.fixture
def odd(tmp_path):
    """Names that are markup, over a picture."""
    Image.fromarray(photograph(120, 160)).save(tmp_path / "photo.png")
    entries = [
        (address, domain, 10 + 15 * nth, 10 + 9 * nth, square(12), [f"</g><b>{nth}&"])
        for nth, (address, domain) in enumerate(HOSTILE)
    ]
    meta = {"image": "../photo.png", "<&": "]]><script>alert(1)</script>"}
    save(tmp_path / "a" / "x.iid", entries, **meta, height=120, width=160)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "a")
        yield index


@pytest.mark.parametrize("by", ["individual", "group", "domain", "area", "meta.<&"])
def test_svg_is_well_formed_whatever_names_hold(odd, by):
    drawn = odd.render_svg("x.iid", colour_by=by)
    assert "<script" not in drawn.svg
    assert "<img" not in drawn.svg
    assert "<b>" not in drawn.svg
    assert len(paths_of(drawn.svg)) == drawn.drawn == len(HOSTILE)
    image = next(ET.fromstring(drawn.svg).iter(f"{SPACE}image")).attrib["href"]
    kind, _, data = image.partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as shown:
        assert shown.size == (160, 120)
        assert np.abs(np.asarray(shown).astype(int) - photograph(120, 160)).mean() < 6
    assert odd.render_svg("x.iid", colour_by=by) == drawn
    assert "<image" not in odd.render_svg("x.iid", image=False).svg


def test_parts_and_sizes(odd):
    whole = odd.render_svg("x.iid", labels=False, legend=False)
    root = ET.fromstring(whole.svg)
    assert (root.attrib["width"], root.attrib["height"]) == ("160", "120")
    part = odd.render_svg("x.iid", labels=False, legend=False, crop=(8, 8, 24, 24), zoom=4)
    root = ET.fromstring(part.svg)
    assert (root.attrib["width"], root.attrib["height"]) == ("64", "64")
    assert "scale(4 4) translate(-8 -8)" in part.svg
    assert part.drawn == len(paths_of(part.svg)) == 1
    fitted = odd.render_svg("x.iid", labels=False, legend=False, fit=True, zoom=1)
    assert "translate(-10 -10)" in fitted.svg


def test_a_mask_that_is_too_large_is_refused_and_a_part_of_it_drawn(tmp_path):
    side = 65535
    band = build.region((30000, 0, 34000, side), bytes([255]) * (4000 * side // 8))
    rows = [build.Row(0, b"d", b"band", (0, 0, side, side), [band], 4000 * side)]
    (tmp_path / "a.iid").write_bytes(build.odd_file(rows))
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        with pytest.raises(QueryError, match="65535 x 65535 pixels here, too many"):
            index.render_svg("a.iid")
        box = (29990, 500, 30010, 540)
        ((_, made),) = paths_of(index.render_svg("a.iid", crop=box, labels=False).svg)
    # A pixel more on each side, so that no line is seen where the mask goes on.
    mask = pixels(made["d"], (29990, 499, 30011, 541))
    assert not mask[:10].any()
    assert mask[10:].all()


def test_svg_from_the_command_line(odd, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IIDINDEX_DB", odd._catalog.name)
    monkeypatch.chdir(tmp_path)
    assert run(["render", "x.iid", "-o", "x.SVG", "--colour-by", "group", "--fit"]) == 0
    told = capsys.readouterr().out
    assert f"x.SVG: {len(HOSTILE)} entries over " in told
    drawn = odd.render_svg("x.iid", colour_by="group", fit=True)
    assert (tmp_path / "x.SVG").read_text("utf-8") == drawn.svg
    assert run(["sheet", "one", "-o", "x.svg"]) == 2
    assert "ends in .png, .jpg, .webp or .npy" in capsys.readouterr().err


@pytest.mark.browser
def test_a_browser_shows_the_pixels_of_the_masks(odd, tmp_path, browser):
    plain = {"labels": False, "legend": False, "outlines": False, "image": False, "alpha": 1}
    (tmp_path / "x.svg").write_text(odd.render_svg("x.iid", **plain).svg, "utf-8")
    expected = odd.render("x.iid", **plain).picture
    page = browser.new_page(viewport={"width": 400, "height": 300})
    told = []
    page.on("pageerror", lambda one: told.append(str(one)))
    page.on("console", lambda one: told.append(one.text))
    page.goto((tmp_path / "x.svg").as_uri())
    shown = Image.open(io.BytesIO(page.screenshot()))
    page.close()
    assert told == []
    assert (np.asarray(shown.convert("RGB"))[:120, :160] == expected).all()
