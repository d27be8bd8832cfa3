"""Label Studio's JSON export, as https://labelstud.io/guide/export has it."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as judge

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
from iidindex.formats.label_studio import path_of
from iidindex.formats.label_studio_rle import decode_opacity

# pycocotools 2.0.11 has not heard of NumPy's newest ways.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HEIGHT, WIDTH = 40, 60


def bits_of(number, length):
    return format(number, f"0{length}b")


def packed(values, n_bits=8, sizes=(3, 4, 8, 16), literal=0.0, seed=0):
    """As ``rle-pack`` writes: stretches of one value, and of values one by one.

    `literal` is how often several stretches are written one by one, though they need not be.
    """
    draw = np.random.default_rng(seed)
    out = [bits_of(len(values), 32), bits_of(n_bits - 1, 5), *(bits_of(n - 1, 4) for n in sizes)]
    at = 0

    def head(is_repeated, count):
        which = next(n for n in range(4) if count <= 1 << sizes[n])
        out.extend([str(int(is_repeated)), bits_of(which, 2), bits_of(count - 1, sizes[which])])

    while at < len(values):
        if draw.random() < literal:
            count = min(len(values) - at, int(draw.integers(1, 90)))
            head(False, count)
            out.extend(bits_of(int(value), n_bits) for value in values[at : at + count])
        else:
            same = np.flatnonzero(values[at : at + (1 << sizes[3])] != values[at])
            count = int(same[0]) if len(same) else min(len(values) - at, 1 << sizes[3])
            head(True, count)
            out.append(bits_of(int(values[at]), n_bits))
        at += count
    text = "".join(out)
    text += "0" * (-len(text) % 8)
    return [int(text[n : n + 8], 2) for n in range(0, len(text), 8)]


def unpacked(rle):
    """The plain way, a bit at a time, as ``decode_rle`` in the converter's ``brush.py``."""
    text = "".join(bits_of(byte, 8) for byte in rle)
    place = 0

    def take(length):
        nonlocal place
        place += length
        return int(text[place - length : place], 2)

    n_values, n_bits = take(32), take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    values = []
    while len(values) < n_values:
        is_repeated = take(1)
        count = take(sizes[take(2)]) + 1
        if is_repeated:
            values += [take(n_bits)] * count
        else:
            values += [take(n_bits) for _ in range(count)]
    return values


def rgba(mask, color=(200, 30, 0)):
    values = np.zeros((*mask.shape, 4), np.int64)
    values[mask] = (*color, 255)
    return values.reshape(-1)


def result(kind, value, number="r1", **more):
    return {
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "value": value,
        "id": number,
        "from_name": "tag",
        "to_name": "image",
        "type": kind,
        "origin": "manual",
        **more,
    }


def brush(mask, number="r1", label="cell", **more):
    value = {"format": "rle", "rle": packed(rgba(mask)), "brushlabels": [label]}
    return result("brushlabels", value, number, **more)


def polygon(points, number="r1", label="cell", **more):
    percent = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in points]
    value = {"points": percent, "closed": True, "polygonlabels": [label]}
    return result("polygonlabels", value, number, **more)


def rectangle(minr, minc, maxr, maxc, number="r1", label="cell", **more):
    value = {
        "x": 100 * minc / WIDTH,
        "y": 100 * minr / HEIGHT,
        "width": 100 * (maxc - minc) / WIDTH,
        "height": 100 * (maxr - minr) / HEIGHT,
        "rotation": 0,
        "rectanglelabels": [label],
    }
    value.update(more)
    return result("rectanglelabels", value, number)


def task(*results, number=1, image="/data/upload/1/ab12-a%20b.jpg", who=1, **more):
    return {
        "id": number,
        "annotations": [
            {
                "id": 100 + number,
                "completed_by": who,
                "result": list(results),
                "was_cancelled": False,
                "ground_truth": False,
            }
        ],
        "file_upload": "ab12-a b.jpg",
        "drafts": [],
        "predictions": [],
        "data": {"image": image},
        "meta": {},
        "total_annotations": 1,
        **more,
    }


def held(*tasks):
    return {"export.json": json.dumps(tasks).encode()}


def only(*results, **options):
    (picture,) = pictures_of(held(task(*results)), "label-studio", **options)
    return picture


SQUARE = [(10, 5), (20, 5), (20, 15), (10, 15)]


def test_an_export(tmp_path):
    blob = np.zeros((HEIGHT, WIDTH), bool)
    blob[3:9, 40:50] = np.eye(6, 10, dtype=bool)
    (tmp_path / "pictures").mkdir()
    Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "pictures/ab12-a b.jpg")
    value = task(brush(blob, "r1"), polygon(SQUARE, "r2", "frog"), rectangle(1, 2, 5, 9, "r3"))
    (tmp_path / "export.json").write_text(json.dumps([value, task(number=2, image="x.png")]))
    report = iidindex.import_archive(
        tmp_path / "export.json", tmp_path / "out", images=tmp_path / "pictures"
    )
    assert (report.pictures, report.entries, report.refused) == (2, 3, {})
    assert report.individuals_in_several == 0
    found = iid_entries(tmp_path / "out/ab12-a b.iid", HEIGHT, WIDTH)
    assert list(found) == [(b"export/1", f"1/r{n}".encode()) for n in (1, 2, 3)]
    assert [groups for groups, _ in found.values()] == [("cell",), ("frog",), ("cell",)]
    masks = [mask for _, mask in found.values()]
    assert (masks[0] == blob).all()
    assert (masks[1] == boxed(HEIGHT, WIDTH, 5, 10, 15, 20)).all()
    assert (masks[2] == boxed(HEIGHT, WIDTH, 1, 2, 5, 9)).all()
    meta = iidindex.IIDFile((tmp_path / "out/ab12-a b.iid").read_bytes()).meta.data
    assert (meta["width"], meta["height"], meta["source"]["id"]) == (WIDTH, HEIGHT, 1)
    assert meta["image"] == "../pictures/ab12-a b.jpg"
    assert not iid_entries(tmp_path / "out/x.iid", 1, 1)


# ---------------------------------------------------------------------- run lengths


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3, 8, 16, 32]),
    st.sampled_from([(3, 4, 8, 16), (1, 2, 3, 9), (16, 16, 16, 16)]),
    st.sampled_from([0.0, 0.3, 1.0]),
)
def test_run_lengths(seed, n_bits, sizes, literal):
    draw = np.random.default_rng(seed)
    height, width = draw.integers(1, 30, 2).tolist()
    values = draw.integers(0, 1 << n_bits, height * width * 4)
    values[draw.random(len(values)) < 0.6] = 0
    values = np.repeat(values[: len(values) // 3 + 1], 3)[: len(values)]
    rle = packed(values, n_bits, sizes, literal, seed)
    assert unpacked(rle) == values.tolist()
    truth = values.reshape(height, width, 4)[:, :, 3] > 0
    box, mask = decode_opacity(rle, height, width)
    frame = np.zeros((height, width), bool)
    frame[box.minr : box.maxr, box.minc : box.maxc] = mask
    assert (frame == truth).all()
    if truth.any():
        assert mask.any(axis=0)[[0, -1]].all()
        assert mask.any(axis=1)[[0, -1]].all()


def test_run_lengths_that_are_of_another_picture():
    rle = packed(rgba(np.ones((4, 5), bool)))
    assert decode_opacity(rle, 4, 5)[1].all()
    assert decode_opacity(rle, 5, 4)[1].all()
    for height, width in ((4, 4), (2, 5), (0, 0)):
        with pytest.raises(ExchangeError, match="values"):
            decode_opacity(rle, height, width)
    for length in range(len(rle)):
        with pytest.raises(ExchangeError):
            decode_opacity(rle[:length], 4, 5)


# ---------------------------------------------------------------------- shapes


def test_polygons_as_pycocotools():
    points = [(30.13, 10.57), (50.91, 10.25), (30.77, 31.53), (41.23, 3.37)]
    flat = [value for point in points for value in point]
    truth = judge.decode(judge.frPyObjects([flat], HEIGHT, WIDTH))[:, :, 0].astype(bool)
    (entry,) = only(polygon(points)).entries
    assert (framed(entry, HEIGHT, WIDTH) == truth).all()


def test_rectangles_turn_about_their_corner_and_ellipses_about_their_middle():
    turned = rectangle(10, 30, 15, 50, rotation=90)
    (entry,) = only(turned).entries
    # Clockwise on the screen: what went to the right goes down.
    assert (framed(entry, HEIGHT, WIDTH) == boxed(HEIGHT, WIDTH, 10, 25, 30, 30)).all()
    value = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 15, "rotation": 30, "ellipselabels": ["a"]}
    (entry,) = only(result("ellipselabels", value)).entries
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    x, y, angle = columns - 30, rows - 20, np.radians(30)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    inside = (along / 12) ** 2 + (across / 6) ** 2 < 1
    assert (framed(entry, HEIGHT, WIDTH) ^ inside).sum() < 0.06 * inside.sum()


def test_a_region_of_several_results():
    shape = {"points": polygon(SQUARE)["value"]["points"]}
    picture = only(
        result("polygon", shape),
        result("labels", {**shape, "labels": ["frog", "green"]}),
        result("textarea", {"text": ["Ann"]}),
        result("choices", {"choices": ["nice"]}, "other"),
        {"type": "relation", "from_id": "r1", "to_id": "other", "direction": "right"},
    )
    assert not picture.refused
    (entry,) = picture.entries
    assert entry.groups == ("frog", "green")
    entry = only(
        result("labels", {**shape, "labels": ["frog"]}),
        result("textarea", {"text": ["Ann"]}),
        identity="value.text",
        group_by="value.text",
    ).entries[0]
    assert (entry.address, entry.groups) == (b"Ann", ("Ann",))
    with pytest.raises(ExchangeError, match="'nobody'"):
        only(polygon(SQUARE), identity="nobody")


def test_annotators_are_not_mixed():
    value = task(polygon(SQUARE))
    other = {
        "id": 7,
        "completed_by": {"id": 5, "email": "b@example.org"},
        "result": [polygon(SQUARE)],
    }
    third = {"id": 8, "completed_by": {"email": "c@example.org"}, "result": [polygon(SQUARE)]}
    skipped = {**other, "was_cancelled": True}
    value["annotations"] += [other, third, skipped, {"result": [polygon(SQUARE)]}]
    value["predictions"] = [{"result": [polygon(SQUARE)], "model_version": "x"}]
    (picture,) = pictures_of(held(value), domain=b"d")
    assert [(entry.domain, entry.address) for entry in picture.entries] == [
        (b"d/1", b"1/r1"),
        (b"d/5", b"1/r1"),
        (b"d/c@example.org", b"1/r1"),
        (b"d", b"1/r1"),
    ]
    assert sum(picture.notes.values()) == 2


def test_tasks_without_numbers_or_of_one():
    tasks = [task(polygon(SQUARE), image=f"{n}.jpg", number=3) for n in range(2)]
    tasks.append(task(polygon(SQUARE), image="x.jpg", number=4))
    del tasks[1]["id"]
    pictures = pictures_of(held(*tasks))
    assert [one.entries[0].address for one in pictures] == [b"3/r1", b"task 1/r1", b"4/r1"]
    tasks[1]["id"] = 3
    pictures = pictures_of(held(*tasks))
    assert [one.entries[0].address for one in pictures] == [b"task 0/r1", b"task 1/r1", b"4/r1"]
    one = only({**polygon(SQUARE), "id": None}, {**polygon(SQUARE), "id": None})
    assert [entry.address for entry in one.entries] == [b"1/0/0", b"1/0/1"]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (result("keypointlabels", {"x": 1, "y": 1, "width": 1}, "x"), "keypoint"),
        (result("vectorlabels", {"vertices": []}, "x"), "vector"),
        (result("bitmasklabels", {"imageDataURL": ""}, "x"), "bitmask"),
        (polygon(SQUARE, "x", image_rotation=90), "turned picture"),
        (polygon(SQUARE, "x", original_width=61), "size"),
        (polygon(SQUARE, "x", original_height=None), "size"),
        (polygon(SQUARE[:2], "x"), "coordinates"),
        (polygon([*SQUARE, (float("nan"), 1)], "x"), "coordinates"),
        (polygon([*SQUARE, (1e12, 1)], "x"), "coordinates"),
        (polygon([(99, 99), (110, 99), (110, 110)], "x"), "empty"),
        (result("polygonlabels", {"points": None}, "x"), "coordinates"),
        (
            result("polygonlabels", {"points": [[0, 0], [9, 9], [0, 9]], "closed": False}, "x"),
            "open polygon",
        ),
        (rectangle(1, 2, 5, 9, "x", width=None), "coordinates"),
        (rectangle(1, 2, 5, 9, "x", rotation="inf"), "coordinates"),
        (brush(np.ones((3, 3), bool), "x"), "brush"),
        (result("brushlabels", {"format": "png", "rle": []}, "x"), "brush"),
        (result("brushlabels", {"format": "rle", "rle": [256] * 9}, "x"), "brush"),
        (result("brushlabels", {"format": "rle", "rle": ["a"]}, "x"), "brush"),
        (result("brushlabels", {"format": "rle"}, "x"), "brush"),
        (brush(np.zeros((HEIGHT, WIDTH), bool), "x"), "empty"),
        (7, "result"),
    ],
)
def test_what_is_left_out(one, reason):
    picture = only(polygon(SQUARE), one)
    assert len(picture.entries) == 1
    (refused,) = picture.refused
    assert (refused.reason, refused.record) == (reason, "annotation 0, result 1")


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/data/upload/3/1a2b-a%20b.jpg", "1a2b-a b.jpg"),
        ("/data/upload/1a2b.jpg", "1a2b.jpg"),
        ("/data/local-files/?d=sets%2Fa/b%20c.jpg", "sets/a/b c.jpg"),
        ("http://host:8080/data/upload/3/x.jpg?token=1", "x.jpg"),
        ("https://host/a/b.jpg?x=1#y", "a/b.jpg"),
        ("s3://bucket/a/b.jpg", "a/b.jpg"),
        ("images/a#1?.jpg", "images/a#1?.jpg"),
        ("images\\1/a.jpg", "images/1/a.jpg"),
        ("C:\\data\\a.jpg", "C:/data/a.jpg"),
        ("/a/b.jpg", "a/b.jpg"),
        ("data:image/png;base64,AAAA", ""),
        ("http://[bad", ""),
    ],
)
def test_names_of_pictures(address, path):
    assert path_of(address) == path


def test_pictures_under_other_names():
    value = task(polygon(SQUARE))
    value["data"] = {"text": "see a.txt", "photo": "/data/upload/1/x.png", "other": "y.png"}
    assert pictures_of(held(value))[0].name == "x.png"
    value["data"] = {"text": "nothing"}
    assert pictures_of(held(value))[0].name == "ab12-a b.jpg"
    del value["file_upload"]
    assert pictures_of(held(value))[0].name == "1"


def test_who_claims_what():
    assert claims(held(task(polygon(SQUARE)))) == ["label-studio"]
    assert claims({**held(task(polygon(SQUARE))), "images/a.jpg": b""}) == ["label-studio"]
    assert claims({"a.json": b"[]"}) == []
    assert claims({"a.json": json.dumps([{"image": "a.jpg", "tag": []}]).encode()}) == []
    with pytest.raises(ExchangeError, match="expected a list of tasks"):
        pictures_of({"a.json": b'{"tasks": []}'}, "label-studio")


def test_many_tasks_are_read_one_by_one():
    blob = np.random.default_rng(1).random((HEIGHT, WIDTH)) < 0.5
    drawn = brush(blob)
    tasks = [task(drawn, number=n, image=f"{n}.jpg") for n in range(100)]
    files = held(*tasks)
    assert len(files["export.json"]) > 1 << 20
    pictures = pictures_of(files)
    assert [one.entries[0].address for one in pictures] == [f"{n}/r1".encode() for n in range(100)]
    assert all((framed(one.entries[0], HEIGHT, WIDTH) == blob).all() for one in pictures[::20])


def test_damaged_files():
    blob = np.zeros((HEIGHT, WIDTH), bool)
    blob[3:9, 40:50] = np.eye(6, 10, dtype=bool)
    value = [task(brush(blob, "a"), polygon(SQUARE, "b"), rectangle(1, 2, 5, 9, "c"))]
    read = 0
    for data in mutants(json.dumps(value).encode(), 1000, 1):
        read += survives({"a.json": data}, "label-studio")
    for data in json_mutants(value, 1000, 2):
        read += survives({"a.json": data}, "label-studio")
    raw = bytes(packed(rgba(blob)))
    for data in mutants(raw, 1000, 3):
        try:
            box, mask = decode_opacity(list(data), HEIGHT, WIDTH)
            assert mask.shape == (box.height, box.width)
        except ExchangeError:
            pass
    assert read > 800
