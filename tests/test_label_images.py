"""Label images come in: as stored, plane by plane, and never as colours."""

from __future__ import annotations

import io
import pickle
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.measure import regionprops
from tifffile import imwrite

from iidindex import ExchangeError, FormatGuessError, IIDFile, import_archive
from iidindex.formats import read
from iidindex.masks.labels import find_labels, masks_of, paint_planes

LABELS = np.zeros((12, 15), np.uint16)
LABELS[1:4, 2:7] = 3
LABELS[4:6, 2:7] = 300
LABELS[8:10, 0:3] = 7
LABELS[8:10, 9:12] = 7  # in two pieces


def masks(place: Path) -> dict[bytes, np.ndarray[Any, Any]]:
    """Whole-frame masks of a file by address."""
    file = IIDFile(place)
    found = {}
    for entry in file.fetch(everything=True):
        minr, minc, maxr, maxc = entry.seg.bbox
        whole = np.zeros((file.meta.data["height"], file.meta.data["width"]), bool)
        whole[minr:maxr, minc:maxc] = entry.seg.mask()
        assert entry.iid.address not in found
        found[entry.iid.address] = whole
    return found


def equal(place: Path, plane: np.ndarray[Any, Any]) -> bool:
    found = masks(place)
    values = np.unique(plane[plane > 0]).tolist()
    return sorted(found) == sorted(str(int(value)).encode() for value in values) and all(
        (found[str(int(value)).encode()] == (plane == value)).all() for value in values
    )


def test_labels_against_regionprops() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        height, width = rng.integers(1, 30, 2)
        plane = rng.integers(-2, rng.integers(1, 9), (height, width))
        plane = plane.repeat(rng.integers(1, 4), axis=rng.integers(0, 2))
        found = find_labels(plane)
        props = regionprops(np.maximum(plane, 0))
        assert found.value.tolist() == [prop.label for prop in props]
        assert found.bbox.tolist() == [list(prop.bbox) for prop in props]
        assert found.area.tolist() == [prop.area for prop in props]
        for prop, (_, mask) in zip(props, masks_of(plane, found), strict=True):
            assert (mask == prop.image).all()


def test_planes_hold_what_overlaps() -> None:
    rng = np.random.default_rng(3)
    boxes, drawn = [], []
    for _ in range(30):
        height, width = rng.integers(1, 12, 2)
        row, column = rng.integers(0, 20, 2)
        boxes.append((row, column, row + height, column + width))
        drawn.append(rng.random((height, width)) < 0.6)
    areas = np.array([mask.sum() for mask in drawn])
    numbers = np.arange(1, 31)
    planes, plane_of = paint_planes(np.array(boxes), areas, drawn, (32, 32), numbers)
    for number, box, mask, plane in zip(numbers, boxes, drawn, plane_of, strict=True):
        whole = np.zeros((32, 32), bool)
        whole[box[0] : box[2], box[1] : box[3]] = mask
        assert ((planes[plane] == number) == whole).all()
    assert 1 < len(planes) < 30


def _png(array: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, format="PNG")
    return out.getvalue()


def _palette(array: np.ndarray[Any, Any]) -> bytes:
    image = Image.fromarray(array.astype(np.uint8), mode="L").convert("P")
    image.putpalette([(37 * value) % 256 for value in range(768)])
    image.paste(Image.fromarray(array.astype(np.uint8)))
    out = io.BytesIO()
    image.save(out, format="PNG")
    return out.getvalue()


def _tiff(array: np.ndarray[Any, Any], **more: Any) -> bytes:
    out = io.BytesIO()
    imwrite(out, array, **more)
    return out.getvalue()


def _npy(array: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


SMALL = np.minimum(LABELS, 255).astype(np.uint8)
SIGNED = np.where(LABELS == 0, -1, LABELS).astype(np.int32)


@pytest.mark.parametrize(
    ("name", "data", "plane"),
    [
        ("a.png", _png(SMALL), SMALL),
        ("a.png", _png(LABELS), LABELS),
        ("a.png", _palette(SMALL % 8), SMALL % 8),
        ("a.tif", _tiff(LABELS), LABELS),
        ("a.tiff", _tiff(LABELS.astype(np.uint32) * 1000), LABELS.astype(np.uint32) * 1000),
        ("a.TIF", _tiff(LABELS, compression="zlib", tile=(16, 16)), LABELS),
        ("a.tif", _tiff(LABELS.astype(np.float32)), LABELS),
        ("a.tif", _tiff(SIGNED), SIGNED),
        ("a.npy", _npy(LABELS), LABELS),
        ("a.npy", _npy(np.asfortranarray(LABELS.astype(np.int64))), LABELS),
        ("a.npy", _npy(LABELS.astype(">f8")), LABELS),
    ],
)
def test_as_it_is_stored(name: str, data: bytes, plane: Any, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    report = import_archive(tmp_path / name, tmp_path / "out")
    assert (report.pictures, report.identity, report.refused) == (1, "the label", {})
    assert equal(tmp_path / "out" / "a.iid", plane)
    assert {entry.iid.domain for entry in IIDFile(tmp_path / "out/a.iid")} == {b"a"}


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.png", _png(np.zeros((4, 5, 3), np.uint8)), "colours.*--colors"),
        ("a.png", _png(np.zeros((4, 5, 4), np.uint8)), "colours"),
        ("a.tif", _tiff(np.full((4, 5), 0.5, np.float32)), "0.5"),
        ("a.tif", _tiff(np.full((4, 5), np.nan, np.float32)), "NaN"),
        ("a.tif", _tiff(np.full((4, 5), 16_777_218, np.float32)), "16777218"),
        ("a.npy", _npy(np.zeros((3, 4, 5), int)), "--axes"),
        ("a.npy", _npy(np.array([None])), "Python objects|axes"),
        ("a.npy", _npy(np.zeros((3, 4), complex)), "complex"),
        ("a.png", b"nonsense", "cannot be decoded as PNG"),
        ("a.tif", b"", "cannot be decoded as TIF"),
        ("a.npy", _npy(LABELS)[:-7], "ends after"),
    ],
)
def test_what_is_no_label_image(name: str, data: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ExchangeError, match=told):
        import_archive(tmp_path / name, tmp_path / "out", format="labels")


def test_one_bad_file_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, data in (("a.png", _png(SMALL)), ("b.png", b"?"), ("c.tif", b"?"), ("d.png", b"")):
        (tmp_path / "in" / name).write_bytes(data)
    report = import_archive(tmp_path / "in", tmp_path / "out", format="labels")
    assert report.pictures == 1
    assert sum(report.refused.values()) == 3


def test_frames_of_a_folder_share_individuals(tmp_path: Path) -> None:
    (tmp_path / "cells/deep").mkdir(parents=True)
    (tmp_path / "cells/t0.png").write_bytes(_png(SMALL))
    (tmp_path / "cells/deep/t1.png").write_bytes(_png(np.where(SMALL == 7, 8, SMALL)))
    report = import_archive(tmp_path / "cells", tmp_path / "out")
    assert (report.individuals, report.individuals_in_several) == (4, 2)
    assert equal(tmp_path / "out/deep/t1.iid", np.where(SMALL == 7, 8, SMALL))
    assert {entry.iid.domain for entry in IIDFile(tmp_path / "out/t0.iid")} == {b"cells"}


def test_parts_of_a_label(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(_png(SMALL))
    import_archive(tmp_path / "a.png", tmp_path / "out", split=True)
    found = masks(tmp_path / "out/a.iid")
    assert sorted(found) == [b"255/0", b"3/0", b"7/0", b"7/1"]
    assert (found[b"7/0"] | found[b"7/1"] == (SMALL == 7)).all()


def test_colours_as_labels(tmp_path: Path) -> None:
    colored = np.zeros((6, 7, 3), np.uint8)
    colored[1:3, 2:4] = (1, 2, 3)
    (tmp_path / "a.png").write_bytes(_png(colored))
    import_archive(tmp_path / "a.png", tmp_path / "out", format="labels", colors=True)
    assert list(masks(tmp_path / "out/a.iid")) == [str(1 + 2 * 256 + 3 * 65536).encode()]


STACK = np.stack([LABELS, np.roll(LABELS, 1, axis=0), np.zeros_like(LABELS)])


@pytest.mark.parametrize(
    ("name", "data", "axes"),
    [
        ("s.tif", _tiff(STACK, photometric="minisblack", metadata={"axes": "TYX"}), None),
        ("s.tif", _tiff(STACK, photometric="minisblack"), None),
        ("s.tif", _tiff(STACK, photometric="minisblack", compression="zlib"), "ZYX"),
        ("s.npy", _npy(STACK), "TYX"),
        ("s.npy", _npy(np.asfortranarray(STACK)), "TYX"),
        ("s.npy", _npy(np.ascontiguousarray(STACK.transpose(2, 1, 0))), "XYT"),
        ("s.npy", _npy(np.ascontiguousarray(STACK.transpose(1, 2, 0))), "yxt"),
    ],
)
def test_a_stack_is_a_picture_a_plane(
    name: str, data: bytes, axes: str | None, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    report = import_archive(tmp_path / name, tmp_path / "out", axes=axes)
    assert report.pictures == 3
    for number, plane in enumerate(STACK):
        assert equal(tmp_path / f"out/s/{number:04d}.iid", plane)
    meta = IIDFile(tmp_path / "out/s/0001.iid").meta.data
    assert list(meta["source"]["plane"].values()) == [1]


def test_labels_of_channels_are_different_individuals(tmp_path: Path) -> None:
    (tmp_path / "s.npy").write_bytes(_npy(STACK))
    report = import_archive(tmp_path / "s.npy", tmp_path / "out", axes="CYX")
    assert report.individuals_in_several == 0
    assert {entry.iid.domain for entry in IIDFile(tmp_path / "out/s/0001.iid")} == {b"s/c1"}


def test_a_plane_reads_its_own_bytes(tmp_path: Path) -> None:
    from iidindex.formats.planes import open_planes

    big = np.zeros((50, 200, 300), np.uint16)
    big[7, 3:5, 4:9] = 1
    data = _npy(big)

    class Counted(io.BytesIO):
        n_read = 0

        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            Counted.n_read += len(found)
            return found

    class Held:
        def open(self, name: str) -> io.BytesIO:
            return Counted(data)

    with open_planes(Held(), "a.npy", "TYX") as planes:  # type: ignore[arg-type]
        assert planes.read((7,), False).sum() == 10
    assert Counted.n_read < 2 * 200 * 300 * 2


def test_a_stack_is_opened_once_for_several_planes(tmp_path: Path) -> None:
    from iidindex.formats.planes import kept_open, open_planes

    data = {
        "a.tif": _tiff(STACK, photometric="minisblack"),
        "b.tif": _tiff(LABELS),
        "c.tif": b"?",
    }
    opened = []

    class Held:
        def open(self, name: str) -> io.BytesIO:
            opened.append(io.BytesIO(data[name]))
            return opened[-1]

    held = Held()
    with kept_open():
        for name, number in (("a.tif", 0), ("a.tif", 1), ("b.tif", None), ("a.tif", 2)):
            with open_planes(held, name, None) as planes:  # type: ignore[arg-type]
                index = () if number is None else (number,)
                expected = LABELS if number is None else STACK[number]
                assert (planes.read(index, False) == expected).all()
        with pytest.raises(ExchangeError, match="decoded"), open_planes(held, "c.tif", None):  # type: ignore[arg-type]
            pass
    assert len(opened) == 4
    assert all(file.closed for file in opened)


def test_a_stack_is_parsed_once_in_each_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from iidindex.exchange import conversion
    from iidindex.formats.reading import Options
    from iidindex.formats.registry import format_named
    from iidindex.storage.folder import Folder

    planes = np.arange(1, 81, dtype=np.uint16).repeat(12).reshape(80, 3, 4)
    imwrite(tmp_path / "s.tif", planes, photometric="minisblack", metadata={"axes": "TYX"})
    begun = []
    first = tifffile.TiffFile.__init__

    def counted(self: tifffile.TiffFile, *arguments: Any, **named: Any) -> None:
        begun.append(self)
        first(self, *arguments, **named)

    monkeypatch.setattr(tifffile.TiffFile, "__init__", counted)
    files = Folder(tmp_path / "s.tif")
    tasks = format_named("labels").survey(files, Options()).tasks
    units = [conversion.Unit(f"{number}.iid", [task]) for number, task in enumerate(tasks)]
    assert len(units) == 80
    # As a process of a pool gets them: each with a source of its own.
    begun.clear()
    for low in range(0, 80, 16):
        work = conversion.Work(
            "labels",
            files,
            files.location,
            Options(),
            None,
            units[low : low + 16],
            str(tmp_path / "out"),
            False,
        )
        assert conversion.convert_apart(pickle.loads(pickle.dumps(work))).entries == 16
    assert len(begun) == 1
    begun.clear()
    assert len(list(read(tmp_path / "s.tif", "labels"))) == 80
    assert len(begun) == 2  # to count planes, and to read them
    begun.clear()
    import_archive(tmp_path / "s.tif", tmp_path / "other", format="labels", jobs=1)
    assert len(begun) == 2
    assert all(tiff.filehandle._fh.closed for tiff in begun)


def test_cut_labels_are_noted(tmp_path: Path) -> None:
    noise = np.random.default_rng(4).integers(0, 2, (40, 40)).astype(np.uint8) * 255
    noise[0, :3] = [1, 2, 3]
    (tmp_path / "a.png").write_bytes(_png(noise))
    report = import_archive(tmp_path / "a.png", tmp_path / "out")
    assert any("cut to the bits" in note for note in report.notes)


def test_a_binary_image_is_not_guessed_to_be_labels(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(_png((SMALL > 0).astype(np.uint8) * 255))
    try:
        report = import_archive(tmp_path / "in", tmp_path / "out")
    except FormatGuessError:
        return
    assert report.identity != "the label"


def test_any_bytes_are_read_or_refused(tmp_path: Path) -> None:
    rng = random.Random(9)
    sound = {
        "a.png": _png(LABELS),
        "b.png": _palette(SMALL % 8),
        "c.tif": _tiff(STACK, photometric="minisblack"),
        "d.tif": _tiff(LABELS, compression="zlib"),
        "e.npy": _npy(LABELS),
    }
    read_some = 0
    for turn in range(1000):
        name = rng.choice(list(sound))
        data = bytearray(sound[name])
        for _ in range(rng.randrange(1, 4)):
            # Heads are where a byte does most.
            at = rng.randrange(len(data) if rng.random() < 0.3 else min(len(data), 200))
            if rng.random() < 0.7:
                data[at] = rng.randrange(256)
            else:
                del data[at : at + rng.randrange(1, 30)]
        place = tmp_path / f"{turn % 7}{name}"
        place.write_bytes(data)
        with suppress(ExchangeError):
            read_some += sum(1 for _ in read(place, "labels"))
    assert read_some > 100


def test_a_photograph_is_not_taken_for_labels(tmp_path: Path) -> None:
    from skimage import data

    for name, photo in (("coins", data.coins()), ("camera", data.camera()), ("moon", data.moon())):
        (tmp_path / f"{name}.png").write_bytes(_png(photo))
        with pytest.raises(FormatGuessError, match="look like photographs"):
            import_archive(tmp_path / f"{name}.png", tmp_path / "out")
        report = import_archive(tmp_path / f"{name}.png", tmp_path / "out", format="labels")
        assert any("scattered" in note for note in report.notes)


def test_what_is_not_recognised_is_told_why(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(_png(np.zeros((4, 5, 3), np.uint8)))
    with pytest.raises(FormatGuessError, match="colours.*--colors"):
        import_archive(tmp_path / "a.png", tmp_path / "out")
    IIDFile().save(tmp_path / "b.iid")
    with pytest.raises(FormatGuessError, match="ingest"):
        import_archive(tmp_path / "b.iid", tmp_path / "out")


def test_planes_that_were_stored_as_colours(tmp_path: Path) -> None:
    (tmp_path / "s.tif").write_bytes(_tiff(STACK, photometric="rgb", planarconfig="separate"))
    with pytest.raises(ExchangeError, match="--axes TYX"):
        import_archive(tmp_path / "s.tif", tmp_path / "out", format="labels")
    assert import_archive(tmp_path / "s.tif", tmp_path / "out", axes="TYX").pictures == 3
    assert equal(tmp_path / "out/s/0001.iid", STACK[1])
