"""Pictures from the command line."""

import os
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from conftest import disk
from iidindex import IID, QueryError, StaleFileError
from iidindex.cli.main import run
from iidindex.render.colors import color_of
from iidindex.render.write import encode
from pond import opened, write
from test_graph_pictures import told


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
    assert (code, err.count(" 1 appearance more")) == (0, 1)
    assert "2 tiles" in out
    expected = pond.sheet(b"frog", domain=b"pond", limit=2).picture
    assert (opened("s.png") == expected).all()
    assert call("heat", "-o", "h.npy", "--address", "frog")[0] == 0
    assert (np.load("h.npy") == pond.entries.where(address=b"frog").heat().counts).all()
    assert call("heat", "-o", "h.png", "--size", 50)[0] == 0
    expected = pond.draw_heat(size=50).picture
    assert (opened("h.png") == expected).all()


def test_pictures_in_other_formats(call, pond):
    picture = pond.render("one/a.iid").picture
    for ending, kind in ((".webp", "WEBP"), (".jpg", "JPEG"), (".JPEG", "JPEG"), (".npy", None)):
        assert call("render", "one/a.iid", "-o", f"a{ending}")[0] == 0
        if kind is None:
            assert (np.load("a.npy") == picture).all()
            continue
        with Image.open(f"a{ending}") as image:
            assert image.format == kind
            found = np.asarray(image).astype(int)
        away = np.abs(found - picture)
        assert away.max() == 0 if kind == "WEBP" else away.mean() < 5
    for verb in (["sheet", "frog", "--domain", "pond"], ["heat"], ["graph", "--path", "c.iid"]):
        assert call(*verb, "-o", "b.webp")[0] == call(*verb, "-o", "b.jpg")[0] == 0
        with Image.open("b.webp") as exact, Image.open("b.jpg") as small:
            assert exact.size == small.size
    assert call("graph", "--path", "c.iid", "-o", "x.tif")[0] == 2
    with pytest.raises(QueryError, match=r"1 x 20000 pixels; .webp holds 16383"):
        encode(np.zeros((1, 20_000, 3), np.uint8), ".webp")
    assert encode(np.zeros((1, 20_000, 3), np.uint8), ".jpg")


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
        (
            ["render", "one/a.iid", "-o", "x.gif"],
            "expected a name that ends in .png, .jpg, .webp, .svg or .npy",
        ),
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
    for arguments in (["render", "one/a.iid"], ["sheet", "iid:cG9uZA.ZnJvZw"], ["heat"]):
        code, _, err = call(*arguments, "-o", "x.png")
        assert code == 3
        assert "has changed since it was indexed" in err
    assert (tmp_path / "x.png").read_bytes() == b"before"
    with pytest.raises(StaleFileError):
        pond.sheet(b"frog", domain=b"pond")
    assert pond.sheet(b"frog", domain=b"pond", on_stale="skip").drawn == 2
    assert pond.render("one/a.iid", on_stale="skip").drawn == 0
    skipped = pond.entries.reading(on_stale="skip").where(address=b"frog", domain=b"pond").heat()
    assert skipped.counts.sum() == 2 * disk(20).sum()


def test_an_output_is_replaced_whole(call, tmp_path):
    (tmp_path / "x.png").write_bytes(b"before")
    os.link(tmp_path / "x.png", tmp_path / "kept")
    assert call("sheet", "frog", "--domain", "pond", "-o", "x.png")[0] == 0
    assert (tmp_path / "kept").read_bytes() == b"before"
    assert opened("x.png").size > 0
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


def test_graphs_from_the_command_line(call, tmp_path):
    import networkx

    code, out, err = call(
        "graph", "--address", "frog", "--domain", "pond", "-o", "g.svg", "--limit", 3
    )
    assert (code, err.count(" 1 node more is as near")) == (0, 1)
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
