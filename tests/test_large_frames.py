"""Frames that are too large to be held go out tile by tile, with the same pixels."""

import io
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile

import iidindex
from foreign_files import Collected, cut_out
from iidindex import IIDFile
from iidindex.formats import ctc_writing, tiled_tiff
from iidindex.formats.annotation import Picture
from iidindex.formats.registry import writer_named
from iidindex.masks.labels import assign_planes, paint_planes

HEIGHT, WIDTH = 60, 90
MOST = 65535


def drawn(draw, n_entries, height=HEIGHT, width=WIDTH):
    for number in range(n_entries):
        minr, minc = int(draw.integers(0, height - 1)), int(draw.integers(0, width - 1))
        n_rows = int(draw.integers(1, min(40, height - minr) + 1))
        n_columns = int(draw.integers(1, min(40, width - minc) + 1))
        mask = draw.random((n_rows, n_columns)) < draw.choice([0.02, 0.5, 1])
        mask[0, 0] = mask[-1, -1] = True
        yield number, (minr, minc, minr + n_rows, minc + n_columns), mask


@pytest.fixture
def index(tmp_path):
    draw = np.random.default_rng(3)
    for frame in range(3):
        file = IIDFile()
        file.meta.data = {"height": HEIGHT, "width": WIDTH}
        for number, box, mask in drawn(draw, 30):
            file.add(b"%d" % (number % 20 + 1), b"d", box, mask, "g")
        (tmp_path / "archive/s").mkdir(parents=True, exist_ok=True)
        file.save(tmp_path / f"archive/s/{frame}.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "archive")
        yield index


@pytest.fixture
def in_tiles(monkeypatch):
    """Call to have small frames taken for large ones."""

    def take():
        monkeypatch.setattr(tiled_tiff, "WHOLE", 100)
        monkeypatch.setattr(tiled_tiff, "SIDE", 16)
        monkeypatch.setattr(ctc_writing, "SIDE", 16)

    return take


@pytest.mark.parametrize("to", ["labels", "ctc"])
def test_tiles_hold_what_a_whole_frame_does(to, index, in_tiles, tmp_path):
    reports = [index.entries.export(tmp_path / "whole", to)]
    in_tiles()
    reports.append(index.entries.export(tmp_path / "tiles", to))
    assert reports[0].lost == reports[1].lost
    names = [
        sorted(str(path.relative_to(top)) for path in top.rglob("*.*"))
        for top in (tmp_path / "whole", tmp_path / "tiles")
    ]
    assert names[0] == names[1]
    n_images = 0
    for name in names[0]:
        whole, tiles = tmp_path / "whole" / name, tmp_path / "tiles" / name
        if not name.endswith(".tif"):
            assert whole.read_bytes() == tiles.read_bytes()
            continue
        n_images += 1
        assert (tifffile.imread(whole) == tifffile.imread(tiles)).all()
        with tifffile.TiffFile(whole) as one, tifffile.TiffFile(tiles) as other:
            assert not one.pages[0].is_tiled
            assert other.pages[0].is_tiled
            assert one.series[0].axes == other.series[0].axes
            assert one.series[0].dtype == other.series[0].dtype
    assert n_images == 3
    again = iidindex.import_archive(tmp_path / "tiles", tmp_path / "again")
    assert (again.pictures, again.refused) == (3, {})


def test_planes_of_a_volume_of_several_sizes(in_tiles):
    def exported():
        sink = Collected()
        session = writer_named("ctc").begin(sink)
        for number, (height, width) in ((0, (20, 70)), (2, (HEIGHT, WIDTH)), (3, (4, 5))):
            frame = np.zeros((height, width), bool)
            frame[1:4, 2 : width - 1] = True
            meta = {"source": {"format": "ctc", "plane": number}}
            entry = cut_out(frame, b"%d" % (number + 1))
            session.add(Picture(f"01/t/{number:04}", width, height, meta, [entry]))
        session.finish()
        return sink.files["01_RES/mask000.tif"]

    whole = exported()
    in_tiles()
    tiles = exported()
    assert whole != tiles
    pages = [
        [page.asarray() for page in tifffile.TiffFile(io.BytesIO(data)).pages]
        for data in (whole, tiles)
    ]
    assert len(pages[0]) == len(pages[1]) == 4
    for one, other in zip(*pages, strict=True):
        assert (one == other).all()


@pytest.mark.parametrize("seed", range(10))
def test_planes_are_the_same_without_painting(seed):
    draw = np.random.default_rng(seed)
    found = list(drawn(draw, 40))
    boxes = np.array([box for _, box, _ in found])
    masks = [mask for *_, mask in found]
    areas = np.array([int(mask.sum()) for mask in masks])
    numbers = draw.integers(1, 30, len(masks))
    _, plane_of = paint_planes(boxes, areas, masks, (HEIGHT, WIDTH), numbers)
    assert (assign_planes(boxes, areas, masks, numbers) == plane_of).all()
    assert plane_of.max() > 1


@pytest.mark.parametrize("to", ["labels", "ctc"])
def test_the_largest_frame_takes_the_memory_of_its_masks(to, tmp_path):
    file = IIDFile()
    file.meta.data = {"height": MOST, "width": MOST}
    corners = [(0, 0), (MOST - 50, MOST - 30), (1000, 2040)]
    for number, (row, column) in enumerate(corners, 1):
        file.add(
            b"%d" % number, b"d", (row, column, row + 50, column + 30), np.ones((50, 30), bool)
        )
    (tmp_path / "archive").mkdir()
    file.save(tmp_path / "archive/large.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "archive")
        tracemalloc.start()
        try:
            index.entries.export(tmp_path / "out", to)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 100 << 20
    (path,) = (tmp_path / "out").rglob("*.tif")
    held = {}
    empty = zlib.compress(bytes(2 * 1024 * 1024))
    with tifffile.TiffFile(path) as tiff:
        (page,) = tiff.pages
        assert page.shape == (MOST, MOST)
        for which, (offset, n_bytes) in enumerate(
            zip(page.dataoffsets, page.databytecounts, strict=True)
        ):
            tiff.filehandle.seek(offset)
            data = tiff.filehandle.read(n_bytes)
            if data != empty:
                tile = np.frombuffer(zlib.decompress(data), np.uint16)
                values, counts = np.unique(tile[tile > 0], return_counts=True)
                held[divmod(which, 64)] = dict(zip(values.tolist(), counts.tolist(), strict=True))
    assert held == {
        (0, 0): {1: 1500},
        (63, 63): {2: 1500},
        (0, 1): {3: 24 * 8},
        (0, 2): {3: 24 * 22},
        (1, 1): {3: 26 * 8},
        (1, 2): {3: 26 * 22},
    }
