"""LabelMe's files, as versions 5 and 6 write them (``labelme/_label_file.py``)."""

import base64
import io
import json
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

import iidindex
from foreign_files import (
    boxed,
    claims,
    framed,
    iid_entries,
    json_mutants,
    mutants,
    pictures_of,
    survives,
)
from iidindex.errors import ExchangeError
from iidindex.formats.drawn_shapes import Room, UnusableError
from iidindex.formats.finishing import read_pictures
from iidindex.formats.reading import Options
from iidindex.formats.registry import format_named
from iidindex.storage.folder import HeldFiles

HEIGHT, WIDTH = 40, 60


def shape(points, kind="polygon", label="cell", group=None, **more):
    return {
        "label": label,
        "points": [list(point) for point in points],
        "group_id": group,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
        **more,
    }


def document(*shapes, path="a.jpg", **more):
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": path,
        "imageData": base64.b64encode(b"no picture at all").decode(),
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
        **more,
    }


def held(value, name="a.json"):
    return {name: json.dumps(value, indent=2).encode()}


def only(*shapes, **more):
    (picture,) = pictures_of(held(document(*shapes)), "labelme", **more)
    return picture


def png(mask, form="PNG"):
    out = io.BytesIO()
    Image.fromarray(mask).save(out, form)
    return base64.b64encode(out.getvalue()).decode()


def as_labelme(points, kind):
    """As ``shape_to_mask`` of ``labelme/utils/shape.py`` draws."""
    image = Image.new("1", (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(image)
    points = [tuple(point) for point in points]
    if kind == "circle":
        (x, y), (of_x, of_y) = points
        d = math.sqrt((x - of_x) ** 2 + (y - of_y) ** 2)
        pen.ellipse(((x - d, y - d), (x + d, y + d)), outline=1, fill=1)
    elif kind == "rectangle":
        (x, y), (of_x, of_y) = points
        box = ((min(x, of_x), min(y, of_y)), (max(x, of_x), max(y, of_y)))
        pen.rectangle(box, outline=1, fill=1)
    else:
        pen.polygon(points, outline=1, fill=1)
    return np.asarray(image)


SQUARE = [(10, 5), (20, 5), (20, 15), (10, 15)]
TRIANGLE = [(30.4, 10.9), (50.2, 10.1), (30.7, 30.5)]


def test_the_border_is_inside():
    (entry,) = only(shape(SQUARE)).entries
    assert (framed(entry, HEIGHT, WIDTH) == boxed(HEIGHT, WIDTH, 5, 10, 16, 21)).all()


@given(
    st.sampled_from(["polygon", "rectangle", "circle", "oriented_rectangle"]),
    st.lists(
        st.tuples(st.floats(-20, 80, width=16), st.floats(-20, 60, width=16)),
        min_size=4,
        max_size=4,
    ),
)
def test_shapes_as_labelme_draws_them(kind, points):
    points = points[:2] if kind in ("rectangle", "circle") else points
    truth = as_labelme(points, kind)
    picture = only(shape(points, kind))
    if not truth.any():
        assert [refused.reason for refused in picture.refused] == ["empty"]
    else:
        assert (framed(picture.entries[0], HEIGHT, WIDTH) == truth).all()


@given(st.integers(0, 2**32 - 1))
def test_masks_at_their_boxes(seed):
    draw = np.random.default_rng(seed)
    height, width = draw.integers(1, 12, 2).tolist()
    top, left = draw.integers(-5, 40, 2).tolist()
    mask = draw.random((height, width)) < 0.5
    truth = np.zeros((HEIGHT + 60, WIDTH + 60), bool)
    truth[top + 30 : top + 30 + height, left + 30 : left + 30 + width] = mask
    truth = truth[30 : 30 + HEIGHT, 30 : 30 + WIDTH]
    points = [(left, top), (left + width - 1, top + height - 1)]
    picture = only(shape(points, "mask", mask=png(mask.astype(np.uint8))))
    if truth.any():
        assert (framed(picture.entries[0], HEIGHT, WIDTH) == truth).all()
    else:
        assert not picture.entries


def test_parts_of_one_group():
    picture = only(
        shape(SQUARE, group=1),
        shape(TRIANGLE, group=1, label="other"),
        shape([(0, 0), (3, 3)], "rectangle", group=1),
        shape(SQUARE),
        shape(SQUARE),
        shape([(0, 30), (2, 32)], "rectangle", group="1"),
    )
    assert [entry.address for entry in picture.entries] == [
        f"a/{place}".encode() for place in (0, 1, 3, 4, 5)
    ]
    whole = boxed(HEIGHT, WIDTH, 5, 10, 16, 21) | boxed(HEIGHT, WIDTH, 0, 0, 4, 4)
    assert (framed(picture.entries[0], HEIGHT, WIDTH) == whole).all()
    assert [entry.groups for entry in picture.entries[:2]] == [("cell",), ("other",)]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (shape([(1, 1)], "point"), "point"),
        (shape([(1, 1), (9, 9)], "line"), "line"),
        (shape([(1, 1), (9, 9), (5, 5)], "linestrip"), "linestrip"),
        (shape([(1, 1), (9, 9), (5, 5)], "points"), "points"),
        (shape(SQUARE, "cuboid"), "shape_type"),
        (shape(SQUARE, 7), "shape_type"),
        (shape([(1, 1), (9, 9)]), "coordinates"),
        (shape(SQUARE, "circle"), "coordinates"),
        (shape([(1, 1), (9, float("nan"))], "rectangle"), "coordinates"),
        (shape([(1, 1), (1e9, 1), (3, 3)]), "coordinates"),
        (shape([(1, 1), (float("inf"), 1)], "circle"), "coordinates"),
        (shape([(90, 90), (99, 99)], "rectangle"), "empty"),
        (shape([(1, 1), (2, 2)], "mask"), "mask"),
        (shape([(1, 1), (2, 2)], "mask", mask="no base64!"), "mask"),
        (shape([(1, 1), (2, 2)], "mask", mask="aGVsbG8="), "mask"),
        (shape([(1, 1), (5, 5)], "mask", mask=png(np.ones((2, 2), np.uint8))), "mask"),
        (shape([(1, 1), (2, 2)], "mask", mask=png(np.ones((2, 2, 3), np.uint8))), "mask"),
        (7, "shape"),
    ],
)
def test_what_is_left_out(one, reason):
    picture = only(shape(SQUARE), one)
    assert len(picture.entries) == 1
    (refused,) = picture.refused
    assert refused.reason == reason
    assert refused.record.startswith("shape 1")


def test_one_bad_part_of_a_group():
    picture = only(shape(SQUARE, group=0), shape([(1, 1)], "point", group=0))
    assert (len(picture.entries), len(picture.refused)) == (1, 1)


@pytest.mark.parametrize(
    ("file", "path", "name"),
    [
        ("a.json", "a.jpg", "a.jpg"),
        ("sub/a.json", "a.jpg", "sub/a.jpg"),
        ("json/a.json", "..\\images\\b.png", "images/b.png"),
        ("a.json", "..\\..\\images\\b.png", "images/b.png"),
        ("sub/a.json", "C:\\data\\b.png", "sub/a.png"),
        ("sub/a.json", "/data/b.png", "sub/a.png"),
        ("sub/a.json", None, "sub/a"),
        ("sub/a.json", "", "sub/a"),
        ("sub/a.json", "..", "sub/a"),
        ("a.json", "ü b.jpg", "ü b.jpg"),
    ],
)
def test_names_of_pictures(file, path, name):
    (picture,) = pictures_of(held(document(shape(SQUARE), path=path), file))
    assert picture.name == name
    text = json.dumps(document(shape(SQUARE), path=path), ensure_ascii=False).encode()
    assert pictures_of({file: text})[0].name == name


def test_a_long_list_of_shapes_before_the_path():
    shapes = [shape(SQUARE, label=f'"imagePath": "wrong{n}.jpg"') for n in range(600)]
    (picture,) = pictures_of(held(document(*shapes)))
    assert (picture.name, len(picture.entries)) == ("a.jpg", 600)


def test_a_folder(tmp_path):
    for name in ("x", "y"):
        (tmp_path / f"set/{name}").mkdir(parents=True)
        text = json.dumps(document(shape(SQUARE), path="1.png"))
        (tmp_path / f"set/{name}/1.json").write_text(text)
        Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / f"set/{name}/1.png")
    report = iidindex.import_archive(tmp_path / "set", tmp_path / "out")
    assert (report.pictures, report.entries, report.individuals) == (2, 2, 2)
    found = iid_entries(tmp_path / "out/y/1.iid", HEIGHT, WIDTH)
    assert list(found) == [(b"set", b"y/1/0")]
    meta = iidindex.IIDFile((tmp_path / "out/y/1.iid").read_bytes()).meta.data
    assert meta["image"] == "../../set/y/1.png"
    assert meta["source"].pop("place") == "../../set"
    assert meta["source"] == {"format": "labelme", "file": "y/1.json", "version": "5.5.0"}


@pytest.mark.parametrize("size", [(60, 40), (48, 48)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_shapes_are_of_the_picture_as_it_is_shown(orientation, size):
    stored = boxed(size[1], size[0], 5, 8, 15, 30)
    stored[5:9, 8:12] = False
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(stored.astype(np.uint8) * 255).save(out, "PNG", exif=exif)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(out))) > 0
    height, width = shown.shape
    one = shape([(0, 0), (width - 1, height - 1)], "mask", mask=png(shown.astype(np.uint8)))
    text = json.dumps(document(one, path="a.png", imageWidth=width, imageHeight=height))
    held = HeldFiles({"a.json": text.encode(), "a.png": out.getvalue()})
    (task,) = format_named("labelme").survey(held, Options(images=held)).tasks
    task = task._replace(image="a.png")
    (picture,) = read_pictures("labelme", held, Options(images=held), b"", task)
    assert (picture.width, picture.height) == size
    assert (framed(picture.entries[0], *stored.shape) == stored).all()


def test_two_files_of_one_picture(tmp_path):
    (tmp_path / "set").mkdir()
    for name in ("1", "2"):
        (tmp_path / f"set/{name}.json").write_text(json.dumps(document(shape(SQUARE))))
    with pytest.raises(ExchangeError, match="merge-same-name"):
        iidindex.import_archive(tmp_path / "set", tmp_path / "out")
    report = iidindex.import_archive(tmp_path / "set", tmp_path / "out", merge_same_name=True)
    assert (report.pictures, report.entries, report.individuals) == (1, 2, 2)


def test_what_is_asked_for():
    one = shape(SQUARE, label="x", flags={"good": True, "bad": False}, description="Ann")
    (entry,) = only(one, identity="description", group_by="flags").entries
    assert (entry.address, entry.groups) == (b"Ann", ("good",))
    with pytest.raises(ExchangeError, match="'nobody'"):
        only(one, identity="nobody")


def test_the_picture_inside_is_not_decoded():
    value = document(shape(SQUARE), imageData="not base64 at all! " * 1000)
    assert len(pictures_of(held(value))[0].entries) == 1


@pytest.mark.parametrize("side", [None, 0, -1, 1.5, "60", 10**9])
def test_sizes_that_are_none(side):
    with pytest.raises(ExchangeError, match="imageWidth"):
        pictures_of(held(document(shape(SQUARE), imageWidth=side)))


END = (1 << 17) - 1
FAR = [(0, 0), (END, END)]


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ([shape([*FAR, (0, END)])], "131071 x 131071 pixels; expected at most 536870912"),
        ([shape(FAR, "rectangle")], "131072 x 131072 pixels; expected at most 536870912"),
        ([shape([(END // 2, END // 2), (0, 0)], "circle")], "131072 x 131072 pixels"),
        (
            [shape([corner, corner], "rectangle", group=1) for corner in FAR],
            "131072 x 131072 pixels; expected at most 536870912",
        ),
    ],
    ids=["polygon", "rectangle", "circle", "far apart"],
)
def test_shapes_that_would_take_too_much_memory(shapes, told):
    small = shape(SQUARE, label="small")
    value = document(*shapes, small, imageWidth=END + 1, imageHeight=END + 1)
    tracemalloc.start()
    try:
        picture, *_ = pictures_of(held(value), "labelme")  # it is cut into tiles
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50 << 20
    (refused,) = picture.refused
    assert refused.reason == "too large"
    assert told in refused.problem
    assert [entry.groups for entry in picture.entries] == [("small",)]


def test_masks_of_a_picture_have_room_together():
    room = Room()
    for _ in range(4):
        room.take(1 << 14, 1 << 15)
    with pytest.raises(UnusableError, match="makes those of the picture 2147483649; expected at"):
        room.take(1, 1)


def test_who_claims_what():
    assert claims(held(document(shape(SQUARE)))) == ["labelme"]
    assert claims(held(document())) == ["labelme"]
    assert claims({**held(document(shape(SQUARE))), "a.png": b""}) == ["labelme"]
    assert claims(held({"shapes": [1]})) == []


def test_damaged_files():
    mask = png(np.eye(4, dtype=np.uint8))
    value = document(
        shape(SQUARE, group=1),
        shape([(0, 0), (3, 3)], "rectangle", group=1),
        shape([(9, 9), (12, 12)], "circle"),
        shape([(20, 20), (23, 23)], "mask", mask=mask),
    )
    read = 0
    for data in mutants(json.dumps(value).encode(), 1000, 1):
        read += survives({"a.json": data}, "labelme")
    for data in json_mutants(value, 1000, 2):
        read += survives({"a.json": data}, "labelme")
    packed = base64.b64decode(mask)
    for data in mutants(packed, 300, 3):
        value["shapes"][3]["mask"] = base64.b64encode(data).decode()
        read += survives(held(value), "labelme")
    assert read > 1000
