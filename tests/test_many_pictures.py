"""An import of many pictures: each is found by where it lies, and the work grows with them."""

from functools import partial

import numpy as np
from PIL import Image

from effort import calls_of
from iidindex import import_archive
from iidindex.storage.folder import Folder
from proportion import FEW, MANY, TIMES


def test_pictures_of_one_name_are_found_by_where_they_lie(tmp_path):
    spent = []
    for number in (FEW, MANY):
        place = tmp_path / str(number)
        for one in range(number):
            (place / f"{one:03}").mkdir(parents=True)
            (place / f"{one:03}" / "frame.png").touch()
        (place / "alone.tif").touch()
        folder = Folder(place)

        def look(folder=folder, number=number):
            for one in range(number):
                assert folder.picture_of(f"{one:03}/frame.jpg") == f"{one:03}/frame.png"
            assert folder.picture_of("frame.png") is None
            assert folder.picture_of("x/alone.png") is None
            assert folder.picture_of("alone.png") == "alone.tif"

        spent.append(calls_of(look))
    assert spent[1] <= TIMES * spent[0]


def test_pictures_that_are_called_alike(tmp_path):
    for name in ("a/b/x.png", "bb/x.png", "b/x.tif", "c/x.png", "c/x.tif", "c/x.json", "d/a.b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    folder = Folder(tmp_path)
    wanted = {
        "x.png": None,
        "b/x.png": "a/b/x.png",
        "b/x.tif": "b/x.tif",
        "b/x.jpg": None,
        "bb/x.jpg": "bb/x.png",
        "c/x.jpg": None,
        "c/x.tif": "c/x.tif",
        "a.b": None,
        "a.b.jpg": "d/a.b.png",
        "a.jpg": None,
        "": None,
        "/x.png": None,
    }
    assert {name: folder.picture_of(name) for name in wanted} == wanted


def test_an_import_of_many_small_files(tmp_path):
    spent = []
    for number in (FEW // 3, MANY // 3):
        place = tmp_path / f"in{number}"
        place.mkdir()
        for one in range(number):
            plane = np.zeros((8, 8), np.uint8)
            plane[1:4, 2:6] = 7
            plane[5:7, 1:3] = one % 200 + 8
            Image.fromarray(plane).save(place / f"{one:03}.png")
        reports = []
        for _ in range(2):  # into nothing, and over what is there
            job = partial(import_archive, place, tmp_path / f"out{number}", jobs=1)
            spent.append(calls_of(lambda job=job, told=reports: told.append(job())))
        assert [(one.pictures, one.unchanged) for one in reports] == [(number, 0), (number,) * 2]
    first, again, *many = spent
    assert many[0] <= TIMES * first
    assert many[1] <= TIMES * again
