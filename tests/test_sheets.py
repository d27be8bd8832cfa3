"""Sheets of one individual, tile by tile."""

import numpy as np
import pytest
from PIL import Image

import iidindex
from conftest import disk
from iidindex import IID, QueryError
from iidindex.render.colors import color_of
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
