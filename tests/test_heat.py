"""Heat: how many masks cover each part of a frame, and its colours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import brute
import iidindex
import strategies
from conftest import disk
from databases import at
from gallery import save
from iidindex import QueryError
from iidindex.cli.main import run
from iidindex.pictures.fonts import typeface
from iidindex.pictures.heat import draw_heat
from iidindex.render.color_scale import as_colors, heat_picture, in_whole_numbers, ticks_to
from iidindex.render.colors import BACKGROUND, heat_scale
from iidindex.render.palettes import scale_of
from pond import inside, opened, photograph

ON_BOTH = True


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
    with iidindex.open(at(root / "x.db"), create=True) as index:
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
def test_ticks_are_whole(most):
    factor = in_whole_numbers(most)
    ticks = ticks_to(most * factor)
    assert all(isinstance(tick, int) for tick in ticks)
    assert ticks[0] == 0
    assert ticks[-1] <= most * factor * 1.000001
    assert 2 <= len(ticks) <= 8
    assert len(set(np.diff(ticks).tolist())) == 1
    assert factor == 1 or most * factor < 20


# ------------------------------------------------------------------ over pictures


def inner_of(drawing, shape, zoom):
    """What is drawn inside the frame of a picture, cell by cell."""
    rows, cols = shape[0] * zoom, shape[1] * zoom
    light = (drawing == [225, 225, 232]).all(axis=2)
    top = next(nth for nth in range(len(light)) if light[nth, :cols].sum() > cols // 2)
    left = int(np.argmax(light[top]))
    return drawing[top + 1 : top + 1 + rows, left + 1 : left + 1 + cols][::zoom, ::zoom]


def test_heat_lies_over_the_picture(pond):
    frog = pond.entries.where(address=b"frog", domain=b"pond", path="one/*")
    counts = frog.heat().counts
    drawn = pond.draw_heat(frog)
    assert [name.rpartition("/")[2] for name in drawn.images] == ["photo.png"]
    shown = inner_of(drawn.picture, counts.shape, 480 // 260)
    grey = np.rint(photograph() @ np.array([0.299, 0.587, 0.114]) * 0.75)
    assert np.abs(shown[counts == 0].astype(int) - grey[counts == 0][:, None]).max() <= 1
    colors = as_colors(counts.astype(float), counts.max())
    expected = grey[..., None] + (colors - grey[..., None]) * 0.65
    assert np.abs(shown - expected)[counts > 0].max() <= 1
    strong = inner_of(pond.draw_heat(frog, alpha=1).picture, counts.shape, 1)
    assert (strong[counts > 0] == colors[counts > 0]).all()
    bare = inner_of(pond.draw_heat(frog, image=False).picture, counts.shape, 1)
    assert (bare == colors).all()
    # The colours are those of the scale beside it.
    sea = pond.draw_heat(frog, image=False, palette="sea").picture
    assert (inner_of(sea, counts.shape, 1) == as_colors(counts * 1.0, counts.max(), "sea")).all()
    assert (sea == scale_of("sea")[-1]).all(axis=2).any(axis=0).sum() > 15


def test_heat_that_fits(pond):
    frog = pond.entries.where(address=b"frog", domain=b"pond", path="one/*")
    boxes = np.array([entry.bbox for entry in frog])
    box = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
    fitted = frog.heat(fit=True)
    assert tuple(fitted.grid.bbox) == box
    assert (fitted.counts == frog.heat(crop=box).counts).all()
    assert (pond.draw_heat(frog, fit=True).picture == pond.draw_heat(frog, crop=box).picture).all()
    with pytest.raises(QueryError, match="one of them"):
        frog.heat(fit=True, crop=box)
    nobody = pond.entries.where(address=b"nobody")
    assert nobody.heat(fit=True).counts.shape == (1, 1)


@pytest.fixture
def mixed(tmp_path):
    """Files of two sizes, over pictures of their own; and two pictures of one size."""
    for name, size in (("a", (40, 50)), ("b", (40, 50)), ("c", (60, 50))):
        Image.fromarray(photograph(*size)).save(tmp_path / f"{name}.png")
        meta = {"image": f"../{name}.png", "height": size[0], "width": size[1]}
        save(tmp_path / "in" / f"{name}.iid", [(b"x", b"", 5, 5, disk(3), [])], **meta)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "in")
        yield index


def test_pictures_of_different_sizes_are_said_or_refused(mixed, tmp_path, monkeypatch, capsys):
    drawn = mixed.draw_heat()
    assert (drawn.images, drawn.sizes) == ((), ((40, 50), (60, 50)))
    with pytest.raises(QueryError, match="pictures of 2 sizes"):
        mixed.draw_heat(image=tmp_path / "a.png")
    same = mixed.entries.where(not_path="c.iid")
    drawn = mixed.draw_heat(same)
    assert [name.rpartition("/")[2] for name in drawn.images] == ["a.png"]
    assert drawn.sizes == ()
    with pytest.raises(QueryError, match=r"c.png: has 60 x 50 pixels .* tell 40 x 50"):
        mixed.draw_heat(same, image=tmp_path / "c.png")
    monkeypatch.setenv("IIDINDEX_DB", mixed._catalog.name)
    monkeypatch.chdir(tmp_path)
    assert run(["heat", "-o", "h.png"]) == 0
    captured = capsys.readouterr()
    assert "pictures of 2 sizes (40 x 50, 60 x 50)" in captured.err
    assert run(["heat", "-o", "h.png", "--path", "a.iid", "--palette", "grey"]) == 0
    assert "3 masks" not in capsys.readouterr().err
    only = mixed.entries.where(path="a.iid")
    assert (opened("h.png") == mixed.draw_heat(only, palette="grey").picture).all()
    for wrong in (["--image", "a.png", "--no-image"], ["--fit", "--crop", "0", "0", "2", "2"]):
        assert run(["heat", "-o", "x.png", *wrong]) == 2


def test_a_picture_that_does_not_fit_does_not_stop_heat(mixed, tmp_path):
    only = mixed.entries.where(path="a.iid")
    Image.fromarray(photograph(9, 9)).save(tmp_path / "a.png")
    assert mixed.draw_heat(only).images == ()
    (tmp_path / "a.png").write_text("no picture")
    assert mixed.draw_heat(only).images == ()
    (tmp_path / "a.png").unlink()
    missing = mixed.draw_heat(only).missing
    assert [name.rpartition("/")[2] for name in missing] == ["a.png"]


def test_heat_of_a_large_frame_has_whole_ticks(tmp_path):
    save(tmp_path / "in" / "a.iid", [(b"x", b"", 5, 5, disk(3), [])], height=65535, width=65535)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "in")
        heat = index.entries.heat(size=100)
        drawn = index.draw_heat(size=100)
    assert 0 < heat.mean.max() < 1e-3
    assert in_whole_numbers(heat.mean.max()) == 100_000
    assert drawn.drawn == 1
