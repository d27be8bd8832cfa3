"""Pictures, pixel by pixel."""

import os
import tracemalloc

import numpy as np
import pytest
from PIL import Image

import build
import iidindex
from conftest import disk
from iidindex import IID, QueryError, SourceError, SourceNotFoundError, StaleFileError
from iidindex.cli.main import run
from iidindex.query.pixels.image_files import as_rgb, value_range
from iidindex.render.colors import BACKGROUND, color_of
from pond import SIZE, inside, photograph, write

# ------------------------------------------------------------------ render


def test_render_tints_masks_and_nothing_else(pond):
    photo = photograph()
    found = pond.render("one/a.iid", labels=False, outlines=False, alpha=0.4)
    assert (found.drawn, found.left_out) == (2, 0)
    assert [os.path.basename(name) for name in found.images] == ["photo.png"]
    frog, lily = inside(((40, 50), disk(20))), inside(((150, 100), np.ones((30, 50), bool)))
    assert (found.picture[~(frog | lily)] == photo[~(frog | lily)]).all()
    for address, mask in ((b"frog", frog), (b"lily", lily)):
        color = np.array(color_of(IID(b"pond", address)))
        expected = photo[mask] + (color - photo[mask].astype(float)) * 0.4
        assert np.abs(found.picture[mask] - expected).max() <= 1


def test_an_individual_has_one_colour_everywhere(pond):
    color = list(color_of(IID(b"pond", b"frog")))
    for path, pixel in (("one/a.iid", (60, 70)), ("one/b.iid", (80, 100)), ("c.iid", (20, 20))):
        # Of two domains, one would be filled.
        question = pond.entries.where(domain=b"pond")
        picture = pond.render(path, question, image=False, labels=False, alpha=1).picture
        assert picture[pixel].tolist() == color


def test_render_of_some_entries(pond):
    whole = pond.render("one/a.iid", labels=False)
    part = pond.render("one/a.iid", pond.entries.where(address=b"lily"), labels=False)
    assert part.drawn == 1
    differs = (whole.picture != part.picture).any(axis=2)
    assert (differs == inside(((40, 50), disk(20)))).all()


def test_crop_zoom_and_size(pond):
    plain = {"labels": False, "outlines": False}
    whole = pond.render("one/a.iid", **plain).picture
    crop = pond.render("one/a.iid", crop=(30, 40, 90, 101), **plain).picture
    assert (crop == whole[30:90, 40:101]).all()
    # No outline goes along the edge of a part, where a mask goes on.
    outlined = pond.render("one/a.iid", labels=False).picture
    part = pond.render("one/a.iid", crop=(50, 40, 90, 80), labels=False).picture
    assert (part == outlined[50:90, 40:80]).all()
    zoomed = pond.render("one/a.iid", crop=(30, 40, 90, 101), zoom=3, **plain).picture
    assert (zoomed == crop.repeat(3, axis=0).repeat(3, axis=1)).all()
    # As far as the size allows.
    assert pond.render("one/a.iid", zoom=9, size=600, **plain).picture.shape == (400, 520, 3)
    small = pond.render("one/a.iid", size=26, **plain).picture
    assert small.shape == (20, 26, 3)
    assert pond.render("one/a.iid", size=1).picture.shape == (1, 1, 3)
    for wrong in ({"size": 0}, {"size": 10**6}, {"zoom": 0}, {"size": "x"}, {"alpha": 2}):
        with pytest.raises(QueryError, match=next(iter(wrong))):
            pond.render("one/a.iid", **wrong)
    with pytest.raises(QueryError, match="no pixel in the frame"):
        pond.render("one/a.iid", crop=(500, 500, 600, 600))


def test_a_frame_is_the_image_or_the_metadata_or_what_holds_the_boxes(pond):
    assert pond.render("one/a.iid").picture.shape == (*SIZE, 3)
    assert pond.render("one/a.iid", image=False).picture.shape == (*SIZE, 3)
    assert pond.render("c.iid", legend=False).picture.shape == (130, 57, 3)
    assert pond.render("c.iid").images == ()


@pytest.mark.parametrize("key", ["image", "picture", "file_name", "filename", "path"])
def test_names_of_the_image(tmp_path, key):
    Image.fromarray(photograph(30, 40)).save(tmp_path / "x.png")
    write(tmp_path / "a.iid", [(b"a", None, (1, 1), np.eye(5, dtype=bool))], {key: "x.png"})
    write(tmp_path / "b.iid", [(b"a", None, (1, 1), np.eye(5, dtype=bool))], {key: ["x.png"]})
    write(tmp_path / "c.iid", [(b"a", None, (1, 1), np.eye(5, dtype=bool))], {key: "gone.png"})
    write(tmp_path / "d.iid", [(b"a", None, (1, 1), np.eye(5, dtype=bool))], {key: "x\0.png"})
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        assert index.render("a.iid").picture.shape == (30, 40, 3)
        for other in "bcd":
            assert index.render(f"{other}.iid").images == ()


def test_images_that_do_not_fit(pond, tmp_path):
    Image.fromarray(photograph(99, 99)).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_bytes(b"no image")
    with pytest.raises(QueryError, match=r"small.png: has 99 x 99 .* state 200 x 260"):
        pond.render("one/a.iid", image=tmp_path / "small.png")
    with pytest.raises(QueryError, match=r"small.png: has 99 x 99 .* reach to row 130, column 57"):
        pond.render("c.iid", image=tmp_path / "small.png")
    with pytest.raises(SourceError, match=r"text.png: is not an image"):
        pond.render("c.iid", image=str(tmp_path / "text.png"))
    with pytest.raises(SourceNotFoundError, match=r"gone.png: there is no such file"):
        pond.render("c.iid", image=tmp_path / "gone.png")
    with pytest.raises(SourceError, match="is not a regular file"):
        pond.render("c.iid", image=tmp_path)
    data = (tmp_path / "pond" / "photo.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"cut.png: is not an image"):
        pond.render("one/a.iid", image=tmp_path / "cut.png")


def test_a_picture_of_another_size_is_not_decoded(pond, tmp_path):
    Image.fromarray(photograph(99, 99)).save(tmp_path / "small.png")
    data = (tmp_path / "small.png").read_bytes()
    # Its head is whole, and what comes behind is not.
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(QueryError, match=r"cut.png: has 99 x 99 .* state 200 x 260"):
        pond.render("one/a.iid", image=tmp_path / "cut.png")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F"])
def test_images_of_every_kind(tmp_path, pond, mode):
    grey = photograph()[..., 0]
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 500)
    elif mode in ("I", "F"):
        image = Image.fromarray(grey.astype(np.int32 if mode == "I" else np.float32) * 7 - 3)
    else:
        image = Image.fromarray(grey).convert(mode)
    assert image.mode == mode
    image.save(tmp_path / "x.tif")
    found = pond.render("one/b.iid", image=tmp_path / "x.tif", labels=False).picture
    outside = ~inside(((60, 80), disk(20)))
    if mode in ("I;16", "I", "F"):
        expected = np.rint(grey[outside] * (255 / 119))
        assert np.abs(found[outside, 0] - expected).max() <= 1
    elif mode in ("L", "LA", "P", "RGBA"):
        assert (found[outside, 0] == grey[outside]).all()


def test_labels_are_the_only_difference(pond):
    with_labels = pond.render("one/a.iid").picture
    without = pond.render("one/a.iid", labels=False).picture
    differs = np.argwhere((with_labels != without).any(axis=2))
    assert 20 < len(differs) < 2000
    assert pond.render("one/a.iid", size=20).left_out == 2


def test_same_picture_twice(pond, tmp_path):
    for nth in "12":
        assert (
            run(
                [
                    "--db",
                    str(tmp_path / "x.db"),
                    "render",
                    "one/a.iid",
                    "-o",
                    f"{tmp_path}/{nth}.png",
                ]
            )
            == 0
        )
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


def test_paths_are_no_patterns(tmp_path):
    square = np.ones((5, 5), bool)
    write(tmp_path / "a[1].iid", [(b"star", None, (0, 0), square)])
    write(tmp_path / "a1.iid", [(b"one", None, (0, 0), square), (b"two", None, (9, 9), square)])
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        assert index.render("a[1].iid").drawn == 1
        assert index.render(str(tmp_path / "a1.iid")).drawn == 2
        with pytest.raises(QueryError, match="no indexed file"):
            index.render("a*.iid")


def test_regions_that_share_pixels_and_empty_masks(tmp_path):
    twice = [build.region((2, 2, 6, 6), np.ones((4, 4), bool))] * 2
    rows = [
        build.Row(0, b"d", b"twice", (2, 2, 6, 6), twice, 16),
        build.Row(1, b"d", b"none", (0, 0, 9, 9), [], 0),
    ]
    (tmp_path / "a.iid").write_bytes(build.odd_file(rows))
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        found = index.render("a.iid", labels=False, outlines=False, alpha=1)
        assert found.drawn == 1
        assert (found.picture[2:6, 2:6] == color_of(IID(b"d", b"twice"))).all()
        heat = index.entries.heat()
        assert heat.counts.sum() == 16
        assert heat.entries == 2


# ------------------------------------------------------------------ large frames


def test_a_large_frame_is_drawn_small(tmp_path):
    side = 65535
    band = build.region((30000, 0, 34000, side), bytes([255]) * (4000 * side // 8))
    rows = [build.Row(0, b"d", b"band", (0, 0, side, side), [band], 4000 * side)]
    (tmp_path / "a.iid").write_bytes(build.odd_file(rows))
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        found = index.render("a.iid", size=100, labels=False, outlines=False, alpha=1).picture
        heat = index.entries.heat(size=100)
    assert found.shape == (100, 100, 3)
    assert heat.counts.sum() == 4000 * side
    covered = heat.counts.sum(axis=1) / heat.grid.pixels.sum(axis=1)
    expected = BACKGROUND + (np.array(color_of(IID(b"d", b"band"))) - BACKGROUND) * covered[:, None]
    assert np.abs(found - expected[:, None]).max() <= 1


def test_far_crops(pond):
    for crop in ((0, 0, 2**62, 2**62), (0, 0, 10**20, 5), (-(2**40), 0, 5, 5)):
        with pytest.raises(QueryError, match="crop"):
            pond.entries.heat(crop=crop)
    assert pond.entries.heat(crop=(0, 0, 2**30, 2**30)).counts.sum() == sum(
        int(mask.sum()) for _, mask in pond.entries.masks()
    )


def test_changed_files_are_left_out_of_what_is_counted(pond, tmp_path):
    total = pond.entries.heat().entries
    inside = pond.entries.where(path="one/a.iid").count()
    with (tmp_path / "pond" / "one" / "a.iid").open("ab") as file:
        file.write(b" ")
    skipping = pond.entries.reading(on_stale="skip")
    assert skipping.heat().entries == total - inside
    assert "a.iid" not in {entry.path.rpartition("/")[2] for entry, _ in skipping.masks()}
    frog = IID(b"pond", b"frog")
    assert pond.sheet(frog, skipping).drawn == pond.sheet(frog, on_stale="skip").drawn
    assert pond.render("one/a.iid", skipping, image=False).drawn == 0
    with pytest.raises(StaleFileError):
        pond.render("one/a.iid", image=False)


def test_metadata_that_name_no_picture(tmp_path):
    write(
        tmp_path / "a.iid", [(b"x", b"", (0, 0), disk(3))], {"path": "notes.txt", "image": "a.iid"}
    )
    (tmp_path / "notes.txt").write_text("no picture")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        assert index.render("a.iid").images == ()
        assert index.sheet(b"x").images == ()


def test_images_of_large_numbers_are_brought_to_colours_in_bands():
    values = np.random.default_rng(5).normal(size=(2500, 2000)).astype(np.float32)
    values[0, 0], values[-1, -1], values[7, 7], values[8, 8] = -9, 9, np.nan, np.inf
    image = Image.fromarray(values)
    tracemalloc.start()
    try:
        span = value_range(image)
        colored = as_rgb(image, span)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert span == (-9, 9)
    assert peak < values.nbytes
    wide = np.clip(np.nan_to_num(values.astype(np.float64), nan=-9), -9, 9)
    wanted = np.rint((wide + 9) * (255 / 18)).astype(np.uint8)
    assert np.array_equal(np.asarray(colored), np.repeat(wanted[..., None], 3, axis=2))


def test_nothing_finite_in_an_image():
    assert value_range(Image.fromarray(np.full((3, 4), np.nan, np.float32))) == (0, 1)
