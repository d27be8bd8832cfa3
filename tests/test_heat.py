"""Heat: how many masks cover each part of a frame, and its colours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import brute
import iidindex
import strategies
from conftest import disk
from iidindex import QueryError
from iidindex.pictures.fonts import typeface
from iidindex.pictures.heat import draw_heat
from iidindex.render.color_scale import as_colors, heat_picture, ticks_to
from iidindex.render.colors import BACKGROUND, heat_scale
from pond import inside


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
