"""Segment Anything's JSON, as the README of segment-anything (version 1.0) describes it.

Run lengths are made by pycocotools, as `amg.coco_encode_rle` there does, and the uncompressed ones
as `amg.mask_to_rle_pytorch`: down the columns, beginning with zeros.
"""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

import iidindex
from iidindex.errors import ExchangeError
from iidindex.formats.registry import guess
from iidindex.storage.folder import HeldFiles
from tracked import entries_of, frame_of, read_held, recognised, survives

HEIGHT, WIDTH = 24, 40


def mask(row, column, height, width):
    found = np.zeros((HEIGHT, WIDTH), bool)
    found[row : row + height, column : column + width] = True
    return found


A, B, NONE = mask(2, 3, 5, 9), mask(4, 8, 9, 12), mask(0, 0, 0, 0)
B[6, 10] = False


def compressed(mask):
    counts = coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    return {"size": list(mask.shape), "counts": counts}


def uncompressed(mask):
    flat = mask.T.reshape(-1)
    cuts = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *cuts, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat[0] else counts}


def record(mask, write=compressed, **more):
    return {
        "segmentation": write(mask),
        "area": int(mask.sum()),
        "bbox": [3, 2, 9, 5],
        "predicted_iou": 0.98,
        "point_coords": [[4.5, 3.5]],
        "stability_score": 0.97,
        "crop_box": [0, 0, WIDTH, HEIGHT],
        **more,
    }


def sa1b(number, *masks, first=500):
    annotations = [record(one, id=first + place) for place, one in enumerate(masks)]
    name = f"sa_{number}.jpg"
    image = {"image_id": number, "width": WIDTH, "height": HEIGHT, "file_name": name}
    return {"image": image, "annotations": annotations}


def packed(document):
    return json.dumps(document).encode()


def check(picture, expected):
    assert sorted(entry.address.decode() for entry in picture.entries) == sorted(expected)
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    for entry in picture.entries:
        wanted = expected[entry.address.decode()]
        assert (frame_of(entry, HEIGHT, WIDTH) == wanted).all()
        rows, columns = np.nonzero(wanted)
        assert entry.bbox == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)


def test_a_folder_of_sa_1b(tmp_path):
    source = tmp_path / "sa_000000"
    source.mkdir()
    (source / "sa_1.json").write_bytes(packed(sa1b(1, A, B)))
    (source / "sa_1.jpg").write_bytes(b"")
    # The same ids again: they are of another picture.
    turned = dict(reversed(sa1b(2, B).items()))
    (source / "sa_2.json").write_bytes(packed(turned))
    report = iidindex.import_archive(source, tmp_path / "out")
    assert (report.pictures, report.entries, report.individuals) == (2, 3, 3)
    assert (report.individuals_in_several, report.refused, report.notes) == (0, {}, {})
    assert report.identity == "picture and mask, as masks are those of one picture"
    meta = iidindex.IIDFile(tmp_path / "out/sa_1.iid").meta.data
    assert meta["image"] == "../sa_000000/sa_1.jpg"
    assert meta["source"] == {
        "place": "../sa_000000",
        "format": "sam",
        "file": "sa_1.json",
        "image_id": 1,
        "file_name": "sa_1.jpg",
    }
    files = {f"sa_{n}.json": (source / f"sa_{n}.json").read_bytes() for n in (1, 2)}
    _, (first, second) = read_held("sam", files, "sa")
    check(first, {"sa_1/500": A, "sa_1/501": B})
    check(second, {"sa_2/500": B})
    assert (first.name, second.name) == ("sa_1.jpg", "sa_2.jpg")
    assert entries_of(first)[0] == ("sa", "sa_1/500", ())


@pytest.mark.parametrize(
    "write", [compressed, uncompressed, np.ndarray.tolist], ids=["text", "counts", "rows"]
)
def test_lists_of_the_generator(write):
    data = packed([record(A, write), record(B, write), record(~A, write)])
    name = "cat.v2.json"
    assert recognised(HeldFiles({name: data}, name, False)) == ["sam"]
    _, (picture,) = read_held("sam", {name: data}, name, is_folder=False)
    assert picture.name == "cat.v2"
    assert {entry.address for entry in picture.entries} == {b"cat.v2/0", b"cat.v2/1", b"cat.v2/2"}
    for entry, wanted in zip(picture.entries, [A, B, ~A], strict=True):
        assert (frame_of(entry, HEIGHT, WIDTH) == wanted).all()
    beside = {"a/cat.json": data, "a/cat.png": b""}
    assert recognised(HeldFiles(beside, "x")) == ["sam"]
    _, (picture,) = read_held("sam", beside, "x")
    assert picture.name == "a/cat.png"
    check(picture, {"a/cat/0": A, "a/cat/1": B, "a/cat/2": ~A})


def test_fields_that_tell_more():
    document = sa1b(1, A, B)
    document["annotations"][1].update(track_id=7, label="cat")
    files = {"sa_1.json": packed(document)}
    _, (picture,) = read_held("sam", files, "x", identity="track_id", group_by="label")
    assert entries_of(picture) == [("x", "7", ("cat",)), ("x", "sa_1/500", ())]
    with pytest.raises(ExchangeError, match="no annotation has an identity in the field 'who'"):
        read_held("sam", files, identity="who")


def test_what_is_wrong_costs_itself(tmp_path):
    document = sa1b(1, A, NONE, B[:9], B)
    other = {"size": [HEIGHT, WIDTH], "counts": [5]}
    extra = [{"segmentation": other}, {"segmentation": [[True], [True, False]]}, 7, {}]
    document["annotations"] += [*extra, {"segmentation": [[1, 2]]}, {"segmentation": [[]]}]
    _, (picture,) = read_held("sam", {"a.json": packed(document)}, "x")
    # Not all have ids, so their places count.
    check(picture, {"a/0": A, "a/3": B})
    assert sorted(one.reason for one in picture.refused) == ["empty"] + ["segmentation"] * 7
    told = "\n".join(f"{one.record}: {one.problem}" for one in picture.refused)
    assert "annotation 502: size of the run lengths is [9, 40]" in told
    assert "number 6 of picture sa_1.jpg: segmentation is None" in told
    source = tmp_path / "x"
    source.mkdir()
    wide = sa1b(3, A)
    wide["image"].update(width=1 << 17, height=1 << 17)
    bad = [b"{}", b"[7]", b"no JSON", packed(wide), b'{"annotations": 7}']
    for place, data in enumerate([*bad, packed(sa1b(1, A))]):
        (source / f"{place}.json").write_bytes(data)
    report = iidindex.import_archive(source, tmp_path / "out", format="sam")
    assert (report.pictures, report.refused["picture"]) == (1, 5)


def test_only_its_own_is_claimed():
    def claimed(document, name="a.json"):
        return recognised(HeldFiles({name: packed(document)}, name, False))

    assert claimed(sa1b(1)) == ["sam"]
    assert claimed([record(A, image_id=4, category_id=1, score=0.5)]) == ["coco"]
    assert claimed({"images": [], **sa1b(1, A)}) == ["coco"]
    assert claimed([{"image_id": 4, "segmentation": compressed(A)}]) == ["coco"]
    assert claimed({"image": "a.jpg", "shapes": []}) == []
    assert claimed([]) == claimed({}) == []
    both = {"a.json": packed(sa1b(1, A)), "b.json": b"{}"}
    assert recognised(HeldFiles(both, "x")) == []
    # More than what is looked at, with the picture behind.
    many = dict(reversed(sa1b(1, *[A] * 6000).items()))
    assert len(packed(many)) > 1 << 20
    assert guess(HeldFiles({"a.json": packed(many)}, "a.json", False)) == "sam"
    with pytest.raises(ExchangeError, match="holds no JSON"):
        read_held("sam", {"a.png": b""})


def test_whatever_the_bytes_they_are_read_or_refused():
    rows = packed([record(A[:4, :6], np.ndarray.tolist)])
    lists = packed([record(A, uncompressed)])
    for data, count in ((packed(sa1b(1, A, B)), 1400), (rows, 300), (lists, 300)):
        refused, taken = survives("sam", {"a.json": data}, "a.json", count)
        assert min(refused, taken) > 10
