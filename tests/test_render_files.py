"""Many files as pictures: the same as one by one, and none over what is somebody's."""

import json
import os

import numpy as np
import pytest
from PIL import Image

import iidindex
from gallery import save, square
from iidindex import QueryError
from iidindex.cli.main import run
from pond import opened, photograph


@pytest.fixture
def shelf(tmp_path):
    """Three files over one picture, and one whose metadata name a picture of another size."""
    Image.fromarray(photograph(60, 80)).save(tmp_path / "photo.png")
    Image.fromarray(photograph(9, 9)).save(tmp_path / "small.png")
    for nth, name in enumerate(["a/one", "a/two", "b/three"]):
        entries = [
            (b"x%d" % nth, b"d", 5, 5 + 10 * nth, square(12), ["even" if nth % 2 == 0 else "odd"]),
            (b"y", b"d", 30, 40, square(20), ["large"]),
        ]
        up = "../.." if "/" in name else ".."
        save(tmp_path / "in" / f"{name}.iid", entries, image=f"{up}/photo.png", minutes=nth)
    save(tmp_path / "in" / "wrong.iid", [(b"y", b"d", 0, 0, square(20), [])], image="../small.png")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "in")
        yield index


def rows_of(directory):
    return [json.loads(line) for line in (directory / "pictures.jsonl").read_text().splitlines()]


def test_each_file_is_drawn(shelf, tmp_path):
    out = tmp_path / "out"
    told = []
    question = shelf.entries.where(not_path="wrong.iid")
    report = shelf.render_files(out, question, progress=told.append, zoom=2, labels=False)
    assert (report.files, report.entries, report.failed, report.more) == (3, 6, {}, 0)
    assert [one.files for one in told] == [1, 2, 3]
    for name in ("a/one", "a/two", "b/three"):
        expected = shelf.render(f"{name}.iid", zoom=2, labels=False).picture
        assert (opened(out / f"{name}.png") == expected).all()
    assert {row["path"]: row["picture"] for row in rows_of(out)} == {
        f"{name}.iid": f"{name}.png" for name in ("a/one", "a/two", "b/three")
    }


def test_colours_are_those_of_all_files(shelf, tmp_path):
    question = shelf.entries.where(not_path="wrong.iid")
    plain = {"labels": False, "legend": False, "image": False, "alpha": 1, "outlines": False}
    shelf.render_files(tmp_path / "out", question, to="npy", colour_by="group", **plain)
    pictures = [np.load(tmp_path / "out" / f"{name}.npy") for name in ("a/one", "a/two", "b/three")]
    small = [tuple(one[10, 10 + 10 * nth]) for nth, one in enumerate(pictures)]
    assert small[0] == small[2] != small[1]
    assert len({tuple(one[40, 50]) for one in pictures}) == 1
    # The scale goes over all files, though each says one number.
    shelf.render_files(tmp_path / "scale", question, to="npy", colour_by="meta.minutes", **plain)
    shades = [np.load(tmp_path / "scale" / f"{name}.npy")[40, 50] for name in ("a/one", "a/two")]
    assert tuple(shades[0]) != tuple(shades[1])


def test_one_that_cannot_be_drawn_costs_only_itself(shelf, tmp_path, monkeypatch, capsys):
    report = shelf.render_files(tmp_path / "out", to="webp")
    assert report.files == 3
    (place,) = report.failed
    assert place.endswith("wrong.iid")
    assert "has 9 x 9 pixels" in report.failed[place]
    (row,) = [row for row in rows_of(tmp_path / "out") if row["picture"] is None]
    assert row["path"] == "wrong.iid"
    assert "has 9 x 9 pixels" in row["problem"]
    with (tmp_path / "in" / "a" / "one.iid").open("ab") as file:
        file.write(b" ")
    assert len(shelf.render_files(tmp_path / "out").failed) == 2
    monkeypatch.setenv("IIDINDEX_DB", shelf._catalog.name)
    assert run(["render", "-o", str(tmp_path / "cli")]) == 4
    err = capsys.readouterr().err
    assert "2 files could not be drawn" in err
    assert "has changed since" in err


def test_nothing_of_others_is_replaced(shelf, tmp_path):
    with pytest.raises(QueryError, match="holds something else"):
        shelf.render_files(tmp_path)
    with pytest.raises(QueryError, match="is a file"):
        shelf.render_files(tmp_path / "photo.png")
    (tmp_path / "empty").mkdir()
    few = shelf.entries.where(path="a/*")
    assert shelf.render_files(tmp_path / "empty", few).files == 2
    before = (tmp_path / "empty" / "a" / "one.png").read_bytes()
    assert shelf.render_files(tmp_path / "empty", few).files == 2
    assert (tmp_path / "empty" / "a" / "one.png").read_bytes() == before
    nobody = shelf.entries.where(address=b"nobody")
    assert shelf.render_files(tmp_path / "none", nobody).files == 0
    assert not (tmp_path / "none").exists()


def test_orders_limits_and_places(shelf, tmp_path):
    question = shelf.entries.where(not_path="wrong.iid")
    report = shelf.render_files(
        tmp_path / "order", question.order_by("-meta.minutes"), limit=2, labels=False
    )
    assert (report.files, report.more) == (2, 1)
    assert [row["path"] for row in rows_of(tmp_path / "order")] == ["b/three.iid", "a/two.iid"]
    report = shelf.render_files(tmp_path / "at", question.at(6, 6), to="npy", labels=False)
    assert [row["entries"] for row in rows_of(tmp_path / "at")] == [1]
    few = shelf.render_files(tmp_path / "few", question.limit(3))
    assert (few.files, few.entries) == (2, 3)
    for wrong in ({"to": "gif"}, {"image": "x.png"}, {"limit": -1}, {"size": 0}):
        with pytest.raises(QueryError):
            shelf.render_files(tmp_path / "wrong", **wrong)
    assert not (tmp_path / "wrong").exists()


def test_files_of_several_roots(tmp_path):
    for root in ("north", "south"):
        for name in ("x.iid", "x.IID"):
            save(tmp_path / root / name, [(root.encode(), b"", 0, 0, square(5), [])])
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "north")
        index.ingest(tmp_path / "south")
        n_files = len(list(index.files()))
        report = index.render_files(tmp_path / "out")
    assert report.files == n_files
    found = [
        os.path.relpath(os.path.join(top, name), tmp_path / "out")
        for top, _, names in os.walk(tmp_path / "out")
        for name in names
        if name.endswith(".png")
    ]
    assert len(found) == n_files
    assert {name.split("/")[0] for name in found} == {"north", "south"}


def test_many_files_from_the_command_line(shelf, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IIDINDEX_DB", shelf._catalog.name)
    monkeypatch.chdir(tmp_path)
    words = ["render", "-o", "out", "--path", "a/*", "--to", "svg", "--region", "5", "5", "9", "9"]
    assert run(words) == 0
    assert "out: 1 picture, 1 entry" in capsys.readouterr().out
    expected = shelf.render_svg("a/one.iid", shelf.entries.region((5, 5, 9, 9)))
    assert (tmp_path / "out" / "a" / "one.svg").read_text("utf-8") == expected.svg
    assert run(["render", "-o", "more", "--not-path", "wrong.iid", "--limit", "1"]) == 0
    assert "2 files more" in capsys.readouterr().err
    for wrong in (
        ["render", "-o", "x", "--image", "photo.png"],
        ["render", "a/one.iid", "-o", "x.png", "--to", "png"],
        ["render", "a/one.iid", "-o", "x.png", "--limit", "3"],
        ["render", "a/one.iid", "-o", "x"],
        ["render", "-o", "x", "--at", "1", "1", "--region", "1", "1", "2", "2"],
    ):
        assert run(wrong) == 2, wrong
    assert run(["render", "-o", "x", "--address", "nobody"]) == 1
    assert not (tmp_path / "x").exists()
