"""COCO panoptic, as https://cocodataset.org/#format-data describes it ("4. Panoptic Segmentation").

Colours are made as panopticapi's `utils.id2rgb` makes them: the lowest eight bits are red.
"""

import io
import json

import numpy as np
import pytest
from PIL import Image

import iidindex
from iidindex.errors import ExchangeError
from iidindex.formats.registry import guess
from iidindex.storage.folder import HeldFiles
from tracked import by_name, entries_of, frame_of, read_held, recognised, survives

SHAPE = (18, 30)
# Above 65,535 blue counts.
CAT, SKY, PEOPLE = 7, 300, 3 + 256 * 2 + 65536 * 9


def plane(**boxes):
    found = np.zeros(SHAPE, np.int64)
    for number, (row, column, height, width) in boxes.items():
        found[row : row + height, column : column + width] = int(number[1:])
    return found


FIRST = plane(**{f"_{SKY}": (0, 0, 6, 30), f"_{CAT}": (4, 5, 9, 7)})
SECOND = plane(**{f"_{PEOPLE}": (2, 2, 3, 20), f"_{CAT}": (12, 1, 2, 2)})


def png(numbers, mode=None):
    colors = np.dstack([numbers % 256, numbers // 256 % 256, numbers // 65536]).astype(np.uint8)
    out = io.BytesIO()
    image = Image.fromarray(colors)
    (image if mode is None else image.convert(mode)).save(out, "PNG")
    return out.getvalue()


def segment(numbers, number, category, iscrowd=0, **more):
    rows, columns = np.nonzero(numbers == number)
    box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
    return {
        "id": number,
        "category_id": category,
        "area": len(rows),
        "bbox": [int(side) for side in box],
        "iscrowd": iscrowd,
        **more,
    }


def panoptic():
    return {
        "info": {"year": 2018},
        "images": [
            {"id": 139, "width": 30, "height": 18, "file_name": "000139.jpg", "license": 3},
            {"id": 285, "width": 30, "height": 18, "file_name": "000285.jpg"},
        ],
        "annotations": [
            {
                "image_id": 139,
                "file_name": "000139.png",
                "segments_info": [segment(FIRST, SKY, 187), segment(FIRST, CAT, 17)],
            },
            {
                "image_id": 285,
                "file_name": "000285.png",
                "segments_info": [segment(SECOND, PEOPLE, 1, 1), segment(SECOND, CAT, 17)],
            },
        ],
        "categories": [
            {"id": 1, "name": "person", "isthing": 1, "supercategory": "person"},
            {"id": 17, "name": "cat", "isthing": 1, "supercategory": "animal"},
            {"id": 187, "name": "sky-other-merged", "isthing": 0, "supercategory": "sky"},
        ],
    }


def files(about=None, lead="", folder="panoptic_val2017/"):
    return {
        f"{lead}panoptic_val2017.json": json.dumps(about or panoptic()).encode(),
        f"{folder}000139.png": png(FIRST),
        f"{folder}000285.png": png(SECOND),
    }


def put(folder, held):
    for name, data in held.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_data_set(tmp_path):
    held = {**files(), "val2017/000139.jpg": b""}
    source = put(tmp_path / "coco", held)
    report = iidindex.import_archive(source, tmp_path / "out")
    assert (report.pictures, report.entries, report.individuals) == (2, 4, 4)
    assert (report.individuals_in_several, report.refused, report.notes) == (0, {}, {})
    assert report.identity == "picture and segment, as ids are those of one picture"
    meta = iidindex.IIDFile(tmp_path / "out/000139.iid").meta.data
    assert meta["image"] == "../coco/val2017/000139.jpg"
    assert meta["source"] == {
        "place": "../coco",
        "format": "panoptic",
        "file": "panoptic_val2017.json",
        "id": 139,
        "file_name": "000139.jpg",
        "license": 3,
    }
    # The JSON alone, whose folder lies beside it.
    alone = source / "panoptic_val2017.json"
    report = iidindex.import_archive(alone, tmp_path / "alone")
    assert (report.pictures, report.entries, report.refused) == (2, 4, {})


def test_colours_are_ids():
    _, pictures = read_held("panoptic", files(), "coco")
    named = by_name(pictures)
    assert entries_of(named["000139.jpg"]) == [
        ("coco", "139/300", ("sky-other-merged",)),
        ("coco", "139/7", ("cat",)),
    ]
    assert entries_of(named["000285.jpg"]) == [
        ("coco", f"285/{PEOPLE}", ("person", "crowd")),
        ("coco", "285/7", ("cat",)),
    ]
    for name, numbers in {"000139.jpg": FIRST, "000285.jpg": SECOND}.items():
        for entry in named[name].entries:
            wanted = numbers == int(entry.address.split(b"/")[1])
            assert (frame_of(entry, *SHAPE) == wanted).all()
            rows, columns = np.nonzero(wanted)
            assert entry.bbox == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)


@pytest.mark.parametrize(
    ("lead", "folder"),
    [
        ("", ""),
        ("annotations/", "annotations/panoptic_val2017/"),
        ("annotations/", "panoptic_val2017/"),
        ("annotations/", "annotations/"),
        ("", "masks/of val/"),
    ],
)
def test_layouts(lead, folder):
    held = files(None, lead, folder)
    assert recognised(HeldFiles(held, "x")) == ["panoptic"]
    _, pictures = read_held("panoptic", held, "x")
    assert [len(one.entries) for one in pictures] == [2, 2]
    # Instances beside them are another file's.
    both = {**held, f"{lead}instances_val2017.json": b'{"images": [{"id": 1}], "annotations": []}'}
    assert recognised(HeldFiles(both, "x")) == ["panoptic"]
    assert len(read_held("panoptic", both, "x")[1]) == 2


def test_many_pictures_before_the_annotations():
    extra = [
        {"id": number, "file_name": f"{number:012}.jpg", "coco_url": "x" * 300}
        for number in range(1000, 5000)
    ]
    many = panoptic()
    many["images"] += extra
    many["annotations"] *= 4000
    name, data = "panoptic_val2017.json", json.dumps(many).encode()
    assert data.index(b"segments_info") > 1 << 20
    assert recognised(HeldFiles({name: data}, name, False)) == ["panoptic"]


def test_a_field_may_tell_the_identity_or_the_groups():
    about = panoptic()
    about["annotations"][0]["segments_info"][1]["track_id"] = 5
    about["annotations"][1]["segments_info"][1]["track_id"] = 5
    held = files(about)
    _, pictures = read_held("panoptic", held, "x", identity="track_id", group_by="supercategory")
    assert entries_of(pictures[0]) == [("x", "139/300", ("sky",)), ("x", "5", ("animal",))]
    assert entries_of(pictures[1])[1][1] == "5"
    with pytest.raises(ExchangeError, match="no annotation has an identity in the field 'who'"):
        read_held("panoptic", held, "x", identity="who")


def test_what_does_not_fit_is_refused(tmp_path):
    about = panoptic()
    first, second = about["annotations"]
    first["segments_info"] = [
        segment(FIRST, CAT, 17, area=9),
        segment(FIRST, CAT, 17),
        {"id": 99, "category_id": 17},
        {"id": 1 << 24},
        {"id": True},
        None,
    ]
    first["segments_info"][0]["area"] = 9
    _, (picture, _) = read_held("panoptic", files(about), "x")
    assert entries_of(picture) == [("x", "139/7", ("cat",))]
    assert sorted((one.reason, one.record) for one in picture.refused) == [
        ("empty", "segment 99 of picture 000139.jpg"),
        ("segment", "number 3 of picture 000139.jpg"),
        ("segment", "number 4 of picture 000139.jpg"),
        ("segment", "number 5 of picture 000139.jpg"),
        ("segment", "segment 7 of picture 000139.jpg"),
        ("unknown segment", "segment 300 of picture 000139.jpg"),
    ]
    assert picture.notes == {"area of the file differs by more than 5 % from the pixels": 1}
    about["annotations"] += [second, {"image_id": 5, "file_name": "a.png"}, {"image_id": None}, 7]
    report = iidindex.import_archive(put(tmp_path / "x", files(about)), tmp_path / "out")
    assert report.pictures == 2
    assert (report.refused["picture"], report.refused["no such picture"]) == (3, 1)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (png(FIRST, "L"), "has 1 samples a pixel; expected R, G and B"),
        (png(FIRST, "P"), "has 1 samples a pixel"),
        (png(FIRST[:9]), "is 30 x 9 pixels; expected 30 x 18"),
        (b"no PNG", "cannot be decoded as PNG"),
    ],
)
def test_a_png_that_is_none_costs_its_picture(tmp_path, data, told):
    held = files()
    held["panoptic_val2017/000139.png"] = data
    report = iidindex.import_archive(put(tmp_path / "x", held), tmp_path / "out")
    assert (report.pictures, report.refused) == (1, {"picture": 1})
    assert told in str(report.first_refused)


def test_a_png_that_is_not_there():
    held = files()
    del held["panoptic_val2017/000285.png"]
    with pytest.raises(ExchangeError, match="000285.jpg: panoptic_val2017/000285.png: there is no"):
        read_held("panoptic", held)


def test_other_colours_are_no_segments():
    about = panoptic()
    about["images"][0].update(width=100, height=50)
    held = files(about)
    held["panoptic_val2017/000139.png"] = png(np.arange(1, 5001).reshape(50, 100) * 3000)
    with pytest.raises(ExchangeError, match="has 5000 colours that are no id of its segments"):
        read_held("panoptic", held)


def test_it_is_found_among_many_others():
    others = {f"a{number}.json": b"{}" for number in range(30)}
    held = {**others, **files()}
    assert recognised(HeldFiles(held, "x")) == ["panoptic"]
    assert len(read_held("panoptic", held)[1]) == 2


def test_several_or_none():
    held = {**files(), "panoptic_train2017.json": files()["panoptic_val2017.json"]}
    with pytest.raises(ExchangeError, match="panoptic_train2017.json, panoptic_val2017.json have"):
        read_held("panoptic", held)
    with pytest.raises(ExchangeError, match="no JSON has segments_info"):
        read_held("panoptic", {"a.json": b"{}"})
    instances = {"images": [], "annotations": [{"image_id": 1, "segmentation": [[1]]}]}
    data = json.dumps(instances).encode()
    assert guess(HeldFiles({"a.json": data}, "a.json", False)) == "coco"


def test_whatever_the_bytes_they_are_read_or_refused():
    held = files()
    for which, count in {"panoptic_val2017.json": 800, "panoptic_val2017/000285.png": 600}.items():
        refused, taken = survives("panoptic", held, which, count)
        assert refused > 20
        assert taken > 20
