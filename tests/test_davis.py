"""DAVIS, YouTube-VOS and Pascal VOC: palette PNG files.

Folders are as the README of DAVIS 2017, https://youtube-vos.org/dataset/vos ("Data Format") and
section 4 of VOC's development kit describe them; palettes are the data sets' own.
"""

import io
import json

import numpy as np
import pytest
from PIL import Image

import iidindex
from iidindex.errors import ExchangeError
from iidindex.storage.folder import HeldFiles
from tracked import by_name, entries_of, frame_of, read_held, recognised, survives

SHAPE = (18, 30)


def voc_palette():
    """The loop of VOClabelcolormap.m."""
    colors = []
    for number in range(256):
        red = green = blue = 0
        rest = number
        for bit in range(8):
            red |= (rest & 1) << (7 - bit)
            green |= ((rest >> 1) & 1) << (7 - bit)
            blue |= ((rest >> 2) & 1) << (7 - bit)
            rest >>= 3
        colors += [red, green, blue]
    return colors


VOC = voc_palette()
# DAVIS has 191 where VOC has 192, from the ninth colour on.
DAVIS = [191 if part == 192 else part for part in VOC]


def png(plane, palette=DAVIS):
    out = io.BytesIO()
    image = Image.fromarray(np.asarray(plane, np.uint8))
    if palette is not None:
        image.putpalette(palette)
    image.save(out, "PNG")
    return out.getvalue()


def plane(**boxes):
    found = np.zeros(SHAPE, np.uint8)
    for index, (row, column, height, width) in boxes.items():
        found[row : row + height, column : column + width] = int(index[1:])
    return found


FIRST = plane(_255=(0, 0, 9, 9), _1=(1, 1, 6, 6), _2=(9, 20, 4, 5))
SECOND = plane(_1=(2, 1, 6, 6), _9=(9, 22, 4, 5))


def davis(resolution="480p"):
    annotations, images = f"Annotations/{resolution}", f"JPEGImages/{resolution}"
    files = {
        f"{annotations}/bear/00000.png": png(FIRST),
        f"{annotations}/bear/00001.png": png(SECOND),
        f"{annotations}/camel/00000.png": png(SECOND),
    }
    return {**files, **{f"{images}/{name}/00000.jpg": b"" for name in ("bear", "camel")}}


def put(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_data_set(tmp_path):
    source = put(tmp_path / "DAVIS", davis())
    report = iidindex.import_archive(source, tmp_path / "out")
    assert (report.pictures, report.entries) == (3, 6)
    assert (report.individuals, report.individuals_in_several) == (5, 1)
    assert (report.identity, report.refused, report.notes) == ("the object's index", {}, {})
    file = iidindex.IIDFile(tmp_path / "out/bear/00000.iid")
    assert file.meta.data["image"] == "../../DAVIS/JPEGImages/480p/bear/00000.jpg"
    assert sorted(entry.iid.address for entry in file) == [b"1", b"2"]
    # The second frame's picture is not there; the mask is none.
    assert "image" not in iidindex.IIDFile(tmp_path / "out/bear/00001.iid").meta.data


def test_indices_are_objects_of_their_sequence():
    files = davis()
    assert recognised(HeldFiles(files, "DAVIS")) == ["davis"]
    _, pictures = read_held("davis", files, "DAVIS")
    named = by_name(pictures)
    assert sorted(named) == ["bear/00000.jpg", "bear/00001.jpg", "camel/00000.jpg"]
    assert entries_of(named["bear/00000.jpg"]) == [("DAVIS/bear", "1", ()), ("DAVIS/bear", "2", ())]
    assert entries_of(named["camel/00000.jpg"]) == [
        ("DAVIS/camel", "1", ()),
        ("DAVIS/camel", "9", ()),
    ]
    for entry in named["bear/00000.jpg"].entries:
        assert (frame_of(entry, *SHAPE) == (int(entry.address) == FIRST)).all()


@pytest.mark.parametrize(
    ("name", "lead", "domain", "picture"),
    [
        ("DAVIS", "", "DAVIS/bear", "bear/00000.jpg"),
        ("x", "train/Annotations/", "x/train/bear", "train/bear/00000.jpg"),
        ("x", "Annotations_unsupervised/480p/", "x/bear", "bear/00000.jpg"),
    ],
)
def test_outer_folders_are_not_needed(name, lead, domain, picture):
    files = {f"{lead}bear/00000.png": png(FIRST)}
    assert recognised(HeldFiles(files, name)) == ["davis"]
    _, (found,) = read_held("davis", files, name)
    assert found.name == picture
    assert {entry.domain.decode() for entry in found.entries} == {domain}


def test_a_sequence_given_alone():
    files = {"00000.png": png(FIRST), "00001.png": png(SECOND)}
    assert recognised(HeldFiles(files, "bear")) == ["davis"]
    _, pictures = read_held("davis", files, "bear")
    assert {entry.domain for one in pictures for entry in one.entries} == {b"bear"}
    _, pictures = read_held("davis", files, "bear", domain=b"DAVIS")
    assert {entry.domain for one in pictures for entry in one.entries} == {b"DAVIS/bear"}


def test_several_sizes_of_a_video_are_several_pictures():
    files = {**davis(), **davis("Full-Resolution")}
    _, pictures = read_held("davis", files, "DAVIS", images=HeldFiles(files, "DAVIS"))
    assert len(pictures) == 6
    named = by_name(pictures)
    assert named["480p/bear/00000.jpg"].entries[0].domain == b"DAVIS/480p/bear"
    assert "Full-Resolution/bear/00000.jpg" in named


def test_void_and_the_one_object_of_2016():
    grey = {
        "Annotations/480p/bear/00000.png": png(plane(_255=(1, 1, 4, 4)), None),
        "Annotations/480p/bear/00001.png": png(plane(_255=(1, 1, 4, 4), _1=(8, 8, 2, 2)), None),
        "Annotations/480p/bear/00002.png": png(plane(_255=(1, 1, 4, 4))),
    }
    _, pictures = read_held("davis", grey, "DAVIS")
    assert [[entry.address for entry in one.entries] for one in pictures] == [[b"255"], [b"1"], []]
    assert len(pictures[0].notes) == 1
    assert pictures[1].notes == pictures[2].notes == {}


def test_categories_of_youtube_vos():
    meta = {"videos": {"bear": {"objects": {"1": {"category": "giant panda"}, "2": {}, "x": 5}}}}
    files = {
        "train/Annotations/bear/00000.png": png(FIRST),
        "train/meta.json": json.dumps(meta).encode(),
    }
    assert recognised(HeldFiles(files, "vos")) == ["davis"]
    _, (picture,) = read_held("davis", files, "vos")
    assert entries_of(picture) == [
        ("vos/train/bear", "1", ("giant panda",)),
        ("vos/train/bear", "2", ()),
    ]
    for other in (b"no JSON", b"[]", b'{"videos": [1]}', b'{"videos": {"bear": {"objects": 7}}}'):
        _, (picture,) = read_held("davis", {**files, "train/meta.json": other}, "vos")
        assert [entry.groups for entry in picture.entries] == [(), ()]


def test_what_is_no_index_is_refused(tmp_path):
    files = davis()
    files["Annotations/480p/bear/00001.png"] = png(np.zeros((*SHAPE, 3)), None)
    files["Annotations/480p/camel/00000.png"] = b"no PNG"
    report = iidindex.import_archive(put(tmp_path / "DAVIS", files), tmp_path / "out")
    assert (report.pictures, report.refused) == (1, {"picture": 2})
    told = "\n".join(report.first_refused["picture"])
    assert "bear/00001.jpg: Annotations/480p/bear/00001.png: has colours" in told
    assert "cannot be decoded as PNG" in told


def test_what_is_none_is_not_claimed():
    # Another palette, no palette, and no numbers.
    grey = [part for number in range(256) for part in [number] * 3]
    for data in (png(FIRST, grey), png(FIRST, None)):
        assert recognised(HeldFiles({"bear/00000.png": data}, "x")) == ["labels"]
    assert recognised(HeldFiles({"bear/cell.png": png(FIRST)}, "x")) == ["labels"]
    with pytest.raises(ExchangeError, match="holds no masks of DAVIS"):
        read_held("davis", {"a.png": png(FIRST)})
    with pytest.raises(ExchangeError, match="no field 'id'"):
        read_held("davis", davis(), identity="id")


def test_objects_of_voc():
    classes = plane(_255=(0, 0, 9, 9), _15=(1, 1, 6, 6), _19=(9, 20, 1, 5))
    classes[9, 20] = 1
    files = {
        "VOC2012/Annotations/2007_000032.xml": b"<annotation/>",
        "VOC2012/JPEGImages/2007_000032.jpg": b"",
        "VOC2012/SegmentationObject/2007_000032.png": png(FIRST, VOC),
        "VOC2012/SegmentationObject/2007_000039.png": png(SECOND, VOC),
        "VOC2012/SegmentationClass/2007_000032.png": png(classes, VOC),
        "VOC2012/SegmentationClass/2007_000039.png": png(np.zeros((3, 3)), VOC),
    }
    assert "voc" in recognised(HeldFiles(files, "devkit"))
    assert not {"davis", "labels"} & set(recognised(HeldFiles(files, "devkit")))
    survey, pictures = read_held("voc", files, "devkit", images=HeldFiles(files, "devkit"))
    assert survey.identity == "picture and index, as objects are those of one picture"
    first, second = pictures
    assert (first.name, first.image) == (
        "VOC2012/2007_000032.jpg",
        "VOC2012/JPEGImages/2007_000032.jpg",
    )
    assert entries_of(first) == [
        ("devkit", "VOC2012/2007_000032/1", ("person",)),
        ("devkit", "VOC2012/2007_000032/2", ("train",)),
    ]
    assert [entry.address for entry in second.entries] == [
        b"VOC2012/2007_000039/1",
        b"VOC2012/2007_000039/9",
    ]
    assert [entry.groups for entry in second.entries] == [(), ()]
    assert second.notes == {
        "pictures whose classes are an image of another size than their objects": 1
    }
    assert recognised(HeldFiles({"a.png": png(FIRST, VOC)}, "SegmentationObject")) == ["voc"]
    with pytest.raises(ExchangeError, match="holds no folder SegmentationObject"):
        read_held("voc", {"a.png": png(FIRST)})


def test_whatever_the_bytes_they_are_read_or_refused():
    files = {"Annotations/bear/00000.png": png(FIRST), "Annotations/bear/00001.png": png(SECOND)}
    meta = {"videos": {"bear": {"objects": {"1": {"category": "panda"}}}}}
    files["meta.json"] = json.dumps(meta).encode()
    for which, count in {"Annotations/bear/00001.png": 1200, "meta.json": 400}.items():
        _, taken = survives("davis", files, which, count)
        assert taken >= count, which
    objects = {"SegmentationObject/a.png": png(FIRST), "SegmentationClass/a.png": png(SECOND)}
    for which in objects:
        survives("voc", objects, which, 200)
