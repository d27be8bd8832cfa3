"""Folders of binary PNG files.

Folders are as `scripts/amg.py` of https://github.com/facebookresearch/segment-anything (version
1.0) writes them, and as the data page of Kaggle's "2018 Data Science Bowl" describes stage1_train.
"""

import io

import numpy as np
import pytest
from PIL import Image

import iidindex
from iidindex.errors import ExchangeError
from iidindex.formats.registry import guess
from iidindex.storage.folder import HeldFiles
from tracked import by_name, frame_of, read_held, recognised, survives

SHAPE = (18, 30)


def mask(row, column, height, width):
    found = np.zeros(SHAPE, bool)
    found[row : row + height, column : column + width] = True
    return found


A, B, NONE = mask(2, 3, 5, 9), mask(4, 8, 9, 12), mask(0, 0, 0, 0)
B[6, 10] = False


def image(plane, mode=None, kind="PNG", **options):
    out = io.BytesIO()
    made = Image.fromarray(plane)
    (made if mode is None else made.convert(mode)).save(out, kind, **options)
    return out.getvalue()


def png(mask, inside=255, dtype=np.uint8, mode=None):
    return image((mask * inside).astype(dtype), mode)


def put(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def amg():
    """`write_masks_to_folder`: masks times 255, and a table that begins with their numbers."""
    table = b"id,area,bbox_x0,bbox_y0,bbox_w,bbox_h\n0,45,3,2,9,5\n1,107,8,4,12,9\n"
    return {
        "cat/metadata.csv": table,
        "cat/0.png": png(A),
        "cat/1.png": png(B),
        "dog.v2/metadata.csv": table,
        "dog.v2/0.png": png(B),
    }


def kaggle():
    picture = image(np.arange(540, dtype=np.uint8).reshape(SHAPE), "RGBA")
    return {
        "00ae65/images/00ae65.png": picture,
        "00ae65/masks/a1.png": png(A),
        "00ae65/masks/b2.png": png(B),
        "0121d6/images/0121d6.png": picture,
        "0121d6/masks/c3.png": png(B),
        "stage1_train_labels.csv": b"ImageId,EncodedPixels\n",
    }


def check(picture, expected):
    assert sorted(entry.address.decode() for entry in picture.entries) == sorted(expected)
    for entry in picture.entries:
        wanted = expected[entry.address.decode()]
        assert (frame_of(entry, *SHAPE) == wanted).all()
        rows, columns = np.nonzero(wanted)
        assert entry.bbox == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)


def test_folders_of_segment_anything(tmp_path):
    report = iidindex.import_archive(put(tmp_path / "out of amg", amg()), tmp_path / "out")
    assert (report.pictures, report.entries, report.individuals) == (2, 3, 3)
    assert (report.individuals_in_several, report.refused, report.notes) == (0, {}, {})
    assert report.identity == "picture and mask, as masks are those of one picture"
    file = iidindex.IIDFile(tmp_path / "out/dog.v2.iid")
    assert [entry.iid.address for entry in file] == [b"dog.v2/0"]
    _, pictures = read_held("masks", amg(), "x")
    named = by_name(pictures)
    check(named["cat"], {"cat/0": A, "cat/1": B})
    assert (named["cat"].width, named["cat"].height) == (30, 18)
    assert {entry.domain for entry in named["cat"].entries} == {b"x"}


def test_a_folder_of_one_picture():
    files = {name.removeprefix("cat/"): data for name, data in amg().items() if "cat" in name}
    assert recognised(HeldFiles(files, "cat")) == ["masks"]
    _, (picture,) = read_held("masks", files, "cat")
    assert picture.name == "cat"
    check(picture, {"cat/0": A, "cat/1": B})


def test_folders_of_kaggle(tmp_path):
    files = kaggle()
    assert recognised(HeldFiles(files, "stage1_train")) == ["masks"]
    source = put(tmp_path / "stage1_train", files)
    assert iidindex.import_archive(source, tmp_path / "out").pictures == 2
    meta = iidindex.IIDFile(tmp_path / "out/00ae65.iid").meta.data
    assert meta["image"] == "../stage1_train/00ae65/images/00ae65.png"
    place = "../stage1_train"
    assert meta["source"] == {"format": "masks", "file": "00ae65/masks", "place": place}
    _, pictures = read_held("masks", files, "x")
    check(pictures[0], {"00ae65/a1": A, "00ae65/b2": B})
    # Without the pictures, folders still tell them apart.
    bare = {name: data for name, data in files.items() if "images" not in name}
    _, pictures = read_held("masks", bare, "x")
    assert [one.name for one in pictures] == ["00ae65", "0121d6"]
    # One of its folders alone.
    own = {name[7:]: data for name, data in files.items() if name.startswith("00ae65/")}
    assert recognised(HeldFiles(own, "00ae65")) == ["masks"]
    _, (picture,) = read_held("masks", own, "00ae65")
    check(picture, {"00ae65/a1": A, "00ae65/b2": B})


@pytest.mark.parametrize("lead", ["", "train/"])
def test_a_mask_a_picture_beside_the_pictures(lead):
    grey = image(np.arange(540, dtype=np.uint8).reshape(SHAPE))
    files = {
        f"{lead}images/a.png": grey,
        f"{lead}images/b.jpg": b"",
        f"{lead}masks/a.png": png(A),
        f"{lead}masks/b.png": png(B),
    }
    assert recognised(HeldFiles(files, "x")) == ["masks"]
    _, pictures = read_held("masks", files, "x", images=HeldFiles(files, "x"))
    assert [(one.name, one.image) for one in pictures] == [
        (f"{lead}a.png", f"{lead}images/a.png"),
        (f"{lead}b.jpg", f"{lead}images/b.jpg"),
    ]
    check(pictures[0], {f"{lead}a": A})


def test_a_flat_folder_and_a_file():
    files = {"a.png": png(A), "b.png": png(B)}
    assert recognised(HeldFiles(files, "x")) == ["masks"]
    _, (first, second) = read_held("masks", files, "x")
    check(first, {"a": A})
    check(second, {"b": B})
    one = {"a.png": png(A)}
    assert recognised(HeldFiles(one, "a.png", False)) == ["masks"]
    _, (picture,) = read_held("masks", one, "a.png", is_folder=False)
    check(picture, {"a": A})


@pytest.mark.parametrize(
    "data",
    [
        png(A, 1),
        png(A, 65535, np.uint16),
        image(A),
        png(A, mode="RGB"),
        png(A, mode="LA"),
        png(A, mode="P"),
        image(np.dstack([np.full((*SHAPE, 3), 255, np.uint8), A.astype(np.uint8) * 255])),
    ],
    ids=["0 and 1", "16 bits", "1 bit", "RGB", "grey with opacity", "palette", "opacity"],
)
def test_ways_to_write_a_mask(data):
    assert recognised(HeldFiles({"a.png": data}, "x")) == ["masks"]
    _, (picture,) = read_held("masks", {"a.png": data}, "x")
    check(picture, {"a": A})


def test_greys_take_a_threshold(tmp_path):
    grey = A * 200 + B * np.uint8(50)
    files = {"a.png": image(grey.astype(np.uint8)), "b.png": png(B)}
    assert "masks" not in recognised(HeldFiles(files, "x"))
    source = put(tmp_path / "x", files)
    report = iidindex.import_archive(source, tmp_path / "out", format="masks")
    assert (report.pictures, report.refused) == (1, {"picture": 1})
    assert "more than two values; expected 0 and another one, or --threshold N" in str(
        report.first_refused
    )
    for threshold, wanted in {50: A | B, 51: A, 201: A & B}.items():
        _, (first, second) = read_held("masks", files, "x", threshold=threshold)
        check(first, {"a": wanted})
        check(second, {"b": B})
    _, (picture,) = read_held("masks", {"a.png": png(A, mode="RGB")}, "x", threshold=128)
    check(picture, {"a": A})
    colors = np.zeros((*SHAPE, 3), np.uint8)
    colors[A, 0] = 255
    with pytest.raises(ExchangeError, match="has colours"):
        read_held("masks", {"a.png": image(colors)}, "x", threshold=128)
    with pytest.raises(ExchangeError, match=r"holds the values \[3, 200\]"):
        read_held("masks", {"a.png": image(np.where(A, 200, 3).astype(np.uint8))}, "x")
    with pytest.raises(ExchangeError, match="threshold is 0"):
        read_held("masks", files, "x", threshold=0)


def test_jpeg_takes_a_threshold():
    data = image(np.kron(A, np.ones((8, 8))).astype(np.uint8) * 255, kind="JPEG", quality=30)
    files = {"cat/0.jpg": data}
    assert recognised(HeldFiles(files, "x")) == []
    with pytest.raises(ExchangeError, match="JPEG blurs edges, so it takes --threshold N"):
        read_held("masks", files, "x")
    _, (picture,) = read_held("masks", files, "x", threshold=128)
    (entry,) = picture.entries
    assert entry.address == b"cat/0"
    assert (frame_of(entry, 18 * 8, 30 * 8) == np.kron(A, np.ones((8, 8), bool))).all()
    # What is beside masks without loss is a picture.
    _, (picture,) = read_held("masks", {**files, "cat/1.png": png(A)}, "x", threshold=128)
    assert [entry.address for entry in picture.entries] == [b"cat/1"]


def test_what_is_refused_and_noted():
    files = {
        "cat/0.png": png(A),
        "cat/1.png": png(B),
        "cat/2.png": png(NONE),
        "cat/3.png": png(A[:9]),
        "cat/4.png": b"no PNG",
        "dog/0.png": png(~A),
        "dog/1.png": png(~B),
        "dog/2.png": png(B),
    }
    _, (cat, dog) = read_held("masks", files, "x")
    check(cat, {"cat/0": A, "cat/1": B})
    assert sorted((one.reason, one.record) for one in cat.refused) == [
        ("empty", "cat/2.png"),
        ("mask", "cat/4.png"),
        ("size", "cat/3.png"),
    ]
    assert "is 30 x 9 pixels; expected 30 x 18, as most are" in str(cat.refused)
    assert cat.notes == {}
    # It is said, and nothing is turned over.
    assert dog.notes == {
        "pictures in whose masks most of the border is inside: are they inverted?": 1
    }
    check(dog, {"dog/0": ~A, "dog/1": ~B, "dog/2": B})
    with pytest.raises(ExchangeError, match="masks have no field 'id'"):
        read_held("masks", files, "x", identity="id")
    with pytest.raises(ExchangeError, match="holds no masks"):
        read_held("masks", {"a.txt": b""}, "x")


def test_what_is_of_another_format_is_not_claimed():
    labels = image((A + 2 * mask(12, 20, 3, 3)).astype(np.uint8))
    assert guess(HeldFiles({"a.png": labels, "b.png": png(A, 1)}, "x")) == "labels"
    assert recognised(HeldFiles({"a.png": png(A, 1), "b.png": labels}, "x")) == []
    assert recognised(HeldFiles({"masks/a.png": labels, "masks/b.png": labels}, "x")) == ["labels"]
    assert recognised(HeldFiles({"Annotations/480p/bear/00000.png": png(A)}, "x")) == ["davis"]
    assert recognised(HeldFiles({"a.png": png(NONE)}, "x")) == ["labels"]
    for other in ("a.json", "a.geojson", "a.xml", "data.yaml", "a.txt"):
        assert "masks" not in recognised(HeldFiles({"a.png": png(A), other: b""}, "x"))


def test_whatever_the_bytes_they_are_read_or_refused():
    for data in (png(A), image(A), png(A, mode="RGBA")):
        refused, taken = survives(
            "masks", {"cat/0.png": png(B), "cat/1.png": data}, "cat/1.png", 300
        )
        assert taken == 300
    refused, taken = survives("masks", {"a.png": png(B)}, "a.png", 1200)
    assert refused > 100
    assert taken > 100
