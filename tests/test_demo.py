"""The tour."""

import os
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import iidindex
from iidindex import IIDFile
from iidindex.cli.main import run
from iidindex.demo.archive import cut, tiles
from iidindex.demo.samples import pictures


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    place = tmp_path_factory.mktemp("tour") / "demo"
    assert run(["demo", str(place)]) == 0
    return place


def test_tour(demo, capsys):
    image = np.asarray(Image.open(demo / "demo.png"))
    assert image.shape[0] > 500
    assert image.shape[1] > 1000
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 1000
    with iidindex.open(demo / "demo.db") as index:
        stats = index.stats()
        assert stats.files == len(list((demo / "archive").rglob("*.iid")))
        assert stats.entries > stats.iids > 100
    capsys.readouterr()
    assert run(["demo", str(demo)]) == 0  # a second time, over the first
    told = capsys.readouterr().out
    assert told.count("$ iidindex") == 3 + 6 + 1
    assert told.rstrip().endswith("demo.db serve")
    assert str(demo / "demo.png") in told


def test_the_commands_draw_what_the_tour_drew(demo, tmp_path, capsys):
    assert run(["demo", str(demo)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if " -o " in line]
    assert len(lines) == 6
    for line in lines:
        _, _, *words, _, place = shlex.split(line)
        again = tmp_path / os.path.basename(place)
        assert run([*words, "-o", str(again)]) == 0
        assert again.read_bytes() == Path(place).read_bytes()
    assert sorted(os.listdir(demo / "pictures")) == sorted(os.listdir(tmp_path))
    assert {os.path.splitext(name)[1] for name in os.listdir(tmp_path)} == {".png", ".svg", ".jpg"}


def test_an_individual_is_the_same_in_every_tile(demo):
    picture = pictures()[0]
    seen = np.zeros(picture.labels.shape, np.int64)
    with iidindex.open(demo / "demo.db") as index:
        for entry, mask in index.entries.where(domain=b"coins").masks():
            minr, minc, maxr, maxc = entry.bbox
            number = int(entry.iid.address.decode().removeprefix("coin-"))
            part = picture.labels[minr:maxr, minc:maxc]
            assert (part[mask] == number).all()
            seen[minr:maxr, minc:maxc][mask] += 1
    assert ((seen > 0) == (picture.labels > 0)).all()
    assert seen.max() == 4  # tiles overlap


def test_tiles_cover_the_picture():
    for picture in pictures():
        covered = np.zeros(picture.labels.shape, bool)
        for _, tile in tiles(picture):
            covered[tile.minr : tile.maxr, tile.minc : tile.maxc] = True
        assert covered.all()


def test_cut_keeps_what_a_tile_sees(tmp_path):
    picture = pictures()[0]
    _, tile = next(iter(tiles(picture)))
    cut(picture, tile).save(tmp_path / "x.iid")
    with IIDFile(Path(tmp_path) / "x.iid") as file:
        assert file.meta.data["tile"] == list(tile)
        part = picture.labels[tile.minr : tile.maxr, tile.minc : tile.maxc]
        assert len(file) == len(np.unique(part)) - 1
        assert sorted(file.groups.list()) == ["cut", "whole"]
    assert os.listdir(tmp_path) == ["x.iid"]


def test_nothing_can_be_made_there(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert run(["demo", str(tmp_path / "file" / "demo")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "cannot be made" in told.err
