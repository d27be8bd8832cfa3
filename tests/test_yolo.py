"""YOLO segmentation, as https://docs.ultralytics.com/datasets/segment/ has it."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from pycocotools import mask as judge

import iidindex
from foreign_files import (
    Collected,
    boxed,
    claims,
    cut_out,
    framed,
    iid_entries,
    mutants,
    pictures_of,
    survives,
)
from iidindex import IIDFile
from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Picture
from iidindex.formats.registry import writer_named
from iidindex.formats.yolo_names import class_names
from iidindex.formats.yolo_writing import one_outline
from iidindex.masks.polygons import outlines

# pycocotools 2.0.11 has not heard of NumPy's newest ways.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HEIGHT, WIDTH = 40, 60


def image(width=WIDTH, height=HEIGHT, orientation=None, form="JPEG"):
    out = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.new("L", (width, height)).save(out, form, exif=exif)
    return out.getvalue()


def line(number, corners, width=WIDTH, height=HEIGHT):
    flat = (np.asarray(corners, float) / (width, height)).reshape(-1)
    return f"{number} {' '.join(f'{value:.6f}' for value in flat)}\n"


SQUARE = [(10, 5), (20, 5), (20, 15), (10, 15)]
TRIANGLE = [(30, 10), (50, 10), (30, 30)]
YAML = "path: ../sets/pond\ntrain: images/train\nval: images/val\n\nnames:\n  0: frog\n  1: reed\n"


def dataset():
    """Both layouts are in use: Ultralytics' own, and Roboflow's with the set in front."""
    return {
        "data.yaml": YAML.encode(),
        "images/train/a.jpg": image(),
        "images/train/none.jpg": image(),
        "labels/train/a.txt": (line(0, SQUARE) + line(1, TRIANGLE)).encode(),
        "valid/images/b.jpg": image(),
        "valid/labels/b.txt": line(1, SQUARE).encode(),
    }


def write(where, files):
    for name, data in files.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def test_a_dataset(tmp_path):
    write(tmp_path / "pond", dataset())
    report = iidindex.import_archive(tmp_path / "pond", tmp_path / "out")
    assert (report.pictures, report.entries, report.refused) == (3, 3, {})
    assert report.individuals_in_several == 0
    assert report.identity == "picture and line, as lines have no id"
    found = iid_entries(tmp_path / "out/train/a.iid", HEIGHT, WIDTH)
    assert list(found) == [(b"pond", b"train/a/1"), (b"pond", b"train/a/2")]
    groups, mask = found[b"pond", b"train/a/1"]
    assert groups == ("frog",)
    assert (mask == boxed(HEIGHT, WIDTH, 5, 10, 15, 20)).all()
    # It has no text, so nothing is on it.
    assert not iid_entries(tmp_path / "out/train/none.iid", HEIGHT, WIDTH)
    meta = iidindex.IIDFile((tmp_path / "out/valid/b.iid").read_bytes()).meta.data
    assert (meta["width"], meta["height"]) == (WIDTH, HEIGHT)
    assert meta["source"].pop("place") == "../../pond"
    assert meta["source"] == {"format": "yolo", "file": "valid/labels/b.txt"}
    assert meta["image"] == "../../pond/valid/images/b.jpg"


def test_read_and_import_agree(tmp_path):
    write(tmp_path / "pond", dataset())
    read = {picture.name: picture for picture in iidindex.formats.read(tmp_path / "pond")}
    assert list(read) == ["train/a.jpg", "valid/b.jpg", "train/none.jpg"]
    iidindex.import_archive(tmp_path / "pond", tmp_path / "out")
    for name, picture in read.items():
        path = (tmp_path / "out" / name).with_suffix(".iid")
        found = iid_entries(path, HEIGHT, WIDTH)
        assert len(found) == len(picture.entries)
        for entry in picture.entries:
            groups, mask = found[entry.domain, entry.address]
            assert groups == entry.groups
            assert (mask == framed(entry, HEIGHT, WIDTH)).all()


def test_triangle_as_pycocotools():
    picture = pictures_of(dataset())[0]
    flat = [value for corner in TRIANGLE for value in corner]
    truth = judge.decode(judge.frPyObjects([flat], HEIGHT, WIDTH))[:, :, 0].astype(bool)
    assert (framed(picture.entries[1], HEIGHT, WIDTH) == truth).all()


@pytest.mark.parametrize("size", [(60, 40), (48, 48)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_corners_are_of_the_picture_as_it_is_shown(orientation, size):
    stored = np.zeros((size[1], size[0]), bool)
    stored[5:15, 8:30] = True
    stored[5:9, 8:12] = False
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = Image.fromarray(stored.astype(np.uint8) * 255)
    out = io.BytesIO()
    turned.save(out, "PNG", exif=exif)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(out))) > 0
    corners = outlines(*((entry := cut_out(shown)).mask, entry.bbox))[0][0]
    files = {
        "images/a.jpg": image(*size, orientation),
        "labels/a.txt": line(0, corners, shown.shape[1], shown.shape[0]).encode(),
    }
    for exif_asked in (None, "raw", "turned"):
        (picture,) = pictures_of(files, exif=exif_asked)
        assert (picture.width, picture.height) == size
        assert (framed(picture.entries[0], *stored.shape) == stored).all()
        assert (orientation != 1) == bool(picture.notes)


def test_texts_alone_ask_for_the_pictures(tmp_path):
    write(tmp_path / "texts", {"sub/a.txt": line(3, SQUARE).encode()})
    with pytest.raises(ExchangeError, match="--images DIR"):
        iidindex.import_archive(tmp_path / "texts", tmp_path / "out")
    write(tmp_path / "pictures", {"sub/a.png": image(form="PNG"), "other.png": image(form="PNG")})
    report = iidindex.import_archive(
        tmp_path / "texts", tmp_path / "out", images=tmp_path / "pictures"
    )
    assert (report.pictures, report.entries) == (1, 1)
    assert report.notes == {"sources without readable names of their classes": 1}
    found = iid_entries(tmp_path / "out/sub/a.iid", HEIGHT, WIDTH)
    assert found[b"texts", b"sub/a/1"][0] == ("class 3",)


def test_one_text(tmp_path):
    write(tmp_path, {"a.txt": line(0, SQUARE).encode(), "a.png": image(form="PNG")})
    (picture,) = iidindex.formats.read(tmp_path / "a.txt")
    assert (framed(picture.entries[0], HEIGHT, WIDTH) == boxed(HEIGHT, WIDTH, 5, 10, 15, 20)).all()


def test_two_pictures_of_one_name_are_not_chosen_from():
    files = {
        "labels/a.txt": line(0, SQUARE).encode(),
        "images/a.jpg": image(),
        "images/a.png": image(30, 30, form="PNG"),
    }
    with pytest.raises(ExchangeError, match="several"):
        pictures_of(files)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0 0.5 0.5 0.1 0.1", "box"),
        ("0 0.5 0.5 0.1 0.1 0.99", "box"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.9", "line"),
        ("0 0.1 0.1", "line"),
        ("frog 0.1 0.1 0.2 0.1 0.2 0.2", "line"),
        ("0.5 0.1 0.1 0.2 0.1 0.2 0.2", "line"),
        ("-1 0.1 0.1 0.2 0.1 0.2 0.2", "line"),
        ("0 0.1 0.1 nan 0.1 0.2 0.2", "coordinates"),
        ("0 0.1 0.1 inf 0.1 0.2 0.2", "coordinates"),
        ("0 10 5 20 5 20 15", "coordinates"),
        ("0 1.5 1.5 1.6 1.5 1.6 1.6", "empty"),
        ("0 0.1 0.1 0.2 0.1 0.3 0.1", "empty"),
    ],
)
def test_lines_that_are_left_out(text, reason):
    files = dataset()
    files["labels/train/a.txt"] = f"{line(0, SQUARE)}\n{text}\n".encode()
    picture = pictures_of(files)[0]
    assert len(picture.entries) == 1
    (refused,) = picture.refused
    assert (refused.reason, refused.record) == (reason, "line 3")


def test_track_ids_are_not_taken_for_corners():
    # What `save_txt` of a tracker writes: …, confidence, id.
    files = dataset()
    files["valid/labels/b.txt"] = f"{line(0, SQUARE).strip()} 0.91 17\n".encode()
    with pytest.raises(ExchangeError, match="track id"):
        pictures_of(files)


def test_poses_are_refused():
    files = dataset()
    files["data.yaml"] += b"kpt_shape: [17, 3]\n"
    with pytest.raises(ExchangeError, match="key points"):
        pictures_of(files)


def test_identity_cannot_be_asked_for():
    with pytest.raises(ExchangeError, match="'track_id'"):
        pictures_of(dataset(), identity="track_id")


def test_who_claims_what():
    assert claims(dataset()) == ["yolo"]
    assert claims({"a.txt": line(0, SQUARE).encode()}) == ["yolo"]
    for name, text in (
        ("man_track.txt", b"1 0 5 0\n"),
        ("gt.txt", b"1,1,10,20,30,40,1,1,1.0\n"),
        ("0001.txt", b"0 2001 2 1080 1920 WSV:2d;1O10000O10000O1O100O100O1O\n"),
    ):
        assert "yolo" not in claims({name: text})
    assert claims({"notes.txt": b"to do\n"}) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names: [a, b c , 'd, e', \"f\\u00e9]\"]\n", ["a", "b c", "d, e", "fé]"]),
        ("names: ['it''s',\n  \"b\" ,  # one\n c]\n", ["it's", "b", "c"]),
        ("names:\n- a\n- 'b: c'\n- x # y\nnc: 3\n", ["a", "b: c", "x"]),
        ("names:\r\n  0: a\r\n  1: b c\r\n", ["a", "b c"]),
        ("names: {0: a, 1: 'b}'}\n", ["a", "b}"]),
        ("names: # none\n - a\n\n # more\n - b-c\n", ["a", "b-c"]),
    ],
)
def test_names_of_classes(text, names):
    assert class_names(text) == dict(enumerate(names))


@pytest.mark.parametrize("text", ["", "names:", "names: 3", "names: {a: b}", "names: &x [", "a: 1"])
def test_names_that_are_none(text):
    assert class_names(text) is None


# ---------------------------------------------------------------------- out


def exported(pictures):
    sink = Collected()
    session = writer_named("yolo").begin(sink)
    for picture in pictures:
        session.add(picture)
    session.finish()
    return sink, session.lost


@given(st.integers(0, 2**32 - 1))
def test_out_and_in_again(seed):
    draw = np.random.default_rng(seed)
    height, width = (int(side) for side in draw.integers(1, 24, 2))
    masks = [draw.random((height, width)) < draw.random() for _ in range(3)]
    masks = [mask for mask in masks if mask.any()]
    names = ("frog", 'a "b": c', "it's é")
    entries = [cut_out(mask, f"{n}".encode(), b"d", (names[n],)) for n, mask in enumerate(masks)]
    sink, lost = exported([Picture("a/b", width, height, {}, entries)])
    assert lost.get("identities", 0) == len(masks)
    held = sink.held(**{"images/a/b.png": image(width, height, form="PNG")})
    (picture,) = pictures_of(held, "yolo")
    assert picture.name == "a/b.png"
    assert [entry.groups for entry in picture.entries] == [(names[n],) for n in range(len(masks))]
    for mask, entry in zip(masks, picture.entries, strict=True):
        assert (framed(entry, height, width) == mask).all()


def test_what_is_lost():
    ring = boxed(20, 20, 2, 2, 12, 12)
    ring[5:8, 5:8] = False
    ring[15:18, 15:18] = True
    entries = [cut_out(ring, groups=("a", "b")), cut_out(boxed(20, 20, 0, 0, 1, 1))]
    entries.append(cut_out(np.zeros((20, 20), bool)))
    sink, lost = exported(
        [Picture("a", 20, 20, {}, entries), Picture("b", None, None, {}, entries)]
    )
    assert lost == {
        "identities": 2,
        "groups beyond the first": 1,
        "the parting of parts and holes, joined by lines of no width": 1,
        "that there was no group (class 'object')": 1,
        "masks without a pixel": 1,
        "pictures without a stated size, which were left out": 1,
        "the pictures themselves, which are not copied: copy them to images/": 1,
    }
    assert sorted(sink.files) == ["data.yaml", "labels/a.txt"]
    assert sink.files["labels/a.txt"].count(b"\n") == 2
    assert class_names(sink.files["data.yaml"].decode()) == {0: "a", 1: "object"}


def test_classes_have_the_order_of_their_names(tmp_path):
    groups = {"a": "zebra", "b": None, "c": "ape", "d": "object"}
    (tmp_path / "archive").mkdir()
    for name, group in groups.items():
        file = IIDFile()
        file.meta.data = {"height": 9, "width": 9}
        file.add(b"1", b"d", (1, 1, 3, 3), np.ones((2, 2), bool), *([group] if group else []))
        file.save(tmp_path / f"archive/{name}.iid")
    numbers = []
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "archive")
        for which, order in enumerate(("path", "-path")):
            out = tmp_path / f"out{which}"
            report = index.entries.order_by(order).export(out, to="yolo")
            yaml = (out / "data.yaml").read_text()
            assert class_names(yaml) == {0: "ape", 1: "object", 2: "zebra"}
            assert "val is train" in yaml
            assert any("not copied" in told and n == 4 for told, n in report.lost.items())
            numbers.append([(out / f"labels/{name}.txt").read_text()[0] for name in groups])
        index.entries.where(group="zebra").export(tmp_path / "one", to="yolo")
        assert class_names((tmp_path / "one/data.yaml").read_text()) == {0: "zebra"}
    assert numbers == [["2", "1", "0", "1"]] * 2


def test_joined_outline_as_others_draw_it():
    draw = np.random.default_rng(3)
    for _ in range(60):
        height, width = (int(side) for side in draw.integers(1, 30, 2))
        mask = draw.random((height, width)) < draw.random()
        mask[0, 0] = True
        entry = cut_out(mask)
        flat = one_outline(outlines(entry.mask, entry.bbox)).reshape(-1).astype(float).tolist()
        if len(flat) > 4:
            found = judge.decode(judge.frPyObjects([flat], height, width))[:, :, 0]
            assert (found.astype(bool) == mask).all()


def test_damaged_files():
    files = {"labels/a.txt": b"", "images/a.png": image(form="PNG"), "data.yaml": YAML.encode()}
    text = (line(0, SQUARE) + line(1, TRIANGLE)).encode()
    read = 0
    for data in mutants(text, 1600, 1):
        read += survives({**files, "labels/a.txt": data}, "yolo")
    for data in mutants(YAML.encode(), 200, 2):
        read += survives({**files, "data.yaml": data, "labels/a.txt": text}, "yolo")
    for data in mutants(files["images/a.png"], 200, 3):
        survives({**files, "images/a.png": data, "labels/a.txt": text}, "yolo")
    assert read > 1000
