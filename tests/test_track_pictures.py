"""Sheets that show where an individual is missing, and strips that show where it went."""

import json

import numpy as np
import pytest
from PIL import Image

import build
import iidindex
from iidindex import QueryError
from iidindex.cli.main import run
from iidindex.model import IID
from iidindex.pictures.track_tiles import Gap, follow
from iidindex.render.colors import BACKGROUND, color_of
from iidindex.render.contact_sheet import empty_tile
from iidindex.render.track_path import path_picture

BOX = np.ones((6, 6), bool)


@pytest.fixture
def film(tmp_path):
    """Frames 0 … 7 of two cameras, named backwards; the worm is in some, twice in one."""
    for root, seen in (("left", {1: [3], 2: [], 4: [9, 30], 6: [12]}), ("right", {0: [5], 3: [8]})):
        for frame in range(8):
            rows = [
                build.row_of(key, b"film", b"worm", (col, 2 * col, col + 6, 2 * col + 6), BOX)
                for key, col in enumerate(seen.get(frame, []))
            ]
            rows.append(build.row_of(9, b"film", b"rock", (0, 0, 6, 6), BOX))
            path = tmp_path / root / f"{7 - frame}.iid"
            path.parent.mkdir(exist_ok=True)
            meta = json.dumps({"frame": frame}).encode()
            build.write_long_ago(path, build.odd_file(rows, meta=meta))
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest([tmp_path / "left", tmp_path / "right"])
        yield index


def followed(index, question, limit=400, with_gaps=True):
    return follow(index._catalog, index._originals, question._filters, limit, with_gaps)


def named(slots):
    return [
        f"({slot.meta['frame']})" if isinstance(slot, Gap) else f"{slot.meta['frame']}.{slot.key}"
        for slot in slots
    ]


def test_slots_are_those_of_the_track(film):
    worm = film.entries.where(address=b"worm")
    left = worm.where(root="left").order_by("meta.frame")
    found = followed(film, left)
    assert named(found.slots) == ["1.0", "(2)", "(3)", "4.0", "4.1", "(5)", "6.0"]
    assert (found.appearances, found.gaps) == (4, 3)
    assert found.boxes.tolist() == [[3, 6, 9, 12], [9, 18, 36, 66], [12, 24, 18, 30]]
    assert found.is_direct.tolist() == [False, False]
    assert named(followed(film, left, 3).slots) == ["1.0", "(2)", "(3)"]
    assert named(followed(film, left, with_gaps=False).slots) == ["1.0", "4.0", "4.1", "6.0"]
    by_path = worm.where(root="left")
    assert named(followed(film, by_path).slots) == ["6.0", "(5)", "4.0", "4.1", "(3)", "(2)", "1.0"]
    both = worm.order_by("meta.frame", "path")
    every = followed(film, both)
    (track,) = worm.tracks("meta.frame")
    assert (every.appearances, every.gaps) == (track.entries, track.gaps) == (6, 5)
    assert len(every.boxes) == track.files
    rock = followed(film, film.entries.where(address=b"rock", root="left"))
    assert (rock.gaps, rock.is_direct.all(), len(rock.boxes)) == (0, True, 8)
    nothing = followed(film, film.entries.where(address=b"nobody"))
    assert (nothing.slots, nothing.appearances, nothing.gaps) == ([], 0, 0)
    # A file list that is narrowed has fewer gaps; entries that do not fit make more.
    narrowed = left.where(meta={"frame": (0, 4)})
    assert named(followed(film, narrowed).slots) == ["1.0", "(2)", "(3)", "4.0", "4.1"]
    assert named(followed(film, left.where(key=0)).slots)[3:5] == ["4.0", "(5)"]


def test_a_sheet_with_gaps(film):
    left = film.entries.where(root="left")
    plain = film.sheet(b"worm", left, tile=48, image=False)
    found = film.sheet(b"worm", left, tile=48, image=False, gaps=True)
    assert (plain.drawn, plain.gaps, plain.left_out) == (4, 0, 0)
    assert (found.drawn, found.gaps, found.left_out) == (4, 3, 0)
    assert places_of(found.picture, empty_tile(48)) == 3
    assert places_of(plain.picture, empty_tile(48)) == 0
    few = film.sheet(b"worm", left, tile=48, limit=3, image=False, gaps=True)
    assert (few.drawn, few.gaps, few.left_out) == (2, 1, 4)
    told = film.sheet(b"worm", left, tile=48, gaps=True, caption=["meta.frame", "path", "key"])
    assert told.gaps == 3
    nobody = film.sheet(b"nobody", gaps=True, strip=True)
    assert (nobody.drawn, nobody.picture.size) == (0, 0)


def places_of(picture, tile):
    """How often a tile is on a picture."""
    side = len(tile)
    rows = np.flatnonzero((picture == tile[0, 0]).all(axis=2).any(axis=1))
    return sum(
        np.array_equal(picture[row : row + side, col : col + side], tile)
        for row in rows.tolist()
        for col in np.flatnonzero((picture[row] == tile[0, 0]).all(axis=1)).tolist()
    )


def test_a_strip_is_one_row_behind_the_path(film):
    left = film.entries.where(root="left").order_by("meta.frame")
    found = film.sheet(b"worm", left, tile=64, image=False, strip=True, gaps=True)
    # A path, four appearances, three gaps.
    assert found.picture.shape[1] == 10 + 8 * 74
    boxes = np.array([[3, 6, 9, 12], [9, 18, 36, 66], [12, 24, 18, 30]])
    path = path_picture(boxes, np.zeros(2, bool), color_of(IID(b"film", b"worm")), 64)
    assert places_of(found.picture, path) == 1
    without = film.sheet(b"worm", left, tile=64, image=False, strip=True)
    assert without.picture.shape[1] == 10 + 5 * 74
    assert places_of(without.picture, path) == 1


def test_a_path():
    color = (200, 100, 50)
    boxes = np.array([[0, 0, 10, 10], [0, 90, 10, 100], [90, 90, 100, 100]])
    whole = path_picture(boxes, np.array([True, True]), color, 101)
    dashed = path_picture(boxes, np.array([True, False]), color, 101)
    assert whole.shape == (101, 101, 3)
    drawn = (whole != BACKGROUND).any(axis=2)
    fewer = (dashed != BACKGROUND).any(axis=2)
    assert fewer.sum() < drawn.sum()
    # The first line is along a row, the second along a column.
    rows, cols = np.nonzero(drawn)
    assert rows.max() - rows.min() == pytest.approx(cols.max() - cols.min(), abs=1)
    assert np.array_equal(drawn[: rows.min() + 3, :60], fewer[: rows.min() + 3, :60])
    assert (whole[rows.max(), cols.max()] == 255).all()
    assert (whole[rows.min(), cols.min()] == 255).all()
    middle = (rows.min() + 1, (cols.min() + cols.max()) // 2)
    assert 0 < int(whole[middle][0]) < 200
    for one in (np.array([[5, 5, 5, 5]]), np.array([[0, 0, 65535, 1]])):
        for side in (1, 2, 17, 192):
            assert path_picture(one, np.zeros(0, bool), color, side).shape == (side, side, 3)


def test_what_has_no_gaps(film):
    both = [b"worm", b"rock"]
    with pytest.raises(QueryError, match="of one individual"):
        film.sheet(both, strip=True)
    for order in (
        ["-path"],
        ["area"],
        ["meta.frame", "-key"],
        ["-meta.frame"],
        ["meta.a", "meta.b"],
    ):
        with pytest.raises(QueryError, match="gaps and strips go by path"):
            film.sheet(b"worm", film.entries.order_by(*order), gaps=True)


def test_each_individual_has_its_own_gaps(film):
    question = film.entries.where(root="left", address=[b"worm", b"rock"]).order_by("meta.frame")
    found = followed_all(film, question)
    assert named(found.slots[:8]) == [f"{frame}.9" for frame in range(8)]
    assert named(found.slots[8:]) == ["1.0", "(2)", "(3)", "4.0", "4.1", "(5)", "6.0"]
    assert (found.starts, found.gaps, found.appearances) == ([0, 8], 3, 12)
    few = followed_all(film, question, 10)
    assert named(few.slots[8:]) == ["1.0", "(2)"]
    assert (few.starts, few.gaps) == ([0, 8], 3)
    drawn = film.sheet(None, question, gaps=True, tile=32)
    assert (drawn.drawn, drawn.gaps, drawn.left_out) == (12, 3, 0)
    # The first row has the eight of the rock, or as many as there is room for.
    worm = color_of(IID(b"film", b"worm"))
    rock = color_of(IID(b"film", b"rock"))
    shown = [(drawn.picture == color).all(axis=2).any(axis=1) for color in (rock, worm)]
    assert not (shown[0] & shown[1]).any()
    assert np.flatnonzero(shown[0]).max() < np.flatnonzero(shown[1]).min()


def followed_all(index, question, limit=400):
    asked = (index._catalog, index._originals, question._filters, limit, True)
    return follow(*asked, of_one=False)


def test_in_the_shell(film, tmp_path, capsys):
    db = ["--db", str(tmp_path / "x.db"), "sheet", "worm", "-o", str(tmp_path / "s.png")]
    assert run([*db, "--gaps", "--root", "left", "--order-by", "meta.frame", "--limit", "6"]) == 0
    captured = capsys.readouterr()
    assert "3 tiles, 3 gaps" in captured.out
    assert "1 tile more" in captured.err
    assert run([*db, "--strip", "--tile", "32"]) == 0
    assert "6 tiles" in capsys.readouterr().out
    with Image.open(tmp_path / "s.png") as image:
        assert image.width == 10 + 7 * 42
    assert run([*db, "--strip", "--order-by", "area"]) == 2
    assert "go by path" in capsys.readouterr().err
